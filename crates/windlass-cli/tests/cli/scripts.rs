//! The workers in examples/ that are no Rust.

use std::path::PathBuf;
use std::process::{Child, Command};

use crate::program::{Folder, Server, eventually};

fn repository() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect()
}

/// Submits a job and returns its id.
fn submit(folder: &Folder, server: &Server, kind: &str, payload: &str) -> String {
    folder.ok(&["submit", kind, "--payload", payload, "-o", "id", "--server", &server.url])
}

/// The job once it has ended.
fn ended(folder: &Folder, server: &Server, id: &str) -> serde_json::Value {
    let wait = ["jobs", "wait", id, "--timeout", "60s", "--server", &server.url];
    let code = folder.run(&wait).code;
    assert!(code == 0 || code == 9, "{code}");
    folder.json(&["jobs", "get", id, "--server", &server.url])
}

/// Starts a script; tests end it.
struct Script(Child);

impl Script {
    fn start(program: &str, args: &[&str], server: &Server) -> Self {
        let child = Command::new(program)
            .args(args)
            .current_dir(repository())
            .env("WINDLASS_SERVER", &server.url)
            .env("PYTHONPATH", "clients/python")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("WINDLASS_API_KEY")
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_worker_in_shell_counts_words_and_leaves() {
    if !crate::protocol::has("curl") {
        return;
    }
    let folder = Folder::new();
    let server = Server::start(&folder, &["--api-only"]);
    let first = submit(&folder, &server, "count-words", r#"{"text": "to be or not"}"#);
    let second = submit(&folder, &server, "count-words", r#"{"text": "to be"}"#);

    let mut worker = Script::start("sh", &["examples/curl/worker.sh", "2"], &server);

    assert_eq!(ended(&folder, &server, &first)["result"]["words"], 4);
    assert_eq!(ended(&folder, &server, &second)["result"]["words"], 2);
    assert!(worker.0.wait().unwrap().success());
}

#[test]
fn the_worker_in_python_counts_fails_and_tries_again() {
    if !crate::protocol::has("python3") {
        return;
    }
    let folder = Folder::new();
    let server = Server::start(&folder, &["--api-only"]);
    let counted = submit(&folder, &server, "count-words", r#"{"text": "to be or not"}"#);
    let wrong = submit(&folder, &server, "count-words", "{}");
    let again = submit(&folder, &server, "fetch-page", "{}");

    let mut worker = Script::start("python3", &["examples/python/worker.py"], &server);

    assert_eq!(ended(&folder, &server, &counted)["result"]["words"], 4);
    assert_eq!(ended(&folder, &server, &wrong)["reason"], "permanent");
    assert_eq!(ended(&folder, &server, &again)["result"]["attempt"], 2);
    let told = Command::new("kill").args(["-TERM", &worker.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    let code = eventually(|| worker.0.try_wait().unwrap());
    assert!(code.success(), "{code}");
}
