//! What is written into files: copies of a database, manual pages; and how else data may be printed.

use std::fs;
use std::process::Stdio;

use crate::program::{Folder, Server};

const DATABASE: &str = "sqlite:jobs.db";

#[test]
fn a_copy_is_made_beside_a_server_and_restored_where_nothing_is() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &["--api-only", "--database", DATABASE]);
    server.until("try ");
    let id = folder.ok(&["submit", "echo", "-o", "id", "--server", &server.url]);
    let backup = ["backup", "copy.db", "--database", DATABASE];

    folder.ok(&backup);
    folder.ok(&["submit", "echo", "--server", &server.url]);

    assert_eq!(folder.run(&backup).code, 4, "a copy is never written over");
    let restore = ["restore", "copy.db", "--database", DATABASE];
    let refused = folder.run(&restore);
    assert!(refused.code == 4 && refused.stderr.contains("hint: "), "{refused:?}");
    let restored = ["--database", "sqlite:new/restored.db"];
    folder.ok(&[&["restore", "copy.db"][..], &restored].concat());
    assert_eq!(folder.ok(&[&["jobs", "list", "-o", "id"][..], &restored].concat()), id);
    folder.ok(&[&["db", "vacuum"][..], &restored].concat());
    assert!(folder.ok(&[&["db", "check"][..], &restored].concat()).contains("contents  ok"));
    let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains(".part-")));
}

#[test]
fn only_copies_of_databases_are_restored_and_servers_have_their_own_tools() {
    let folder = Folder::new();
    fs::write(folder.path().join("text"), "no database at all, and long enough to look").unwrap();

    let text = folder.run(&["restore", "text", "--database", DATABASE]);
    let absent = folder.run(&["restore", "absent", "--database", DATABASE]);
    let server = folder.run(&["backup", "copy.db", "--database", "postgres://db.example/jobs"]);

    assert_eq!((text.code, absent.code), (2, 2), "{text:?} {absent:?}");
    assert!(server.code == 2 && server.stderr.contains("pg_dump"), "{server:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
}

#[test]
fn a_page_is_written_for_every_command() {
    let folder = Folder::new();

    let first = folder.ok(&["man"]);
    folder.ok(&["man", "--out", "man1"]);

    assert!(first.contains(".TH"), "{first}");
    for page in ["windlass.1", "windlass-jobs.1", "windlass-jobs-list.1", "windlass-serve.1"] {
        assert!(folder.path().join("man1").join(page).exists(), "{page}");
    }
}

#[test]
fn a_job_is_given_its_signal_once() {
    let folder = Folder::new();
    let at = |args: &[&str]| folder.run(&[args, &["--database", DATABASE]].concat());
    let id = at(&["submit", "echo", "-o", "id"]).stdout;
    let id = id.trim();

    let first = at(&["jobs", "signal", id, "approved", "--payload", r#"{"by":"Ada"}"#]);
    let second = at(&["jobs", "signal", id, "approved", "-o", "yaml"]);

    assert_eq!((first.code, second.code), (0, 0), "{first:?} {second:?}");
    assert!(second.stderr.contains("was given `approved` before"), "{second:?}");
    assert!(second.stdout.contains("new: false\n"), "{second:?}");
    assert_eq!(at(&["jobs", "signal", "1", "approved"]).code, 3);
    assert_eq!(at(&["jobs", "signal", id, "approved", "--payload", "{"]).code, 2);
    assert_eq!(
        at(&["jobs", "logs", id, "-o", "json"]).stdout.replace([' ', '\n'], ""),
        "{\"lines\":[]}"
    );
}

#[test]
fn nobody_is_asked_when_input_is_forbidden() {
    let folder = Folder::new();
    let at = |args: &[&str]| folder.run(&[args, &["--database", DATABASE]].concat());
    let id = at(&["submit", "echo", "-o", "id"]).stdout;

    let refused = at(&["--no-input", "jobs", "delete", id.trim()]);

    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("--no-input") && refused.stderr.contains("--yes"));
    assert_eq!(at(&["--no-input", "jobs", "delete", id.trim(), "--yes"]).code, 0);
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let folder = Folder::new();
    let mut child = folder.command(&["openapi"]).stdout(Stdio::piped()).spawn().unwrap();

    // The page is larger than a pipe holds, so the writer meets the closed end.
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();

    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
}
