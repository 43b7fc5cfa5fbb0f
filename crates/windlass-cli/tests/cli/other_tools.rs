//! The command lines of other tools: `gq` and `pgqueue`.

use serde_json::{Value, json};

use crate::program::{Done, Folder, Server};

fn pgqueue(folder: &Folder, server: &Server, args: &[&str]) -> Done {
    let address = server.url.trim_start_matches("http://");
    let own = ["pgqueue", "--http.addr", address];
    folder.run(&own.into_iter().chain(args.iter().copied()).collect::<Vec<_>>())
}

fn object(done: &Done) -> Value {
    assert_eq!(done.code, 0, "{done:?}");
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn gq_submits_and_shows_jobs() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--api-only"]);
    let gq = |args: &[&str]| {
        let own = ["gq", "--server", &server.url];
        folder.run(&own.into_iter().chain(args.iter().copied()).collect::<Vec<_>>())
    };

    let done = gq(&["submit", "-t", "email", "--tag", "a=1,b=2", "--tag", "c=3"]);

    assert_eq!(done.code, 0, "{done:?}");
    let lines: Vec<&str> = done.stdout.lines().collect();
    let id = lines[0].strip_prefix("Job submitted: ").unwrap();
    assert_eq!(lines[1], "  State: pending");
    let job = object(&gq(&["status", id, "--format", "json"]));
    assert_eq!(job["max_attempts"], 3);
    assert_eq!(job["priority"], 2);
    assert_eq!(job["payload"], json!({}));
    assert_eq!(job["tags"], json!({ "a": "1", "b": "2", "c": "3" }));
    let shown = gq(&["status", id]).stdout;
    assert!(shown.starts_with(&format!("Job: {id}\n  Type: email\n  State: pending")), "{shown}");
    let list = gq(&["status", "--state", "pending", "--type", "email"]).stdout;
    let header: Vec<&str> = list.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["ID", "TYPE", "STATE", "PRIORITY", "ATTEMPTS", "CREATED"]);
    assert!(list.contains(id) && list.ends_with("Total: 1 jobs\n"), "{list}");
    assert!(gq(&["status", "--state", "scheduled"]).stdout.ends_with("Total: 0 jobs\n"));
    let none = object(&gq(&["status", "--state", "scheduled", "--format", "json"]));
    assert_eq!(none["count"], 0);
    assert_eq!(object(&gq(&["status", "--stats", "--format", "json"]))["queue"]["pending"], 1);
    assert!(gq(&["submit", "-t", "email", "-v"]).stdout.starts_with("{\n  \"id\""));
    assert!(gq(&["version"]).stdout.starts_with("gq version "));
    assert_eq!(gq(&["submit"]).code, 2);
    assert_eq!(gq(&["status", "1"]).code, 3);
}

#[test]
fn pgqueue_does_what_it_says() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--api-only"]);
    let ok = |args: &[&str]| object(&pgqueue(&folder, &server, args));

    let queue = ok(&["create-queue", "mail", "--ttl", "2h", "--retries", "5"]);

    assert_eq!(queue["ttl"], 7_200_000_000_000_i64);
    assert_eq!(queue["retry_delay"], 120_000_000_000_i64);
    assert_eq!(ok(&["update-queue", "mail", "--retry-delay", "1s"])["retry_delay"], 1_000_000_000);
    assert_eq!(ok(&["queue", "mail"])["retries"], 5);
    assert_eq!(ok(&["queues", "--limit", "1"])["count"], 1);
    let task = ok(&["create-task", "mail", "--payload", "18446744073709551616"]);
    let id = task["id"].to_string();
    let shown = pgqueue(&folder, &server, &["tasks", "--queue", "mail", "--status", "new"]).stdout;
    assert!(shown.contains("      \"payload\": 18446744073709551616,\n"), "{shown}");
    assert_eq!(ok(&["retain-task", "--worker", "w", "mail"])["id"], task["id"]);
    let none = pgqueue(&folder, &server, &["retain-task", "--worker", "w"]);
    assert_eq!((none.code, none.stderr.as_str()), (3, "error: Not Found: no task available\n"));
    let failed = ok(&["complete-task", &id, "--error", r#"{"why":1}"#]);
    assert_eq!((&failed["status"], &failed["result"]), (&json!("retry"), &json!({ "why": 1 })));
    let ticker = ok(&["create-ticker", "t", "--interval", "5m", "--payload", "[1]"]);
    assert_eq!(ticker["interval"], 300_000_000_000_i64);
    assert_eq!(ok(&["update-ticker", "t", "--interval", "1h"])["payload"], json!([1]));
    assert_eq!(ok(&["ticker", "t"])["interval"], 3_600_000_000_000_i64);
    assert_eq!(ok(&["tickers"])["count"], 1);
    assert_eq!(ok(&["delete-ticker", "t"])["ticker"], "t");
    assert_eq!(ok(&["namespaces"]), json!({ "count": 1, "body": ["default"] }));
    assert_eq!(ok(&["delete-queue", "mail"])["queue"], "mail");
    assert_eq!(pgqueue(&folder, &server, &["queue", "mail"]).code, 3);
    assert_eq!(pgqueue(&folder, &server, &["create-task", "mail", "--payload", "{"]).code, 2);
}

#[test]
fn the_name_of_the_binary_is_the_tool() {
    let folder = Folder::new();
    for name in ["gq", "pgqueue"] {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_windlass"), folder.path().join(name))
            .unwrap();
    }
    let run = |name: &str, args: &[&str]| {
        let output = std::process::Command::new(folder.path().join(name)).args(args).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };

    assert!(run("gq", &["version"]).starts_with("gq version "));
    assert!(run("pgqueue", &["--help"]).contains("create-ticker"));
}
