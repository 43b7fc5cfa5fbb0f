//! `windlass worker run`: commands as handlers, through a server and on a database.

use std::path::PathBuf;

use serde_json::Value;

use crate::program::{Folder, Server, eventually};

const DATABASE: [&str; 2] = ["--database", "sqlite:jobs.db"];

/// Does what the type of the job says.
const SCRIPT: &str = r#"
case $WINDLASS_JOB_TYPE in
    echo) cat;;
    told) echo "\"$WINDLASS_JOB_QUEUE $WINDLASS_JOB_ATTEMPT ${#WINDLASS_JOB_ID} <$SECRET>\"";;
    mute) echo "nothing to say" >&2;;
    bytes) printf '\377';;
    permanent) echo "no such picture" >&2; exit 65;;
    later) exit 75;;
    other) echo "out of order" >&2; exit 3;;
    big) head -c 2000000 /dev/zero; echo "still here" >&2;;
    deaf) head -c 1000000 /dev/zero >&2;;
esac
"#;

/// Waits for a file `go`, in a process of its own.
const WAITS: &str = r#"
(while [ ! -e go ]; do sleep 0.05; done) & echo $! > pid.new; mv pid.new pid; wait; echo '"gone"'
"#;

/// The same, and does not heed TERM.
const DEFIES: &str = r#"
trap '' TERM; echo $$ > pid.new; mv pid.new pid; while [ ! -e go ]; do sleep 0.05; done
"#;

/// A folder whose database exists, and a server on it that does the upkeep.
fn serve(folder: &Folder) -> Server {
    Server::start(folder, &["--api-only", DATABASE[0], DATABASE[1]])
}

fn start(folder: &Folder, at: [&str; 2], script: &str) -> Server {
    let options = ["--queue", "default", "--lease", "3s", "--concurrency", "2", at[0], at[1]];
    let command = ["--", "sh", "-c", script];
    Server::start_worker(folder, &[&options[..], &command[..]].concat())
}

fn submit(folder: &Folder, args: &[&str]) -> String {
    folder.ok(&[&["submit"], args, &["-o", "id", DATABASE[0], DATABASE[1]]].concat())
}

fn job(folder: &Folder, id: &str) -> Value {
    folder.json(&["jobs", "get", id, DATABASE[0], DATABASE[1]])
}

fn reaches(folder: &Folder, id: &str, state: &str) -> Value {
    eventually(|| Some(job(folder, id)).filter(|job| job["state"] == state))
}

/// The number of a process that the command wrote into `pid`.
fn process(folder: &Folder) -> PathBuf {
    let text = eventually(|| std::fs::read_to_string(folder.path().join("pid")).ok());
    PathBuf::from(format!("/proc/{}", text.trim()))
}

