//! Client commands against a running server, and what `serve` does with its jobs.

use crate::program::{Folder, Server, eventually};

#[test]
fn a_submitted_job_is_run_and_its_result_shown() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let payload = r#"{"n": 9007199254740993}"#;

    let done = folder.run(&[
        "submit",
        "echo",
        "-p",
        payload,
        "--wait",
        "--server",
        &server.url,
        "-o",
        "jsonl",
    ]);

    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains(r#""state":"completed""#), "{done:?}");
    assert!(done.stdout.contains(r#""result":{"n":9007199254740993}"#), "{done:?}");
    assert!(folder.path().join("data/windlass.db").exists());
}

#[test]
fn the_built_in_handlers_do_what_they_say() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let run = |args: &[&str]| {
        let wait = ["submit", "--wait", "--server", &server.url, "-o", "json"];
        folder.run(&wait.into_iter().chain(args.iter().copied()).collect::<Vec<_>>())
    };

    let slept = run(&["sleep", "-p", r#"{"ms":20}"#]);
    let failed = run(&["fail", "-p", r#"{"message":"no luck","permanent":true}"#]);
    let exhausted = run(&["error", "--max-attempts", "1"]);
    let unreadable = run(&["sleep", "-p", "\"long\""]);

    assert_eq!(slept.code, 0, "{slept:?}");
    assert!(slept.stdout.contains(r#""slept_ms": 20"#), "{slept:?}");
    assert_eq!(failed.code, 9, "{failed:?}");
    assert!(failed.stderr.contains("ended failed (permanent): no luck"), "{failed:?}");
    assert_eq!(exhausted.code, 9, "{exhausted:?}");
    assert!(exhausted.stderr.contains("ended dead_letter (exhausted)"), "{exhausted:?}");
    assert_eq!(unreadable.code, 9, "{unreadable:?}");
}

#[test]
fn problems_of_the_server_become_exit_codes() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--api-only"]);
    let server = ["--server", &server.url];
    let code = |args: &[&str]| {
        let done = folder.run(&args.iter().copied().chain(server).collect::<Vec<_>>());
        assert!(done.stderr.starts_with("error: "), "{done:?}");
        done.code
    };

    let submit = ["submit", "echo", "-o", "id", server[0], server[1]];
    let id = folder.ok(&submit);

    assert_eq!(code(&["jobs", "get", "7"]), 3);
    assert_eq!(code(&["jobs", "list", "--namespace", "nobody"]), 3);
    assert_eq!(code(&["submit", "no spaces"]), 2);
    assert_eq!(code(&["submit", "echo", "--max-attempts", "0"]), 2);
    assert_eq!(code(&["jobs", "retry", &id]), 4);
    assert_eq!(code(&["jobs", "wait", &id, "--timeout", "20ms"]), 7);
}

#[test]
fn jobs_are_steered_through_a_server_as_in_a_database() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--api-only"]);
    let at = |args: &[&str]| {
        folder.ok(&args.iter().copied().chain(["--server", &server.url]).collect::<Vec<_>>())
    };
    let submit = ["submit", "echo", "--delay", "1h", "--tag", "a=b", "-o", "id"];
    let id = at(&submit);

    let listed = at(&["jobs", "list", "--state", "delayed", "--order", "asc", "-o", "id"]);
    let cancelled = at(&["jobs", "cancel", &id, "--reason", "obsolete", "-o", "jsonl"]);
    let retried = at(&["jobs", "retry", &id, "--priority", "high", "-o", "jsonl"]);
    let stats = at(&["status", "--stats"]);
    at(&["jobs", "delete", &id, "--yes"]);

    assert_eq!(listed, id);
    assert!(cancelled.contains(r#""last_error":"obsolete""#), "{cancelled}");
    assert!(retried.contains(r#""state":"pending""#), "{retried}");
    assert!(retried.contains(r#""priority":1"#), "{retried}");
    assert!(stats.lines().any(|line| line.starts_with("queue.pending ")), "{stats}");
    assert_eq!(at(&["jobs", "list", "-o", "id"]), "");
}

#[test]
fn a_running_job_is_cancelled() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--log-level", "windlass=debug"]);
    let sleep = ["submit", "sleep", "-p", r#"{"ms":600000}"#, "-o", "id", "--server", &server.url];
    let id = folder.ok(&sleep);

    folder.ok(&["jobs", "cancel", &id, "--server", &server.url]);
    let waited = folder.run(&["jobs", "wait", &id, "--server", &server.url]);

    assert_eq!(waited.code, 9, "{waited:?}");
    assert!(waited.stderr.contains("ended cancelled (request)"), "{waited:?}");
}

#[test]
fn a_worker_serves_the_queues_it_is_told_to() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--queues", "a,b"]);
    let submit = |queue: &str, timeout: &str| {
        let job = ["submit", "echo", "--queue", queue, "--wait", "--wait-timeout", timeout];
        folder.run(&job.into_iter().chain(["--server", &server.url]).collect::<Vec<_>>()).code
    };

    assert_eq!(submit("b", "1m"), 0);
    assert_eq!(submit("c", "100ms"), 7);
}

#[test]
fn the_demo_fills_a_database_of_its_own() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--demo"]);
    let list = ["jobs", "list", "--type", "demo.email", "-o", "id", "--server", &server.url];

    let first = eventually(|| folder.ok(&list).lines().next().map(str::to_owned));
    let waited = folder.run(&["jobs", "wait", &first, "--server", &server.url]);

    let lists = |what: &str, name: &str| {
        let list = [what, "list", "--server", &server.url];
        eventually(|| folder.ok(&list).contains(name).then_some(()));
    };
    lists("schedules", "demo-digest");
    lists("workflows", "album");

    assert_eq!(waited.code, 0, "{waited:?}");
    assert!(folder.path().join("data/demo.db").exists());
    assert!(!folder.path().join("data/windlass.db").exists());
}

#[test]
fn a_port_in_use_is_refused_before_the_database_is_touched() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--api-only"]);
    let address = server.url.trim_start_matches("http://").to_owned();

    let second = folder.run(&["serve", "--http", &address, "--database", "sqlite:second.db"]);

    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.stderr.contains(&format!("cannot listen on {address}")), "{second:?}");
    assert!(!folder.path().join("second.db").exists());
}

#[test]
fn a_job_is_followed_to_its_end_and_shown_on_top() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);

    let done = folder.run(&[
        "submit",
        "echo",
        "-p",
        "7",
        "--follow",
        "-o",
        "json",
        "--server",
        &server.url,
    ]);
    let failed =
        folder.run(&["submit", "fail", "--max-attempts", "1", "-f", "--server", &server.url]);
    let top = folder.ok(&["top", "--limit", "1", "--server", &server.url]);

    let job: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((done.code, &job["result"]), (0, &7.into()), "{done:?}");
    assert!(done.stderr.contains("is completed"), "{done:?}");
    assert_eq!(failed.code, 9, "{failed:?}");
    assert!(failed.stderr.contains("is dead_letter (exhausted), attempt 1"), "{failed:?}");
    assert!(top.contains("RUNNING") && top.contains("completed 1"), "{top}");
}
