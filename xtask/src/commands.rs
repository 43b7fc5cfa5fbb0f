//! The commands that hand over to another program, each command line in one named place.

use windlass_servers::Kind;

use crate::Failure;
use crate::cargo::{Env, cargo_with_env, has_subcommand};
use crate::db::with_servers;

const NEXTEST: &[&str] = &["nextest", "run", "--workspace"];
/// nextest cannot run doctests.
const DOCTESTS: &[&str] = &["test", "--workspace", "--doc"];
const CARGO_TEST: &[&str] = &["test", "--workspace"];
/// PgBouncer is another way to PostgreSQL and no other database: what depends neither on sessions nor on
/// notifications is run through it by [`pooled`] only.
const NOT_POOLED: &[&str] = &["--", "--skip", "::pgbouncer::"];
const POOLED: &[&str] = &["test", "--workspace", "--test", "suite", "--"];
/// What does: files of the behaviour suite.
const POOLED_FILES: &[&str] = &[
    "cancel",
    "claim",
    "complete",
    "enqueue",
    "events",
    "idempotency",
    "lease",
    "limits",
    "order",
    "remote",
    "replies",
    "schedules",
    "shutdown",
    "unique",
    "workflows",
];

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
    if !has_subcommand("nextest") && args.is_empty() {
        cargo_with_env(&[CARGO_TEST, NOT_POOLED].concat(), &[], env)?;
        let files = POOLED_FILES.iter().map(|file| format!("{file}::pgbouncer::"));
        return cargo_with_env(POOLED, &files.collect::<Vec<_>>(), env);
    }
    if !has_subcommand("nextest") {
        return cargo_with_env(CARGO_TEST, args, env);
    }
    cargo_with_env(NEXTEST, args, env)?;
    if args.is_empty() {
        cargo_with_env(DOCTESTS, &[], env)?;
    }
    Ok(())
}

/// Runs the whole behaviour suite through `PgBouncer`.
pub(crate) fn pooled(env: &Env) -> Result<(), Failure> {
    cargo_with_env(POOLED, &["::pgbouncer::".to_owned()], env)
}

/// Runs the kill -9 harness, built for release.
pub(crate) fn torture(args: &[String], env: &Env) -> Result<(), Failure> {
    cargo_with_env(TORTURE, args, env)
}
