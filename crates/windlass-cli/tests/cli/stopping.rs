//! How `serve` ends: what becomes of running jobs, how fast, and with which code.

use std::time::{Duration, Instant};

use crate::outage::get;
use crate::program::{Folder, Server, eventually};

/// What "at once" may take on a busy machine; a drain that hangs takes the 30 s default.
const SOON: Duration = Duration::from_secs(15);

/// Submits a job that sleeps for ten minutes, and waits until it does.
fn start_sleeping(folder: &Folder, server: &Server) -> String {
    let at = ["--server", &server.url];
    let sleep = ["submit", "sleep", "-p", r#"{"ms":600000}"#, "-o", "id", at[0], at[1]];
    let id = folder.ok(&sleep);
    until_running(folder, server, &id);
    id
}

fn until_running(folder: &Folder, server: &Server, id: &str) {
    eventually(|| {
        let job = folder.json(&["jobs", "get", id, "--server", &server.url]);
        (job["state"] == "running").then_some(())
    });
}

#[test]
fn an_idle_server_ends_at_once_when_asked() {
    for name in ["TERM", "INT"] {
        let folder = Folder::new();
        let server = Server::start(&folder, &[]);
        let asked = Instant::now();

        server.signal(name);
        let (code, text) = server.end();

        assert_eq!(code, 0, "{text}");
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    }
}

#[test]
fn a_stop_lets_running_jobs_finish() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--database", "sqlite:jobs.db"]);
    let sleep = ["submit", "sleep", "-p", r#"{"ms":1500}"#, "-o", "id", "--server", &server.url];
    let id = folder.ok(&sleep);
    until_running(&folder, &server, &id);

    server.signal("TERM");
    let (code, text) = server.end();

    assert_eq!(code, 0, "{text}");
    let job = folder.json(&["jobs", "get", &id, "--database", "sqlite:jobs.db"]);
    assert_eq!(job["state"], "completed");
}

#[test]
fn a_job_that_outlasts_the_stop_is_given_back_uncounted() {
    let folder = Folder::new();
    let args = ["--database", "sqlite:jobs.db", "--shutdown-timeout", "100ms"];
    let server = Server::start(&folder, &args);
    let id = start_sleeping(&folder, &server);
    let asked = Instant::now();

    server.signal("TERM");
    let (code, text) = server.end();

    assert_eq!(code, 0, "{text}");
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    let job = folder.json(&["jobs", "get", &id, "--database", "sqlite:jobs.db"]);
    assert_eq!((&job["state"], &job["attempt"]), (&"pending".into(), &0.into()), "{job}");
    assert_eq!(job["crashes"], 0);
}

#[test]
fn a_second_signal_means_now() {
    for (name, expected) in [("TERM", 143), ("INT", 130)] {
        let folder = Folder::new();
        let mut server = Server::start(&folder, &["--database", "sqlite:jobs.db"]);
        let id = start_sleeping(&folder, &server);
        let asked = Instant::now();

        server.signal("TERM");
        server.until("stopping");
        let asked_to_wait = serde_json::json!({ "ready": false, "stopping": true });
        assert_eq!(get(&server, "/ready"), (503, asked_to_wait));
        server.signal(name);
        let (code, text) = server.end();

        assert_eq!(code, expected, "{text}");
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
        let job = folder.json(&["jobs", "get", &id, "--database", "sqlite:jobs.db"]);
        assert_eq!((&job["state"], &job["attempt"]), (&"pending".into(), &0.into()), "{job}");
    }
}
