//! `windlass top`: how jobs fare, again and again on one screen.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use windlass::{Clock, State, format_duration};

use crate::args::{ClientArgs, FilterArgs, duration};
use crate::client::{ListRequest, Missing, Target};
use crate::exit::Failure;
use crate::output::{self, Format, Object, Table};

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
        let Some(section) = section(&stats, name) else { continue };
        let cells = section.members().iter().filter(|(name, _)| name != "timestamp");
        let cells = cells.map(|(name, _)| (name.clone(), figure(name, section.text(name))));
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

/// A figure as people read it; times come in nanoseconds.
fn figure(name: &str, value: String) -> String {
    if let (true, Ok(rate)) = (name.ends_with("_per_second"), value.parse::<f64>()) {
        return format!("{rate:.1}");
    }
    match value.parse() {
        Ok(nanos) if nanos > 0 && (name.ends_with("_time") || name == "uptime") => {
            let span = Duration::from_nanos(nanos);
            match (span.as_secs(), span.as_millis()) {
                (0, 0) => format!("{}us", span.as_micros()),
                (0, _) => format_duration(span),
                (seconds, _) => format_duration(Duration::from_secs(seconds)),
            }
        }
        _ => value,
    }
}

fn section(whole: &Object, name: &str) -> Option<Object> {
    let members = whole.members();
    let (_, value) = members.iter().find(|(known, _)| known == name)?;
    Object::parse(value.get().to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_for_people() {
        for (name, value, shown) in [
            ("uptime", "58228252457", "58s"),
            ("avg_processing_time", "153000", "153us"),
            ("max_processing_time", "304000000", "304ms"),
            ("max_processing_time", "0", "0"),
            ("enqueued_per_second", "0.06827244074378415", "0.1"),
            ("completed", "3", "3"),
        ] {
            assert_eq!(figure(name, value.to_owned()), shown, "{name}");
        }
    }
}
