//! `windlass top`: how jobs fare, again and again on one screen.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use windlass::{Clock, State};

use crate::args::{ClientArgs, FilterArgs, duration};
use crate::client::{ListRequest, Missing, Target};
use crate::exit::Failure;
use crate::output::{self, Format, Table};

/// Running jobs that are shown.
const RUNNING_MAX: usize = 15;

/// Clears the screen and goes to its beginning.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Time between two looks
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = duration)]
    every: Duration,

    /// End after so many looks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: &TopArgs) -> Result<(), Failure> {
    if args.client.output != Format::Table {
        return Err(
            Failure::usage("`top` is for people").hint("see `windlass stats --watch -o json`")
        );
    }
    let target = Target::open(&args.client, Missing::Refuse).await?;
    let done = show(&target, args).await;
    target.close().await;
    done
}

async fn show(target: &Target, args: &TopArgs) -> Result<(), Failure> {
    let is_screen = std::io::stdout().is_terminal();
    for look in 0..args.limit.unwrap_or(u64::MAX) {
        if look > 0 {
            tokio::time::sleep(args.every).await;
        }
        let page = page(target).await?;
        let before = if is_screen { CLEAR } else { "" };
        output::data(&format!("{before}{page}\n"))?;
    }
    Ok(())
}

/// All of it, so that a screen is written at once.
async fn page(target: &Target) -> Result<String, Failure> {
    let stats = target.stats().await?;
    let filter = FilterArgs { state: vec![State::Running], ..FilterArgs::default() };
    let request = ListRequest { filter, limit: Some(RUNNING_MAX), ..ListRequest::default() };
    let running = target.list(&request).await?;
    let mut counts = Table::without_header();
    for (name, members) in [("queue", "jobs"), ("rates", "rates"), ("workers", "workers")] {
        let Some(section) = stats.object(name) else { continue };
        let cells = section.members().iter().filter(|(name, _)| name != "timestamp");
        let cells = cells.map(|(name, _)| (name.clone(), output::figure(name, section.text(name))));
        let cells = cells.filter(|(_, value)| !matches!(value.as_str(), "0" | "" | "[]" | "0.0"));
        let shown: Vec<String> = cells.map(|(name, value)| format!("{name} {value}")).collect();
        counts.row([members.to_owned(), shown.join("  ")]);
    }
    let mut jobs =
        Table::new(["RUNNING", "TYPE", "QUEUE", "ATTEMPT", "PROGRESS", "WORKER", "SINCE"]);
    for job in &running.jobs {
        let progress = format!("{} {}", job.text("progress"), job.text("progress_message"));
        jobs.row([
            job.text("id"),
            job.text("type"),
            job.text("queue"),
            job.text("attempt"),
            progress.trim_end().to_owned(),
            job.text("worker"),
            job.text("started_at"),
        ]);
    }
    let now = Clock::system().now();
    Ok(format!("windlass top  {now}\n\n{counts}\n{jobs}"))
}
