//! The kill -9 harness: producers and workers on one database are killed over and over, and what
//! they wrote into journals outside of it is compared with it, job by job.
//!
//! Invariant: whatever is random follows from the seed, which is printed.

mod check;
mod child;
mod cycle;
mod database;
mod defaults;
mod facts;
mod fleet;
mod graph;
mod job;
mod journal;
mod keys;
mod producer;
mod reconcile;
mod rerun;
mod round;
mod stage;
mod summary;
mod ticks;
mod worker;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::database::Database;

/// Anything that keeps the harness itself from working.
type Failure = Box<dyn Error + Send + Sync>;

/// Kills producers and workers with SIGKILL over and over and reconciles their journals with the
/// database.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Args)]
struct Options {
    /// How many times to start children and kill some of them
    #[arg(long, default_value_t = 50)]
    cycles: u32,
    /// Repeats the random choices of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Keeps databases and journals also when nothing is wrong
    #[arg(long)]
    keep: bool,
    /// The kind of database; a server is started for the run and thrown away
    #[arg(long, value_enum, default_value = "sqlite")]
    database: Database,
    /// A database to use instead: an empty sqlite:PATH, or a server where tables can be made
    #[arg(long, conflicts_with = "database")]
    url: Option<String>,
    /// Cycles between two checks of all invariants
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    check_every: u32,
    /// Checks recovery with default settings instead of running cycles
    #[arg(long)]
    defaults: bool,
    /// Works off a workflow of so many nodes under kills instead of running cycles
    #[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    graph: Option<u16>,
    #[command(flatten)]
    fleet: fleet::FleetOptions,
}

/// What a child process does.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    Producer(producer::ProducerArgs),
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
}

/// What every child is told.
#[derive(Debug, Args)]
struct Site {
    /// The database.
    #[arg(long)]
    url: String,
    /// The folder of all journals.
    #[arg(long)]
    journals: PathBuf,
    /// The name of this child and of its journal.
    #[arg(long)]
    name: String,
    #[arg(long)]
    seed: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let graph = cli.options.graph.map(usize::from);
    let passed = match cli.role {
        Some(Role::Producer(args)) => producer::run(&args).map(|()| true),
        Some(Role::Worker(args)) => worker::run(&args).map(|()| true),
        None if graph.is_some() => graph::run(&cli.options, graph.unwrap_or_default()),
        None if cli.options.defaults => defaults::run(&cli.options),
        None if cli.options.fleet.nodes.is_some() => fleet::run(&cli.options),
        None => round::run_all(&cli.options),
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            complain(&failure);
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "a test program talks to its terminal")]
fn complain(failure: &Failure) {
    eprintln!("torture: {failure}");
}

/// Prints a line of the report.
#[expect(clippy::print_stdout, reason = "a test program talks to its terminal")]
fn say(line: &str) {
    println!("{line}");
}
