//! Tables are made and changed once, by whoever comes first, and never by a release too old for them.

use windlass::{Clock, Error, NewJob, Queue, schema};
use windlass_testkit::Backend;

use crate::clients::{mariadb, printed, psql};

/// Addresses of new sets of tables, on the servers there are.
fn fresh() -> impl Iterator<Item = String> {
    [Backend::Postgres, Backend::Mysql].into_iter().filter_map(Backend::fresh_url)
}

fn client(url: &str, statements: &str) -> std::process::Output {
    if url.starts_with("postgres") { psql(url, statements) } else { mariadb(url, statements) }
}

/// Statements on the table `meta`, with either server's way to name it.
fn meta(url: &str, name: &str, value: i64) {
    let table = if url.starts_with("postgres") { "windlass.meta" } else { "windlass_meta" };
    let update = format!("update {table} set value = {value} where name = '{name}';");
    printed(&client(url, &update));
}

async fn is_usable(url: &str) {
    let queue = Queue::open(url).await.expect("a database");
    queue.enqueue_new(NewJob::new("mail", "1")).await.expect("a job");
    assert_eq!(queue.verify().await.expect("a check"), Vec::<String>::new());
    queue.close().await;
}

#[tokio::test]
async fn starters_at_the_same_time_make_the_tables_once() {
    for url in fresh() {
        let starters: Vec<_> = (0..6)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { Queue::open(&url).await.map(|_| ()) })
            })
            .collect();

        for starter in starters {
            starter.await.expect("no panic").expect("a database");
        }

        is_usable(&url).await;
    }
}

#[tokio::test]
async fn the_printed_script_leads_to_the_same_tables() {
    for url in fresh() {
        let script = schema::sql(&url, 0, Clock::system().now()).expect("a script");

        printed(&client(&url, &script));

        let status = schema::status(&url).await.expect("a status");
        assert!(status.pending.is_empty(), "{status:?}");
        let queue = Queue::builder().migrate(false).open(&url).await.expect("nothing to change");
        queue.close().await;
        is_usable(&url).await;
    }
}

#[tokio::test]
async fn a_migration_cut_off_at_any_statement_is_taken_up_again() {
    // Elsewhere a migration is one transaction.
    for cut in [1, 2, 3, 7, 12, 18, 21, 24] {
        let Some(url) = Backend::Mysql.fresh_url() else { return };
        let script = schema::sql(&url, 0, Clock::system().now()).expect("a script");
        let statements: Vec<&str> = script.split(";\n").take(cut).collect();
        printed(&mariadb(&url, &format!("{};", statements.join(";\n"))));

        is_usable(&url).await;
    }
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused_only_if_it_says_so() {
    for url in fresh() {
        is_usable(&url).await;

        meta(&url, "schema", 99);
        is_usable(&url).await;
        meta(&url, "compatible_from", 99);
        let error = Queue::open(&url).await.expect_err("refused");

        assert!(matches!(error, Error::Incompatible { .. }), "{error}");
        assert!(error.to_string().contains("install a newer Windlass"), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_made_where_that_is_not_wanted() {
    for url in fresh() {
        let error = Queue::builder().migrate(false).open(&url).await.expect_err("refused");

        assert!(error.to_string().contains("run `windlass db migrate`"), "{error}");
        let status = schema::status(&url).await.expect("a status");
        assert_eq!((status.number, status.pending.first()), (0, Some(&1)));
        assert_eq!(status.pending.last(), Some(&status.known));
    }
}
