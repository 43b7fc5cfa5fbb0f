//! `windlass db`: tables made, counted and printed.

use crate::program::Folder;

#[test]
fn a_new_database_is_migrated_once_and_says_so() {
    let folder = Folder::new();
    let database = "--database=sqlite:jobs.db";

    let missing = folder.run(&["db", "status", database]);
    let made = folder.ok(&["db", "migrate", database]);
    let status = folder.ok(&["db", "status", database]);

    assert_ne!(missing.code, 0);
    assert!(missing.stderr.contains("there is no database at `jobs.db`"), "{}", missing.stderr);
    assert!(made.contains("missing   none"), "{made}");
    assert_eq!(made, status);
}

#[test]
fn the_printed_migrations_lead_to_the_same_schema() {
    let folder = Folder::new();
    let script = folder.ok(&["db", "sql", "--database=sqlite:jobs.db"]);
    let connection = rusqlite::Connection::open(folder.path().join("jobs.db")).unwrap();

    connection.execute_batch(&script).unwrap();
    drop(connection);

    let status = folder.ok(&["db", "status", "--database=sqlite:jobs.db"]);
    assert!(status.contains("missing   none"), "{status}");
    folder.ok(&["submit", "echo", "--database=sqlite:jobs.db"]);
}

#[test]
fn nothing_is_changed_where_that_is_not_wanted() {
    let folder = Folder::new();
    let script = folder.ok(&["db", "sql", "--database=sqlite:jobs.db"]);
    let (first, _) = script.split_once("-- Migration 2").unwrap();
    let connection = rusqlite::Connection::open(folder.path().join("jobs.db")).unwrap();
    connection.execute_batch(&format!("{first} commit;")).unwrap();
    drop(connection);

    let status = folder.run(&["db", "status", "--database=sqlite:jobs.db"]);
    let serve =
        folder.run(&["serve", "--http=127.0.0.1:0", "--no-migrate", "--database=sqlite:jobs.db"]);

    assert!(status.stdout.contains("missing   2, "), "{}", status.stdout);
    assert_eq!(status.code, 1);
    assert!(
        serve.stderr.contains("has schema 1 and this release needs")
            && serve.stderr.contains("run `windlass db migrate`"),
        "{}",
        serve.stderr
    );
    let rest = folder.ok(&["db", "sql", "--after=1", "--database=sqlite:jobs.db"]);
    assert!(rest.contains("-- Migration 2") && !rest.contains("-- Migration 1\n"));
}
