//! `windlass export` and `windlass import`: one database's jobs in another.

use windlass_servers::Kind;

use crate::outage::database;
use crate::program::{Folder, Server};

const SOURCE: [&str; 2] = ["--database", "sqlite:old.db"];

/// A database with a finished job, one that waits, and a queue.
fn source(folder: &Folder) -> (String, String) {
    let server = Server::start(folder, &SOURCE);
    let done =
        folder.ok(&["submit", "echo", "-p", "7", "--wait", "-o", "id", "--server", &server.url]);
    let waits = folder.ok(&["submit", "later", "-p", "8", "-o", "id", "--server", &server.url]);
    folder.ok(&["queues", "create", "mail", "--retries", "3", "--server", &server.url]);
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
    (done, waits)
}

fn round_trip(folder: &Folder, database: &str) {
    let (done, waits) = source(folder);
    let to = ["--database", database];
    folder.ok(&[&["export", "jobs.ndjson"][..], &SOURCE].concat());
    let again = folder.run(&[&["export", "jobs.ndjson"][..], &SOURCE].concat());

    let first = folder.run(&[&["import", "jobs.ndjson"][..], &to].concat());
    let second = folder.run(&[&["import", "jobs.ndjson"][..], &to].concat());

    assert_eq!(again.code, 4, "a file that is there stays: {again:?}");
    assert!(again.stderr.contains("there is a file jobs.ndjson already"), "{again:?}");
    assert!(first.stderr.contains("imported 2 jobs, 2 queues"), "{first:?}");
    assert!(second.stderr.contains("imported 0 jobs, 0 queues"), "{second:?}");
    let job = folder.json(&[&["jobs", "get", &done][..], &to].concat());
    assert_eq!((&job["state"], &job["result"]), (&"completed".into(), &7.into()), "{job}");
    let job = folder.json(&[&["jobs", "get", &waits][..], &to].concat());
    assert_eq!((&job["state"], &job["payload"]), (&"pending".into(), &8.into()), "{job}");
    assert_eq!(folder.json(&[&["queues", "get", "mail"][..], &to].concat())["retries"], 3);
    folder.ok(&[&["doctor", "--deep"][..], &to].concat());
}

#[test]
fn a_namespace_moves_from_sqlite_to_sqlite() {
    let folder = Folder::new();

    round_trip(&folder, "sqlite:new.db");

    let there = folder.run(&["import", "jobs.ndjson", "--dry-run", SOURCE[0], SOURCE[1]]);
    assert!(there.stderr.contains("would import 0 jobs"), "{there:?}");
}

#[test]
fn a_namespace_moves_from_sqlite_to_postgres() {
    let folder = Folder::new();
    let Some((database, _folder)) = database(Kind::Postgres) else { return };

    round_trip(&folder, &database.url());
}

#[test]
fn a_file_that_cannot_be_read_or_is_none_is_named() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("bytes"), [0x80, 0xff, b'\n']).unwrap();

    for (arguments, why) in [
        (["import", "absent"], "cannot read `absent`"),
        (["import", "bytes"], "bytes:1: this is no line of an export"),
        (["restore", "absent"], "there is no copy at `absent`"),
        (["restore", "bytes"], "`bytes` holds no jobs: it is no copy of a database"),
    ] {
        let done = folder.run(&[&arguments[..], &["--database", "sqlite:new.db"]].concat());

        assert_eq!(done.code, 2, "{arguments:?}: {done:?}");
        assert!(done.stderr.contains(why), "{arguments:?}: {done:?}");
    }
}

#[test]
fn an_export_that_fails_leaves_no_file() {
    let folder = Folder::new();
    folder.ok(&["submit", "echo", SOURCE[0], SOURCE[1]]);

    let export = ["export", "jobs.ndjson", "--namespace", "absent"];
    let failed = folder.run(&[&export[..], &SOURCE].concat());

    assert_eq!(failed.code, 3, "{failed:?}");
    assert!(!folder.path().join("jobs.ndjson").exists(), "half an export");
}

#[test]
fn a_line_without_an_end_is_refused() {
    let folder = Folder::new();
    let endless = std::fs::File::create(folder.path().join("endless")).unwrap();
    endless.set_len(257 << 20).unwrap();

    let refused = folder.run(&["import", "endless", "--database", "sqlite:new.db"]);

    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("endless:1: this is no line"), "{refused:?}");
    assert!(refused.stderr.contains("longer than 256 MiB"), "{refused:?}");
}

#[test]
fn what_is_no_whole_export_is_refused_with_its_line() {
    let folder = Folder::new();
    source(&folder);
    folder.ok(&[&["export", "whole"][..], &SOURCE].concat());
    let whole = std::fs::read_to_string(folder.path().join("whole")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let newer = whole.replacen("\"windlass_export\":1", "\"windlass_export\":2", 1);
    let odd = whole.replacen("\"attempt\":", "\"odd\":", 1);
    let count = lines.len();

    for (name, text, why) in [
        ("newer", newer, "newer:1: the export has format 2"),
        ("other", "{}\n".to_owned(), "other:1: this is no export"),
        ("short", lines[..count - 1].join("\n") + "\n", "the export broke off"),
        ("holes", [&lines[..count - 2], &lines[count - 1..]].concat().join("\n"), "are missing"),
        ("odd", odd, "odd:"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
        let done = folder.run(&["import", name, "--database", "sqlite:new.db"]);
        assert_eq!(done.code, 2, "{name}: {done:?}");
        assert!(done.stderr.contains(why), "{name}: {done:?}");
    }
}
