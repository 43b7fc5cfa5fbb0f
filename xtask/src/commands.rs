//! The commands that hand over to another program, each command line in one named place.

use crate::Failure;
use crate::cargo::{cargo, has_subcommand};

const NEXTEST: &[&str] = &["nextest", "run", "--workspace"];
/// nextest cannot run doctests.
const DOCTESTS: &[&str] = &["test", "--workspace", "--doc"];
const CARGO_TEST: &[&str] = &["test", "--workspace"];

const BENCH: &[&str] = &["run", "--release", "-p", "windlass-cli", "--", "bench"];

const TORTURE: &[&str] = &[
    "run",
    "--release",
    "-p",
    "windlass-testkit",
    "--bin",
    "torture",
    "--features",
    "torture",
    "--",
];

/// Runs every test, or the ones `args` select.
///
/// With nextest the doctests are a run of their own. It is left out when arguments are given,
/// because they are nextest's and mean nothing to it.
pub(crate) fn test(args: &[String]) -> Result<(), Failure> {
    if !has_subcommand("nextest") {
        return cargo(CARGO_TEST, args);
    }
    cargo(NEXTEST, args)?;
    if args.is_empty() {
        cargo(DOCTESTS, &[])?;
    }
    Ok(())
}

/// Runs the benchmark of the command line, built for release.
pub(crate) fn bench(args: &[String]) -> Result<(), Failure> {
    cargo(BENCH, args)
}

/// Runs the kill -9 harness, built for release.
pub(crate) fn torture(args: &[String]) -> Result<(), Failure> {
    cargo(TORTURE, args)
}

/// Says which databases the tests use; none of them is a server.
pub(crate) fn db(args: &[String]) -> Result<(), Failure> {
    match args {
        [verb] if ["up", "down", "status"].contains(&verb.as_str()) => {
            println!("sqlite: embedded, nothing to start");
            Ok(())
        }
        _ => Err(Failure::Usage("db needs one of up, down, status".to_owned())),
    }
}
