//! `windlass queues`: look at queues, set, pause and purge them.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use windlass::{State, format_duration};

use crate::args::{ClientArgs, DeleteNamedArgs, PageArgs, When, duration, when};
use crate::client::{Missing, Scope, Target};
use crate::cmd::confirm::confirm;
use crate::cmd::limits::{Rate, rate};
use crate::exit::Failure;
use crate::output;

/// Columns of a list, and the members they show.
const COLUMNS: [(&str, &str); 5] = [
    ("NAME", "name"),
    ("TTL", "ttl"),
    ("RETRIES", "retries"),
    ("MAX DEPTH", "max_depth"),
    ("PAUSED", "paused"),
];

#[derive(Debug, Args)]
pub(crate) struct QueuesArgs {
    #[command(subcommand)]
    command: QueuesCommand,
}

#[derive(Debug, Subcommand)]
enum QueuesCommand {
    /// List queues by name
    List(PageArgs),
    /// Show one queue with its settings
    Get(NameArgs),
    /// Create a queue; one that is not created is made by its first job
    Create(SettingsArgs),
    /// Change settings of a queue
    Set(SettingsArgs),
    /// Pause a queue, or a type in it or in all queues; what runs goes on
    Pause(PauseArgs),
    /// End a pause
    Resume(ScopeArgs),
    /// Delete waiting jobs of a queue, or those in the states named
    Purge(PurgeArgs),
    /// Delete a queue with its settings
    Delete(DeleteNamedArgs),
    /// Show the counts of a queue
    Stats(NameArgs),
    /// Say why no job of a queue runs
    Explain(NameArgs),
}

