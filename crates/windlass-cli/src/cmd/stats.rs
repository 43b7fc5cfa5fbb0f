//! `windlass stats`.

use std::time::Duration;

use clap::Args;

use crate::args::{ClientArgs, duration};
use crate::client::{Missing, Target};
use crate::exit::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Show them again and again, until interrupted
    #[arg(short, long)]
    watch: bool,

    /// Time between two looks
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = duration, requires = "watch")]
    every: Duration,

    /// End after so many looks
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: &StatsArgs) -> Result<(), Failure> {
    let target = Target::open(&args.client, Missing::Refuse).await?;
    let done = show(&target, args).await;
    target.close().await;
    done
}

async fn show(target: &Target, args: &StatsArgs) -> Result<(), Failure> {
    let looks = if args.watch { args.limit.unwrap_or(u64::MAX) } else { 1 };
    for look in 0..looks {
        if look > 0 {
            tokio::time::sleep(args.every).await;
            output::line("")?;
        }
        output::stats(args.client.output, &target.stats().await?)?;
    }
    Ok(())
}
