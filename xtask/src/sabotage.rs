//! Sees every checker fail: builds the library with its named defects and expects the tests to catch
//! each one. The table in docs/testing.md is the list of what this shows.

use std::process::{Command, Stdio};

use crate::Failure;
use crate::cargo::cargo;

/// Defects by the names that `crates/windlass/src` asks for; docs/testing.md says what each breaks.
/// The second word selects tests: with lost commits most others only wait for their deadline.
pub(crate) const DEFECTS: &[(&str, &str)] = &[
    ("no_fence", ""),
    ("crash_burns_attempt", ""),
    ("cancel_forgotten", ""),
    ("count_forgotten", ""),
    ("unique_forgotten", ""),
    ("unique_kept", ""),
    ("promote_early", ""),
    ("promote_twice", ""),
    ("dead_worker_claims", ""),
    ("priority_ignored", ""),
    ("idempotency_forgotten", ""),
    ("limit_ignored", ""),
    ("parent_ignored", ""),
    ("overlap_ignored", ""),
    ("catch_up_ignored", ""),
    ("commit_skipped", "model"),
];

const TESTS: &[&str] = &[
    "test",
    "-p",
    "windlass",
    "--features",
    "sabotage",
    "--lib",
    "--test",
    "suite",
    "--no-fail-fast",
];

/// What needs a database server: the defects are in what all databases share, and a test that lacks its
/// server would seem to have caught one.
const SERVERS: [&str; 4] = ["postgres", "mysql", "mariadb", "pgbouncer"];

/// Runs the tests once per defect; every run has to fail.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if !args.is_empty() {
        return Err(Failure::Usage("sabotage takes no arguments".to_owned()));
    }
    cargo(&[TESTS, &["--no-run"]].concat(), &[])?;
    let mut missed = Vec::new();
    for (defect, tests) in DEFECTS {
        let caught = catchers(defect, tests)?;
        println!("{defect}: caught by {} tests", caught.len());
        for test in caught.iter().take(3) {
            println!("    {test}");
        }
        if caught.is_empty() {
            missed.push(*defect);
        }
    }
    if missed.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!("no test caught: {}", missed.join(", "))))
}

/// The tests that fail with this defect.
fn catchers(defect: &str, tests: &str) -> Result<Vec<String>, Failure> {
    let output = Command::new("cargo")
        .args(TESTS)
        .args(["--", tests])
        .args(SERVERS.iter().flat_map(|server| ["--skip", server]))
        .env("WINDLASS_SABOTAGE", defect)
        .env("RUST_BACKTRACE", "0")
        .stderr(Stdio::null())
        .output()
        .map_err(|error| Failure::Failed(format!("cannot run cargo: {error}")))?;
    Ok(failed_tests(&String::from_utf8_lossy(&output.stdout)))
}

/// Names of the failed tests in the output of a test runner.
fn failed_tests(output: &str) -> Vec<String> {
    let lines =
        output.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    lines.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_names_of_failed_tests() {
        let output =
            "running 2 tests\ntest a::b ... ok\ntest c::d ... FAILED\n\nfailures:\n    c::d\n";

        assert_eq!(failed_tests(output), ["c::d"]);
        assert!(failed_tests("test a ... ok").is_empty());
    }
}
