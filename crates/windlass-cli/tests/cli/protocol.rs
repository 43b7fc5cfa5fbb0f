//! The worker protocol from outside: the transcript of docs/workers.md, and the client for Python.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::{Folder, Server};

/// What differs from run to run; the page shows an example of each.
const VARYING: [&str; 9] = [
    "id",
    "job_id",
    "worker_id",
    "token",
    "created_at",
    "expires_at",
    "expires_in_ms",
    "request_id",
    "message",
];

fn repository() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect()
}

/// Whether a program is there; says so when it is not.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    let is_there = found.is_ok_and(|status| status.success());
    if !is_there {
        println!("skipped: {program} is not installed");
    }
    is_there
}

/// The blocks of a page in this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    let after = page.split(start.as_str()).skip(1);
    after.filter_map(|rest| rest.split_once("\n```").map(|(block, _)| block)).collect()
}

/// Compares member by member; what varies has to be there.
fn assert_like(shown: &Value, found: &Value, at: &str) {
    match (shown, found) {
        (Value::Object(shown), Value::Object(found)) => {
            let names = |object: &serde_json::Map<String, Value>| {
                object.keys().cloned().collect::<Vec<String>>()
            };
            assert_eq!(names(shown), names(found), "{at}");
            for (name, value) in shown {
                if VARYING.contains(&name.as_str()) || name == "detail" {
                    assert!(!found[name].is_null(), "{at}/{name}");
                } else {
                    assert_like(value, &found[name], &format!("{at}/{name}"));
                }
            }
        }
        (Value::Array(shown), Value::Array(found)) => {
            assert_eq!(shown.len(), found.len(), "{at}");
            for (place, (shown, found)) in shown.iter().zip(found).enumerate() {
                assert_like(shown, found, &format!("{at}/{place}"));
            }
        }
        _ => assert_eq!(shown, found, "{at}"),
    }
}

#[test]
fn the_transcript_of_the_page_is_what_happens() {
    if !has("curl") {
        return;
    }
    let page = std::fs::read_to_string(repository().join("docs/workers.md")).unwrap();
    let (commands, replies) = (blocks(&page, "sh"), blocks(&page, "json"));
    assert_eq!(commands.len(), replies.len(), "each block of commands is followed by its answer");
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);

    let marked = commands.iter().map(|block| format!("{block}\nprintf '\\n--\\n'\n"));
    let script = format!("set -eu\n{}", marked.collect::<String>());
    let done = Command::new("sh")
        .args(["-c", &script])
        .env("SERVER", &server.url)
        .current_dir(folder.path())
        .output()
        .unwrap();

    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    let parts: Vec<&str> = said.split("\n--\n").map(str::trim).collect();
    for (place, (shown, found)) in replies.iter().zip(&parts).enumerate() {
        let shown: Value = serde_json::from_str(shown).unwrap();
        let found: Value = serde_json::from_str(found).unwrap_or_else(|_| panic!("{found}"));
        assert_like(&shown, &found, &format!("block {place}"));
    }
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
}

#[test]
fn the_client_for_python_passes_its_tests() {
    if !has("python3") {
        return;
    }
    let done = Command::new("python3")
        .args(["-m", "unittest", "discover", "-s", "tests", "-t", "."])
        .env("WINDLASS_BINARY", env!("CARGO_BIN_EXE_windlass"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(repository().join("clients/python"))
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    assert!(said.contains("Ran ") && !said.contains("skipped"), "{said}");
}
