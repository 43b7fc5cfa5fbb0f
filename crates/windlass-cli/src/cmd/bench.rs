//! `windlass bench`: measures this machine, in a database of its own that is removed afterwards.

use std::path::PathBuf;

use clap::Args;
use windlass_bench::{Figures, Options, ServerOptions};

use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Print every figure by name as one JSON document
    #[arg(long)]
    json: bool,

    /// A PostgreSQL or MySQL database to measure on instead, in tables of our own
    #[arg(long, value_name = "URL")]
    database: Option<String>,

    /// Be one of several worker processes of a measurement
    #[arg(long, hide = true, requires = "database")]
    child: bool,

    /// Measure two rates only, for a comparison with other queues
    #[arg(long, hide = true, requires = "database")]
    contender: bool,

    /// Times that each rate is measured on a server; the middle one counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,

    /// Where to put the SQLite databases: choose the disk you mean to use
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,

    /// Jobs per measurement [default: 100000, on a server 40000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    jobs: Option<u32>,

    /// Finished and delayed jobs, each, beside which the drain is repeated; 0 leaves that out
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(0..=100_000_000))]
    history: u32,

    /// Seconds of the latency and of the idle measurement, each
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=3600))]
    seconds: u16,
}

pub(crate) async fn run(args: &BenchArgs) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::Failure, format!("cannot measure: {error}"));
    let figures = match &args.database {
        Some(url) if args.child => {
            return windlass_bench::drain_as_child(url).await.map_err(failed);
        }
        Some(url) => on_server(url, args).await,
        None => on_sqlite(args).await,
    };
    let figures = figures.map_err(failed)?;
    if args.json || args.contender {
        output::line(&figures.json().to_string())
    } else {
        output::data(&figures.table())
    }
}

type Measured = Result<Figures, Box<dyn std::error::Error + Send + Sync>>;

async fn on_sqlite(args: &BenchArgs) -> Measured {
    let mut options = Options {
        folder: args.folder.clone(),
        history: count(args.history),
        seconds: u64::from(args.seconds),
        ..Options::default()
    };
    options.jobs = args.jobs.map_or(options.jobs, count);
    windlass_bench::run(&options, output::say).await
}

async fn on_server(url: &str, args: &BenchArgs) -> Measured {
    let mut options = ServerOptions::new(url);
    options.jobs = args.jobs.map_or(options.jobs, count);
    options.rounds = usize::from(args.rounds);
    options.seconds = u64::from(args.seconds);
    if args.contender {
        return windlass_bench::contend(&options).await;
    }
    windlass_bench::run_on_server(&options, output::say).await
}

fn count(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
