//! Everything a change must pass, in order of price: the cheapest check fails first.

use std::time::Instant;

use windlass_servers::Kind;

use crate::Failure;
use crate::cargo::{Env, cargo, cargo_with_env, has_subcommand};
use crate::db::with_servers;
use crate::{bench, commands, e2e, sabotage, schemathesis, tidy, versions};

/// Enough kills to meet every named crash point more than once, and still a minute or so.
const TORTURE_CYCLES: &str = "50";

/// On each server: some kills of producers and workers, and nodes under database crashes. Half a
/// minute each; the servers are the runs' own, because they are crashed.
const SERVER_TORTURE: [&str; 2] =
    ["--cycles 12", "--nodes 3 --jobs 80 --minutes 0.3 --kill-every 1s --crash-database-every 7s"];

/// What to torture beside SQLite, by the names that torture knows.
const TORTURED_SERVERS: [(Kind, &str); 2] =
    [(Kind::Postgres, "postgres"), (Kind::MariaDb, "mysql")];

/// Each set must compile alone and without a warning: a user picks features, we only ever build our
/// own mix.
const FEATURE_SETS: &[&[&str]] = &[
    &["--no-default-features", "--features", "sqlite"],
    &["--no-default-features", "--features", "postgres"],
    &["--no-default-features", "--features", "mysql"],
    &["--no-default-features", "--features", "testing"],
];

/// What needs no server and fails soonest.
type Check = (&'static str, fn() -> Result<(), Failure>);

/// What runs tests; the environment names the servers they use.
type Step = (&'static str, fn(&Env) -> Result<(), Failure>);

const CHECKS: &[Check] =
    &[("fmt", fmt), ("clippy", clippy), ("features", features), ("doc", doc), ("tidy", tidy_all)];

const STEPS: &[Step] = &[
    ("test", |env| commands::test_with(&[], env)),
    ("browser", |_| e2e::smoke()),
    ("torture", torture),
    ("torture of servers", torture_of_servers),
    ("torture checks", torture_checks),
];

const FULL_STEPS: &[Step] = &[
    ("deny", |_| deny()),
    ("schemathesis", |_| schemathesis::run(&[])),
    ("browser, all of it", |_| e2e::run(&[])),
    ("pooled", commands::pooled),
    ("versions", |_| versions::run(&[])),
    ("idle", idle),
    ("sabotage", |_| sabotage::run(&[])),
    ("bench", |_| bench::run(&[])),
];

/// Tests that count over real time, with the machine to themselves.
const IDLE: &[&str] =
    &["test", "-p", "windlass", "--all-features", "--test", "suite", "--", "--ignored"];

/// Runs the steps and stops at the first that fails.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let more_steps = match args {
        [] => &[],
        [flag] if flag == "--full" => FULL_STEPS,
        _ => return Err(Failure::Usage("ci takes --full and nothing else".to_owned())),
    };
    let started = Instant::now();
    CHECKS.iter().try_for_each(|(name, action)| timed(name, action))?;
    with_servers(&Kind::ALL, false, |env| {
        let mut steps = STEPS.iter().chain(more_steps);
        steps.try_for_each(|(name, action)| timed(name, || action(env)))
    })?;
    println!("== ci passed in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn timed(name: &str, action: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    println!("== {name}");
    let started = Instant::now();
    let result = action();
    let verdict = if result.is_ok() { "done" } else { "FAILED" };
    println!("== {name} {verdict} in {:.1} s", started.elapsed().as_secs_f64());
    result
}

fn fmt() -> Result<(), Failure> {
    cargo(&["fmt", "--all", "--check"], &[])
}

/// With all features, so that the kill -9 harness is among what is looked at.
fn clippy() -> Result<(), Failure> {
    let everything = ["clippy", "--workspace", "--all-targets", "--all-features"];
    cargo(&[&everything[..], &["--", "-D", "warnings"]].concat(), &[])
}

fn doc() -> Result<(), Failure> {
    let deny_warnings = vec![("RUSTDOCFLAGS", "-D warnings".to_owned())];
    cargo_with_env(&["doc", "--workspace", "--no-deps"], &[], &deny_warnings)
}

fn torture(env: &Env) -> Result<(), Failure> {
    commands::torture(&["--cycles", TORTURE_CYCLES].map(str::to_owned), env)
}

/// A server that the tests had to skip is left out here as well.
fn torture_of_servers(env: &Env) -> Result<(), Failure> {
    let is_there = |kind: Kind| env.iter().any(|(variable, _)| *variable == kind.variable());
    for (_, database) in TORTURED_SERVERS.into_iter().filter(|(kind, _)| is_there(*kind)) {
        for run in SERVER_TORTURE {
            let words = format!("--database {database} {run}");
            commands::torture(&words.split(' ').map(str::to_owned).collect::<Vec<_>>(), env)?;
        }
    }
    Ok(())
}

/// The reconciliation's own tests: each finding is seen once.
fn torture_checks(env: &Env) -> Result<(), Failure> {
    cargo_with_env(&["test", "-p", "windlass-testkit", "--features", "torture"], &[], env)
}

fn idle(env: &Env) -> Result<(), Failure> {
    cargo_with_env(IDLE, &[], env)
}

fn deny() -> Result<(), Failure> {
    if !has_subcommand("deny") {
        println!("skipped: cargo-deny is not installed");
        return Ok(());
    }
    cargo(&["deny", "check", "bans", "licenses", "sources"], &[])
}

fn features() -> Result<(), Failure> {
    FEATURE_SETS.iter().try_for_each(|set| {
        cargo(&[&["clippy", "-p", "windlass"], *set, &["--", "-D", "warnings"]].concat(), &[])
    })
}

fn tidy_all() -> Result<(), Failure> {
    tidy::run(&[])
}
