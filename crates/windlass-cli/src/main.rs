//! The binary `windlass`: durable background jobs from one command line.
//!
//! Arguments are read into plain structs, one file per subcommand in `cmd/`; whatever goes wrong ends
//! here as one message and one exit code.

mod args;
mod client;
mod cmd;
mod config;
mod demo;
mod examples;
mod exec;
mod exit;
mod output;
mod serve;
mod webhook;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::FromArgMatches;
use tokio::runtime::Runtime;
use windlass::Actor;

use crate::args::{Cli, Command};
use crate::config::Config;
use crate::exit::{Exit, Failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long blocking work may hold up the end of the process.
const BLOCKING_GRACE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    if let Some(exit) = exec::shim::become_command() {
        return exit;
    }
    let cli = match read(&args::words(std::env::args_os())) {
        Ok(cli) => cli,
        Err(Wrong::Line(error)) => {
            // A terminal that went away needs no help text.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8));
        }
        Err(Wrong::File(failure)) => {
            output::say(&failure.to_string());
            return failure.exit.into();
        }
    };
    cmd::confirm::may_ask(!cli.no_input);
    let exit = match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::say(&failure.to_string());
            failure.exit.into()
        }
    };
    output::sink::finish();
    exit
}

/// Why there is nothing to run.
enum Wrong {
    Line(clap::Error),
    File(Failure),
}

/// What the words mean; the servers of other tools are ours.
fn read(words: &[OsString]) -> Result<Cli, Wrong> {
    let cli = parse(args::command(), words).map_err(Wrong::Line)?;
    let served = match &cli.command {
        Command::Serve(serve) => return configured(serve.config.as_deref(), words),
        Command::Gq(args) => args.served(),
        Command::Pgqueue(args) => args.served().map_err(Wrong::File)?,
        _ => None,
    };
    served.map_or(Ok(cli), |words| read(&words))
}

fn parse(line: clap::Command, words: &[OsString]) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&line.try_get_matches_from(words)?)
}

/// The command line once more, with the configuration file under it.
fn configured(file: Option<&Path>, words: &[OsString]) -> Result<Cli, Wrong> {
    let config = Config::open(file).map_err(Wrong::File)?;
    if let Some(warning) = config.warning() {
        output::say(&format!("warning: {warning}"));
    }
    let line = args::command().mut_subcommand("serve", |serve| config.under(serve));
    let mut cli = parse(line, words).map_err(Wrong::Line)?;
    if let Command::Serve(serve) = &mut cli.command {
        serve.declared = config.declared;
    }
    Ok(cli)
}

fn run(command: Command) -> Result<(), Failure> {
    let runtime = Runtime::new().map_err(|error| {
        Failure::new(Exit::Failure, format!("cannot start the threads of the program: {error}"))
    })?;
    let done = runtime.block_on(async {
        match command {
            serve @ Command::Serve(_) => dispatch(serve).await,
            // Whoever opens a database directly leaves lines in the audit as well.
            command => Actor::local().doing(dispatch(command)).await,
        }
    });
    runtime.shutdown_timeout(BLOCKING_GRACE);
    done
}

async fn dispatch(command: Command) -> Result<(), Failure> {
    match &command {
        // It knows its log when it has read its arguments.
        Command::Serve(_) => {}
        Command::Worker(_) => serve::logging::for_workers(),
        _ => serve::logging::for_clients(),
    }
    match command {
        Command::Serve(args) => cmd::serve::run(*args).await,
        Command::Submit(args) => cmd::submit::run(*args).await,
        Command::Status(args) => cmd::status::run(args).await,
        Command::Jobs(args) => cmd::jobs::run(*args).await,
        Command::Dead(args) => cmd::dead::run(*args).await,
        Command::Operations(args) => cmd::operations::run(args).await,
        Command::Queues(args) => cmd::queues::run(args).await,
        Command::Limits(args) => cmd::limits::run(args).await,
        Command::Worker(args) => cmd::worker::run(args).await,
        Command::Workers(args) => cmd::workers::run(args).await,
        Command::Schedules(args) => cmd::schedules::run(args).await,
        Command::Workflows(args) => cmd::workflows::run(args).await,
        Command::Batches(args) => cmd::batches::run(args).await,
        Command::Namespaces(args) => cmd::namespaces::run(args).await,
        Command::Keys(args) => cmd::keys::run(args).await,
        Command::Audit(args) => cmd::audit::run(args).await,
        Command::Stats(args) => cmd::stats::run(&args).await,
        Command::Top(args) => cmd::top::run(&args).await,
        Command::Events(args) => cmd::events::run(*args).await,
        Command::Db(args) => cmd::db::run(args).await,
        Command::Doctor(args) => cmd::doctor::run(args).await,
        Command::Health(args) => cmd::health::run(&args).await,
        Command::Bench(args) => cmd::bench::run(&args).await,
        Command::Config(args) => cmd::config::run(&args),
        Command::Completions(args) => cmd::completions::run(&args),
        Command::Export(args) => cmd::transfer::export(&args).await,
        Command::Import(args) => cmd::transfer::import(&args).await,
        Command::Backup(args) => cmd::backup::backup(&args).await,
        Command::Restore(args) => cmd::backup::restore(&args).await,
        Command::Man(args) => cmd::man::run(&args),
        Command::Gq(args) => cmd::gq::run(*args).await,
        Command::Pgqueue(args) => cmd::pgqueue::run(*args).await,
        Command::Openapi => cmd::openapi::run(),
        Command::Version => cmd::version::run(),
    }
}