/// A process that nobody has asked for its end yet counts as gone.
fn is_gone(process: &std::path::Path) -> bool {
    std::fs::read_to_string(process.join("stat"))
        .map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

fn every_exit_code(folder: &Folder, at: [&str; 2]) {
    let payload = r#"{"n": 9007199254740993123}"#;
    let echo = submit(folder, &["echo", "-p", payload]);
    let ids: Vec<String> = ["told", "mute", "bytes", "deaf", "permanent", "other", "big"]
        .iter()
        .map(|kind| submit(folder, &[kind, "--max-attempts", "1"]))
        .collect();
    let later = submit(folder, &["later"]);

    let worker = start(folder, at, SCRIPT);

    assert_eq!(
        reaches(folder, &echo, "completed")["result"].to_string(),
        r#"{"n":9007199254740993123}"#
    );
    let told = reaches(folder, &ids[0], "completed");
    assert_eq!(told["result"], format!("default 1 {} <>", ids[0].len()), "{told}");
    assert_eq!(reaches(folder, &ids[1], "completed")["result"], Value::Null);
    let logs = folder.ok(&["jobs", "logs", &ids[1], DATABASE[0], DATABASE[1]]);
    assert!(logs.contains("nothing to say"), "{logs}");
    assert_eq!(reaches(folder, &ids[2], "completed")["result_base64"], "/w==");
    reaches(folder, &ids[3], "completed");
    let permanent = reaches(folder, &ids[4], "failed");
    assert!(permanent["last_error"].as_str().unwrap().contains("no such picture"), "{permanent}");
    let other = reaches(folder, &ids[5], "dead_letter");
    assert_eq!(other["last_error"], "exit status: 3: out of order");
    let big = reaches(folder, &ids[6], "failed");
    assert!(big["last_error"].as_str().unwrap().contains("more than 1048576 bytes"), "{big}");
    reaches(folder, &later, "retrying");
    worker.signal("TERM");
    assert_eq!(worker.end().0, 0);
}

#[test]
fn a_command_ends_its_job_by_its_exit_code_through_a_server() {
    let folder = Folder::new();
    let server = serve(&folder);

    every_exit_code(&folder, ["--server", &server.url]);
}

#[test]
fn a_command_ends_its_job_by_its_exit_code_on_a_database() {
    let folder = Folder::new();
    submit(&folder, &["echo", "--delay", "1h"]);

    every_exit_code(&folder, DATABASE);
}

#[test]
fn a_cancelled_job_takes_its_commands_children_along() {
    let folder = Folder::new();
    let server = serve(&folder);
    for at in [["--server", &server.url], DATABASE] {
        let _worker = start(&folder, at, WAITS);
        let id = submit(&folder, &["t"]);
        let grandchild = process(&folder);

        folder.ok(&["jobs", "cancel", &id, "--server", &server.url]);

        reaches(&folder, &id, "cancelled");
        assert!(is_gone(&grandchild), "{at:?}");
        std::fs::remove_file(folder.path().join("pid")).unwrap();
    }
}

#[test]
fn a_command_that_defies_its_timeout_is_killed() {
    let folder = Folder::new();
    let server = serve(&folder);
    for at in [["--server", &server.url], DATABASE] {
        let _worker = start(&folder, at, DEFIES);
        let id = submit(&folder, &["t", "--timeout", "1s", "--max-attempts", "1"]);

        let job = reaches(&folder, &id, "dead_letter");

        let error = job["last_error"].as_str().unwrap();
        assert!(error.starts_with("timed out after "), "{at:?}: {error}");
        assert!(is_gone(&process(&folder)), "{at:?}");
        std::fs::remove_file(folder.path().join("pid")).unwrap();
    }
}

#[test]
fn a_stop_lets_commands_finish() {
    let folder = Folder::new();
    let server = serve(&folder);
    for at in [["--server", &server.url], DATABASE] {
        let mut worker = start(&folder, at, WAITS);
        let id = submit(&folder, &["t"]);
        process(&folder);

        worker.signal("TERM");
        worker.until("stopping");
        std::fs::write(folder.path().join("go"), "").unwrap();
        let (code, text) = worker.end();

        assert_eq!(code, 0, "{text}");
        assert_eq!(job(&folder, &id)["result"], "gone", "{at:?}");
        for file in ["go", "pid"] {
            std::fs::remove_file(folder.path().join(file)).unwrap();
        }
    }
}

#[test]
fn a_second_signal_ends_commands_and_gives_their_jobs_back() {
    let folder = Folder::new();
    let server = serve(&folder);
    for at in [["--server", &server.url], DATABASE] {
        let mut worker = start(&folder, at, WAITS);
        let id = submit(&folder, &["t"]);
        let grandchild = process(&folder);

        worker.signal("TERM");
        worker.until("stopping");
        worker.signal("TERM");
        let (code, text) = worker.end();

        assert_eq!(code, 143, "{text}");
        let job = job(&folder, &id);
        assert_eq!((&job["state"], &job["attempt"]), (&"pending".into(), &0.into()), "{job}");
        assert!(is_gone(&grandchild), "{at:?}");
        folder.ok(&["jobs", "cancel", &id, DATABASE[0], DATABASE[1]]);
        std::fs::remove_file(folder.path().join("pid")).unwrap();
    }
}

#[test]
fn the_jobs_of_a_killed_worker_run_elsewhere_and_its_commands_end() {
    let folder = Folder::new();
    let server = serve(&folder);
    let killed = start(&folder, ["--server", &server.url], DEFIES);
    let id = submit(&folder, &["t"]);
    let command = process(&folder);

    killed.signal("KILL");
    killed.end();
    let _other = start(&folder, ["--server", &server.url], "echo 7");

    let job = reaches(&folder, &id, "completed");
    assert_eq!((&job["result"], &job["crashes"]), (&7.into(), &1.into()), "{job}");
    eventually(|| is_gone(&command).then_some(()));
}

#[test]
fn a_worker_of_some_types_leaves_the_others() {
    let folder = Folder::new();
    let server = serve(&folder);
    let (other, mine) = (submit(&folder, &["other"]), submit(&folder, &["mine"]));
    let at = ["--server", &server.url];
    let options = ["--queue", "default", "--type", "mine", at[0], at[1], "--", "cat"];

    let _worker = Server::start_worker(&folder, &options);

    reaches(&folder, &mine, "completed");
    assert_eq!(job(&folder, &other)["state"], "pending");
}

#[test]
fn a_command_that_is_not_there_is_tried_again() {
    let folder = Folder::new();
    let server = serve(&folder);
    let id = submit(&folder, &["t"]);
    let at = ["--server", &server.url];

    let _worker =
        Server::start_worker(&folder, &["--queue", "default", at[0], at[1], "--", "./missing"]);

    let job = reaches(&folder, &id, "retrying");
    assert!(job["last_error"].as_str().unwrap().contains("`./missing` cannot be run"), "{job}");
}
