//! `windlass status`: the shortcut to one job, the latest jobs, or the counts.

use clap::Args;
use windlass::JobId;

use crate::args::{ClientArgs, FilterArgs, job_id};
use crate::client::{ListRequest, Missing, Target};
use crate::exit::Failure;
use crate::output;

/// The latest jobs fit a terminal.
const LATEST: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The job to show
    #[arg(value_parser = job_id, conflicts_with_all = ["stats", "state", "kind", "queue"])]
    id: Option<JobId>,

    /// Show the counts instead of jobs
    #[arg(long, conflicts_with_all = ["state", "kind", "queue"])]
    stats: bool,

    #[command(flatten)]
    filter: FilterArgs,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: StatusArgs) -> Result<(), Failure> {
    let target = Target::open(&args.client, Missing::Refuse).await?;
    let done = show(&target, args).await;
    target.close().await;
    done
}

async fn show(target: &Target, args: StatusArgs) -> Result<(), Failure> {
    let format = args.client.output;
    if let Some(id) = args.id {
        return output::job(format, &target.get(id).await?);
    }
    if args.stats {
        return output::stats(format, &target.stats().await?);
    }
    let request =
        ListRequest { filter: args.filter, limit: Some(LATEST), ..ListRequest::default() };
    let page = target.list(&request).await?;
    output::jobs(format, &page.document, &page.jobs)
}
