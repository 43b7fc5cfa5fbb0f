//! `windlass stats`.

use clap::Args;

use crate::args::ClientArgs;
use crate::client::{Missing, Target};
use crate::exit::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: &StatsArgs) -> Result<(), Failure> {
    let target = Target::open(&args.client, Missing::Refuse).await?;
    let stats = target.stats().await;
    target.close().await;
    output::document(args.client.output, &stats?)
}
