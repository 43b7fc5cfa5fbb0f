//! Client commands on a database that is opened directly.

use std::process::Stdio;

use crate::program::Folder;

const DATABASE: &str = "--database=sqlite:jobs.db";

fn submit(folder: &Folder, args: &[&str]) -> String {
    let args: Vec<&str> =
        ["submit", DATABASE, "-o", "id"].into_iter().chain(args.iter().copied()).collect();
    folder.ok(&args)
}

#[test]
fn a_submitted_job_is_shown_with_all_its_options() {
    let folder = Folder::new();
    let options = "echo --queue q --priority high --delay 1h --timeout 5s --start-by 2h \
                   --max-attempts 7 --idempotency-key k --correlation-id c --tag a=b --tag x=y=z";
    let mut args: Vec<&str> = options.split_whitespace().collect();
    args.extend(["--payload", r#"{"n": 9007199254740993}"#]);

    let id = submit(&folder, &args);

    let job = folder.json(&["jobs", "get", &id, DATABASE]);
    assert_eq!(job["id"], id.as_str());
    assert_eq!((&job["type"], &job["queue"]), (&"echo".into(), &"q".into()));
    assert_eq!((&job["state"], &job["reason"]), (&"delayed".into(), &"scheduled".into()));
    assert_eq!((&job["priority"], &job["max_attempts"]), (&1.into(), &7.into()));
    assert_eq!(job["timeout_ms"], 5000);
    assert!(job["start_by"].is_string());
    assert_eq!((&job["idempotency_key"], &job["correlation_id"]), (&"k".into(), &"c".into()));
    assert_eq!((&job["tags"]["a"], &job["tags"]["x"]), (&"b".into(), &"y=z".into()));
    let line = folder.ok(&["status", &id, DATABASE, "-o", "jsonl"]);
    assert!(line.contains(r#""payload":{"n":9007199254740993}"#), "{line}");
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn payloads_come_from_files_and_stdin() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("in.json"), "{\"file\":true}\n").unwrap();
    std::fs::write(folder.path().join("in.bin"), [0xff, 0x00]).unwrap();

    let from_file = submit(&folder, &["t", "--payload", "@in.json"]);
    let from_bytes = submit(&folder, &["t", "--payload-file", "in.bin"]);
    let from_stdin = folder.run_with(&["submit", "t", "-p", "-", DATABASE, "-o", "id"], "[1]");

    let get = |id: &str| folder.json(&["jobs", "get", id.trim(), DATABASE]);
    assert_eq!(get(&from_file)["payload"]["file"], true);
    assert_eq!(get(&from_bytes)["payload_base64"], "/wA=");
    assert_eq!(get(&from_stdin.stdout)["payload"][0], 1);
}

#[test]
fn the_same_key_is_the_same_job_and_another_payload_a_conflict() {
    let folder = Folder::new();
    let first = submit(&folder, &["t", "--idempotency-key", "k", "-p", "1"]);

    let second = submit(&folder, &["t", "--idempotency-key", "k", "-p", "1"]);
    let other = folder.run(&["submit", "t", "--idempotency-key", "k", "-p", "2", DATABASE]);

    assert_eq!(first, second);
    assert_eq!(other.code, 4, "{other:?}");
    assert!(other.stderr.starts_with("error: "), "{other:?}");
}

#[test]
fn lists_are_filtered_paged_and_ordered() {
    let folder = Folder::new();
    let ids: Vec<String> =
        ["a", "b", "a", "a"].iter().map(|kind| submit(&folder, &[kind])).collect();
    let list = |args: &str| {
        let args = ["jobs", "list", DATABASE].into_iter().chain(args.split_whitespace());
        let ids = folder.ok(&args.chain(["-o", "id"]).collect::<Vec<_>>());
        ids.lines().map(str::to_owned).collect::<Vec<_>>()
    };

    assert_eq!(list(""), [&*ids[3], &ids[2], &ids[1], &ids[0]]);
    assert_eq!(list("--type a --order asc"), [&*ids[0], &ids[2], &ids[3]]);
    assert_eq!(list("--state running"), [""; 0]);
    assert_eq!(list("--queue other"), [""; 0]);
    assert_eq!(list(&format!("--limit 2 --cursor {}", ids[3])), [&*ids[2], &ids[1]]);
    let page = folder.json(&["jobs", "list", DATABASE, "--limit", "3"]);
    assert_eq!((&page["count"], &page["has_more"]), (&3.into(), &true.into()));
    assert_eq!(page["next_cursor"], ids[1].as_str());
    let table = folder.run(&["jobs", "list", DATABASE, "--limit", "3"]);
    assert!(table.stdout.starts_with("ID "), "{table:?}");
    assert_eq!(table.stdout.lines().count(), 4);
    assert!(table.stderr.contains(&format!("--cursor {}", ids[1])), "{table:?}");
}

#[test]
fn jobs_are_cancelled_retried_and_deleted() {
    let folder = Folder::new();
    let id = submit(&folder, &["t"]);

    let cancelled = folder.json(&["jobs", "cancel", &id, "--reason", "obsolete", DATABASE]);
    let again = folder.run(&["jobs", "cancel", &id, DATABASE]);
    let retried =
        folder.json(&["jobs", "retry", &id, "--reset-attempts", "--priority", "low", DATABASE]);
    let unasked = folder.run(&["jobs", "delete", &id, DATABASE]);
    let deleted = folder.run(&["jobs", "delete", &id, "--yes", DATABASE]);
    let gone = folder.run(&["jobs", "get", &id, DATABASE]);

    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["last_error"], "obsolete");
    assert_eq!(again.code, 4, "{again:?}");
    assert_eq!((&retried["state"], &retried["priority"]), (&"pending".into(), &3.into()));
    assert_eq!(unasked.code, 2, "{unasked:?}");
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    assert_eq!(deleted.code, 0, "{deleted:?}");
    assert_eq!(gone.code, 3, "{gone:?}");
}

#[test]
fn several_jobs_at_once_exit_8_when_only_some_succeed() {
    let folder = Folder::new();
    let (one, two) = (submit(&folder, &["t"]), submit(&folder, &["t"]));

    let partly = folder.run(&["jobs", "cancel", &one, "7", DATABASE, "-o", "id"]);
    let all = folder.run(&["jobs", "retry", &one, "--delay", "1h", DATABASE, "-o", "id"]);
    let none = folder.run(&["jobs", "cancel", "7", "8", DATABASE]);
    let both = folder.run(&["jobs", "cancel", &one, &two, DATABASE, "-o", "id"]);

    assert_eq!((partly.code, partly.stdout), (8, format!("{one}\n")));
    assert!(partly.stderr.contains("job 7") && partly.stderr.contains("1 of 2"));
    assert_eq!(all.code, 0, "{all:?}");
    assert_eq!(none.code, 3, "{none:?}");
    assert_eq!((both.code, both.stdout), (0, format!("{one}\n{two}\n")));
}

#[test]
fn a_wait_that_nobody_ends_exits_7() {
    let folder = Folder::new();
    let id = submit(&folder, &["t"]);

    let done = folder.run(&["jobs", "wait", &id, "--timeout", "20ms", DATABASE]);

    assert_eq!(done.code, 7, "{done:?}");
    assert!(done.stderr.contains(&format!("windlass jobs wait {id}")), "{done:?}");
    assert!(done.stdout.is_empty());
}

#[test]
fn counts_and_the_doctor_see_the_database() {
    let folder = Folder::new();
    submit(&folder, &["t"]);

    let stats = folder.json(&["stats", DATABASE]);
    let table = folder.ok(&["status", "--stats", DATABASE]);
    let doctor = folder.ok(&["doctor", "--deep", DATABASE]);
    let no_ids = folder.run(&["stats", DATABASE, "-o", "id"]);

    assert_eq!(stats["queue"]["pending"], 1);
    assert!(table.lines().any(|line| line.starts_with("queue.pending ") && line.ends_with(" 1")));
    assert!(doctor.contains("schema    ok") && doctor.contains("contents  ok"), "{doctor}");
    assert_eq!(no_ids.code, 2, "{no_ids:?}");
}

#[test]
fn the_doctor_finds_damage() {
    let folder = Folder::new();
    let page = submit(&folder, &["t"]);
    std::fs::write(folder.path().join("text.db"), page.repeat(300)).unwrap();

    let done = folder.run(&["doctor", "--database=sqlite:text.db"]);

    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("finding   "), "{done:?}");
}

#[test]
fn the_environment_names_the_database_unless_a_server_is_named() {
    let folder = Folder::new();
    let id = submit(&folder, &["t"]);
    let list = |server: &[&str]| {
        let args: Vec<&str> =
            ["jobs", "list", "-o", "id"].into_iter().chain(server.iter().copied()).collect();
        let output =
            folder.command(&args).env("WINDLASS_DATABASE", "sqlite:jobs.db").output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };

    assert_eq!(list(&[]), (Some(0), format!("{id}\n")));
    assert_eq!(list(&["--server", "http://127.0.0.1:1"]).0, Some(6));
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let folder = Folder::new();
    submit(&folder, &["t"]);
    let mut child = folder.command(&["jobs", "list", DATABASE]).spawn().unwrap();

    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn an_unknown_namespace_is_not_found() {
    let folder = Folder::new();
    submit(&folder, &["t"]);
    let mut command = folder.command(&["jobs", "list", DATABASE, "--namespace", "nobody"]);

    let output = command.stderr(Stdio::piped()).output().unwrap();

    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_job_says_why_it_does_not_run() {
    let folder = Folder::new();
    let parent = submit(&folder, &["t", "--delay", "1h"]);
    let child = submit(&folder, &["t", "--after", &parent]);

    let shown = folder.ok(&["jobs", "explain", &child, DATABASE]);
    let whole = folder.json(&["jobs", "explain", &parent, DATABASE]);

    assert!(shown.contains("blocked") && shown.contains(&parent), "{shown}");
    assert_eq!(whole["runnable"], false);
    let codes: Vec<_> =
        whole["blockers"].as_array().unwrap().iter().map(|blocker| &blocker["code"]).collect();
    assert_eq!(codes, ["no_worker", "scheduled"]);
}
