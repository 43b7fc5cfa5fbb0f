//! The commands that hand over to another program, each command line in one named place.

use windlass_servers::Kind;

use crate::Failure;
use crate::cargo::{Env, cargo_with_env, has_subcommand};
use crate::db::with_servers;

const NEXTEST: &[&str] = &["nextest", "run", "--workspace"];
/// nextest cannot run doctests.
const DOCTESTS: &[&str] = &["test", "--workspace", "--doc"];
const CARGO_TEST: &[&str] = &["test", "--workspace"];

const TORTURE: &[&str] = &[
    "run",
    "--profile",
    "torture",
    "-p",
    "windlass-testkit",
    "--bin",
    "torture",
    "--features",
    "torture",
    "--",
];

/// Runs every test, or the ones `args` select, with servers for those that need one.
pub(crate) fn test(args: &[String]) -> Result<(), Failure> {
    with_servers(&Kind::ALL, false, |env| test_with(args, env))
}

/// As [`test()`], with servers that are there already.
///
/// With nextest the doctests are a run of their own. It is left out when arguments are given,
/// because they are nextest's and mean nothing to it.
pub(crate) fn test_with(args: &[String], env: &Env) -> Result<(), Failure> {
    if !has_subcommand("nextest") {
        return cargo_with_env(CARGO_TEST, args, env);
    }
    cargo_with_env(NEXTEST, args, env)?;
    if args.is_empty() {
        cargo_with_env(DOCTESTS, &[], env)?;
    }
    Ok(())
}

/// Runs the kill -9 harness, built for release.
pub(crate) fn torture(args: &[String], env: &Env) -> Result<(), Failure> {
    cargo_with_env(TORTURE, args, env)
}
