//! `windlass events`: what happens, as it happens.

use clap::Args;
use windlass::{EventName, JobId};

use crate::args::ClientArgs;
use crate::client::{EventRequest, Missing, Target, Told};
use crate::exit::Failure;
use crate::output::{self, Format};

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Go on until interrupted; so it does anyway unless there is a limit
    #[arg(short, long, conflicts_with = "limit")]
    follow: bool,

    /// Events of this name, such as job.completed; repeat it for any of several
    #[arg(long, value_name = "NAME")]
    event: Vec<EventName>,

    /// Events of this job; repeat it for any of several
    #[arg(long, value_name = "ID")]
    job: Vec<JobId>,

    /// Events of jobs of this type; repeat it for any of several
    #[arg(long = "type", value_name = "TYPE")]
    kind: Vec<String>,

    /// Events of this queue and its jobs; repeat it for any of several
    #[arg(long, value_name = "QUEUE")]
    queue: Vec<String>,

    /// Begin after the event with this id, if it is still remembered [default: now]
    #[arg(long, value_name = "ID", value_parser = event_id)]
    since: Option<i64>,

    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    client: ClientArgs,
}

fn event_id(text: &str) -> Result<i64, String> {
    let id = text.parse().ok().filter(|id| *id >= 0);
    id.ok_or_else(|| format!("`{text}` is not the id of an event (decimal digits)"))
}

pub(crate) async fn run(args: EventsArgs) -> Result<(), Failure> {
    let wanted = EventRequest {
        events: args.event,
        jobs: args.job,
        kinds: args.kind,
        queues: args.queue,
        since: args.since,
    };
    let format = args.client.output;
    let target = Target::open(&args.client, Missing::Refuse).await?;
    let done = follow(&target, &wanted, args.limit, |told| shown(format, told)).await;
    target.close().await;
    done
}

/// Prints events as they come: lines of those that `shown` makes one of.
pub(super) async fn follow(
    target: &Target,
    wanted: &EventRequest,
    limit: Option<u64>,
    shown: impl Fn(&Told) -> Option<String>,
) -> Result<(), Failure> {
    let mut events = target.follow(wanted).await?;
    // Whoever reads this may begin to do what is to be seen.
    output::say("following events");
    let mut left = limit.unwrap_or(u64::MAX);
    while left > 0
        && let Some(told) = events.next().await?
    {
        if let Some(line) = shown(&told) {
            output::line(&line)?;
            left -= 1;
        }
    }
    Ok(())
}

fn shown(format: Format, told: &Told) -> Option<String> {
    let data = &told.data;
    match format {
        Format::Json | Format::Jsonl => Some(told.line()),
        // A document of its own: JSON on one line is YAML.
        Format::Yaml => Some(format!("--- {}", told.line())),
        Format::Id => {
            let mut ids = ["id", "job_id"].map(|member| data.text(member)).into_iter();
            ids.find(|id| !id.is_empty())
        }
        Format::Table => {
            let members =
                ["id", "job_id", "type", "queue", "schedule", "worker", "reason", "last_error"];
            let mut line = format!("{}  {:<16}", data.text("at"), told.event);
            for member in members {
                let value = data.text(member);
                if !value.is_empty() {
                    line.push_str(&format!("  {member}={value}"));
                }
            }
            Some(line)
        }
    }
}
