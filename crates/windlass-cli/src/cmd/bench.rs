//! `windlass bench`: measures this machine, in a database of its own that is removed afterwards.

use std::path::PathBuf;

use clap::Args;
use windlass_bench::Options;

use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Print every figure by name as one JSON document
    #[arg(long)]
    json: bool,

    /// Where to put the databases: choose the disk you mean to use
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,

    /// Jobs per measurement
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    jobs: u32,

    /// Finished and delayed jobs, each, beside which the drain is repeated; 0 leaves that out
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(0..=100_000_000))]
    history: u32,

    /// Seconds of the latency and of the idle measurement, each
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=3600))]
    seconds: u16,
}

pub(crate) async fn run(args: &BenchArgs) -> Result<(), Failure> {
    let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let options = Options {
        folder: args.folder.clone(),
        jobs: count(args.jobs),
        history: count(args.history),
        seconds: u64::from(args.seconds),
    };
    let figures = windlass_bench::run(&options, output::say)
        .await
        .map_err(|error| Failure::new(Exit::Failure, format!("cannot measure: {error}")))?;
    if args.json {
        output::line(&figures.json().to_string())
    } else {
        output::data(&figures.table())
    }
}