#[derive(Debug, Args)]
struct NameArgs {
    /// The queue
    name: String,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct SettingsArgs {
    /// The queue
    name: String,

    /// Jobs without a start-by of their own fail when they have not started for this long
    #[arg(long, value_name = "SPAN", value_parser = duration)]
    ttl: Option<Duration>,

    /// Attempts after the first, for jobs and types that say nothing [default: 19]
    #[arg(long, value_name = "N")]
    retries: Option<u32>,

    /// First wait between attempts, for jobs and types that say nothing [default: 1s, doubling]
    #[arg(long, value_name = "SPAN", value_parser = duration)]
    retry_delay: Option<Duration>,

    /// Jobs that may wait at a time; more are refused
    #[arg(long, value_name = "N")]
    max_depth: Option<u32>,

    /// Jobs of the queue that may run at a time, 1 to 10000
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,

    /// How often a job of the queue may start, such as 100/1m
    #[arg(long, value_name = "COUNT/SPAN", value_parser = rate)]
    rate: Option<Rate>,

    /// Let fairness keys take turns
    #[arg(long)]
    fair: bool,

    /// How long completed jobs are kept, or `forever` [default: 1d]
    #[arg(long, value_name = "SPAN", value_parser = keep)]
    keep_completed: Option<Keep>,

    /// How long failed jobs are kept, or `forever` [default: 30d]
    #[arg(long, value_name = "SPAN", value_parser = keep)]
    keep_failed: Option<Keep>,

    /// How long dead letters are kept, or `forever` [default: 30d]
    #[arg(long, value_name = "SPAN", value_parser = keep)]
    keep_dead_letter: Option<Keep>,

    /// How long cancelled jobs are kept, or `forever` [default: 7d]
    #[arg(long, value_name = "SPAN", value_parser = keep)]
    keep_cancelled: Option<Keep>,

    /// Take a setting back to its default; repeat it for several
    #[arg(long, value_name = "SETTING", value_enum)]
    reset: Vec<Setting>,

    #[command(flatten)]
    client: ClientArgs,
}

/// How long to keep something; none is for ever.
#[derive(Debug, Clone, Copy)]
struct Keep(Option<Duration>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Setting {
    Ttl,
    Retries,
    Backoff,
    MaxDepth,
    Concurrency,
    Rate,
    Fair,
    Retention,
}

#[derive(Debug, Args)]
#[group(skip)]
struct ScopeArgs {
    /// The queue; may be left out with --type
    #[arg(required_unless_present = "kind")]
    name: Option<String>,

    /// This type alone: in the queue named, or in all of them
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct PauseArgs {
    #[command(flatten)]
    scope: ScopeArgs,

    /// Why, for whoever looks at the queue later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// When the pause ends by itself: an instant, or a span from now
    #[arg(long, value_name = "TIME", value_parser = when)]
    until: Option<When>,

    /// Who pauses it
    #[arg(long, value_name = "NAME", env = "USER")]
    by: Option<String>,
}

#[derive(Debug, Args)]
struct PurgeArgs {
    /// The queue
    name: String,

    /// Jobs in this state; repeat it for several [default: pending, delayed, retrying]
    #[arg(long, value_name = "STATE")]
    state: Vec<State>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: QueuesArgs) -> Result<(), Failure> {
    let target = Target::open(args.command.client(), Missing::Refuse).await?;
    let done = carry_out(&target, args.command).await;
    target.close().await;
    done
}

impl QueuesCommand {
    const fn client(&self) -> &ClientArgs {
        match self {
            Self::List(args) => &args.client,
            Self::Get(args) | Self::Stats(args) | Self::Explain(args) => &args.client,
            Self::Create(args) | Self::Set(args) => &args.client,
            Self::Pause(args) => &args.scope.client,
            Self::Resume(args) => &args.client,
            Self::Purge(args) => &args.client,
            Self::Delete(args) => &args.client,
        }
    }
}

async fn carry_out(target: &Target, command: QueuesCommand) -> Result<(), Failure> {
    let format = command.client().output;
    match command {
        QueuesCommand::List(args) => {
            output::named(format, &target.queues(&args.cursor).await?, "queues", COLUMNS)
        }
        QueuesCommand::Get(args) => output::one(format, &target.queue(&args.name).await?, "name"),
        QueuesCommand::Create(args) => {
            let mut body = settings(&args);
            body["name"] = args.name.as_str().into();
            output::one(format, &target.create_queue(&body).await?, "name")
        }
        QueuesCommand::Set(args) => {
            let settings = settings(&args);
            if settings.as_object().is_none_or(Map::is_empty) {
                let failure = Failure::usage("changes nothing");
                return Err(failure.hint("name a setting, such as --concurrency 4, or --reset one"));
            }
            let changed = target.set_queue(&args.name, &settings).await?;
            output::one(format, &changed, "name")
        }
        QueuesCommand::Pause(args) => {
            let scope = scope(&args.scope);
            output::one(format, &target.change_pause(&scope, Some(pause(&args))).await?, "name")
        }
        QueuesCommand::Resume(args) => {
            output::one(format, &target.change_pause(&scope(&args), None).await?, "name")
        }
        QueuesCommand::Purge(args) => purge(target, args).await,
        QueuesCommand::Delete(args) => {
            if !args.yes {
                confirm(&format!("Delete queue {}?", args.name))?;
            }
            target.delete_queue(&args.name, args.force).await?;
            output::say(&format!("deleted {}", args.name));
            Ok(())
        }
        QueuesCommand::Stats(args) => {
            output::document(format, &target.queue_stats(&args.name).await?)
        }
        QueuesCommand::Explain(args) => {
            output::explained(format, &target.explain_named("queues", &args.name).await?)
        }
    }
}

async fn purge(target: &Target, args: PurgeArgs) -> Result<(), Failure> {
    if !args.yes {
        confirm(&format!("Delete jobs of queue {} with all history?", args.name))?;
    }
    let mut body = json!({});
    if !args.state.is_empty() {
        body["states"] = args.state.iter().map(ToString::to_string).collect();
    }
    output::document(args.client.output, &target.purge_queue(&args.name, &body).await?)
}

/// The members of a request that these flags stand for.
fn settings(args: &SettingsArgs) -> Value {
    let mut body = Map::new();
    for setting in &args.reset {
        let name = match setting {
            Setting::Ttl => "ttl",
            Setting::Retries => "retries",
            Setting::Backoff => "backoff",
            Setting::MaxDepth => "max_depth",
            Setting::Concurrency => "concurrency",
            Setting::Rate => "rate",
            Setting::Fair => "fair",
            Setting::Retention => "retention",
        };
        body.insert(name.to_owned(), Value::Null);
    }
    let spans = [("ttl", args.ttl), ("retry_delay", args.retry_delay)];
    for (name, span) in spans {
        body.extend(span.map(|span| (name.to_owned(), format_duration(span).into())));
    }
    if let Some(rate) = &args.rate {
        body.insert("rate".to_owned(), rate.request(None));
    }
    if args.fair {
        body.insert("fair".to_owned(), true.into());
    }
    for (name, count) in [
        ("retries", args.retries),
        ("max_depth", args.max_depth),
        ("concurrency", args.concurrency),
    ] {
        body.extend(count.map(|count| (name.to_owned(), count.into())));
    }
    let kept = [
        ("completed", args.keep_completed),
        ("failed", args.keep_failed),
        ("dead_letter", args.keep_dead_letter),
        ("cancelled", args.keep_cancelled),
    ];
    let kept: Map<String, Value> = kept
        .into_iter()
        .filter_map(|(name, keep)| Some((name.to_owned(), keep?.0.map(format_duration).into())))
        .collect();
    if !kept.is_empty() {
        body.insert("retention".to_owned(), kept.into());
    }
    body.into()
}

fn pause(args: &PauseArgs) -> Value {
    let mut body = json!({});
    if let Some(reason) = &args.reason {
        body["reason"] = reason.as_str().into();
    }
    if let Some(by) = &args.by {
        body["by"] = by.as_str().into();
    }
    if let Some(until) = args.until {
        body["until"] = until.instant().to_string().into();
    }
    body
}

fn scope(args: &ScopeArgs) -> Scope {
    Scope { queue: args.name.clone(), kind: args.kind.clone() }
}

fn keep(text: &str) -> Result<Keep, String> {
    if text == "forever" {
        return Ok(Keep(None));
    }
    duration(text).map(|span| Keep(Some(span)))
}
