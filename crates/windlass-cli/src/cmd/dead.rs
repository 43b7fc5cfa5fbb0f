//! `windlass dead`: dead letters, by what they died of, tried again or deleted.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use windlass::{Priority, State, format_duration};

use crate::args::{ClientArgs, FilterArgs, duration, priority};
use crate::client::{ListRequest, Missing, Target};
use crate::cmd::bulk::{self, BulkArgs};
use crate::exit::Failure;
use crate::output;

/// Columns of the groups, and the members they show.
const COLUMNS: [(&str, &str); 6] = [
    ("FINGERPRINT", "fingerprint"),
    ("COUNT", "count"),
    ("TYPE", "type"),
    ("CLASS", "error_class"),
    ("LAST", "last_at"),
    ("MESSAGE", "message"),
];

#[derive(Debug, Args)]
pub(crate) struct DeadArgs {
    #[command(subcommand)]
    command: DeadCommand,
}

#[derive(Debug, Subcommand)]
enum DeadCommand {
    /// List dead letters, the latest first
    List(ListArgs),
    /// Show what they died of, the largest group first
    Groups(GroupsArgs),
    /// Give dead letters another attempt: all, or those of a filter
    Retry(RetryArgs),
    /// Delete dead letters: all, or those of a filter
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Of this type; repeat it for any of several
    #[arg(long = "type", value_name = "TYPE")]
    kind: Vec<String>,

    /// In this queue; repeat it for any of several
    #[arg(long, value_name = "QUEUE")]
    queue: Vec<String>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct GroupsArgs {
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct RetryArgs {
    #[command(flatten)]
    bulk: BulkArgs,

    /// Count attempts from the start again; otherwise one more is granted
    #[arg(long)]
    reset_attempts: bool,

    /// Run no earlier than this from now, such as 90s
    #[arg(long, value_name = "SPAN", value_parser = duration)]
    delay: Option<Duration>,

    /// Change the priority: 0 to 9, or critical, high, normal, low, bulk
    #[arg(long, value_parser = priority)]
    priority: Option<Priority>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct DeleteArgs {
    #[command(flatten)]
    bulk: BulkArgs,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: DeadArgs) -> Result<(), Failure> {
    let client = match &args.command {
        DeadCommand::List(args) => &args.client,
        DeadCommand::Groups(args) => &args.client,
        DeadCommand::Retry(args) => &args.client,
        DeadCommand::Delete(args) => &args.client,
    };
    let target = Target::open(client, Missing::Refuse).await?;
    let done = carry_out(&target, args.command).await;
    target.close().await;
    done
}

async fn carry_out(target: &Target, command: DeadCommand) -> Result<(), Failure> {
    match command {
        DeadCommand::List(args) => {
            let state = vec![State::DeadLetter];
            let (kind, queue) = (args.kind, args.queue);
            let filter = FilterArgs { state, kind, queue, ..FilterArgs::default() };
            let page = target.list(&ListRequest { filter, ..ListRequest::default() }).await?;
            output::jobs(args.client.output, &page.document, &page.jobs)
        }
        DeadCommand::Groups(args) => {
            let groups = target.dead_groups().await?;
            if groups.text("complete") == "false" {
                output::say("only the latest dead letters were looked at: there are more");
            }
            output::listed(args.client.output, &groups, "groups", COLUMNS, "fingerprint")
        }
        DeadCommand::Retry(args) => {
            let params = retry_params(args.reset_attempts, args.delay, args.priority);
            let how = (args.client.output, args.yes);
            bulk::run(target, &of_dead(args.bulk), ("retry", params), how).await
        }
        DeadCommand::Delete(args) => {
            let how = (args.client.output, args.yes);
            bulk::run(target, &of_dead(args.bulk), ("delete", json!({})), how).await
        }
    }
}

fn of_dead(mut bulk: BulkArgs) -> BulkArgs {
    bulk.filter.state = vec![State::DeadLetter];
    bulk
}

/// How to retry, as a request has it.
pub(crate) fn retry_params(
    reset_attempts: bool,
    delay: Option<Duration>,
    priority: Option<Priority>,
) -> Value {
    let mut params = json!({ "reset_attempts": reset_attempts });
    if let Some(delay) = delay {
        params["delay"] = format_duration(delay).into();
    }
    if let Some(priority) = priority {
        params["priority"] = priority.get().into();
    }
    params
}
