//! `windlass limits`: how many jobs with a key run at a time, how often, in which order.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::args::{ClientArgs, pair};
use crate::client::{Missing, Target, body};
use crate::cmd::confirm::confirm;
use crate::exit::{Exit, Failure};
use crate::output;

/// Columns of a list, and the members they show.
const COLUMNS: [(&str, &str); 4] =
    [("NAME", "name"), ("CONCURRENCY", "concurrency"), ("RATE", "rate"), ("ORDERED", "ordered")];

#[derive(Debug, Args)]
pub(crate) struct LimitsArgs {
    #[command(subcommand)]
    command: LimitsCommand,
}

#[derive(Debug, Subcommand)]
enum LimitsCommand {
    /// List limits by name
    List(ListArgs),
    /// Show one limit
    Get(NameArgs),
    /// Make a limit, or replace it; it holds for jobs that wait already
    Set(SetArgs),
    /// Delete a limit; its keys are not limited any more
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Continue after this name
    #[arg(long, value_name = "NAME", default_value = "")]
    cursor: String,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct NameArgs {
    /// The limit
    name: String,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct SetArgs {
    /// The limit: keys are this name, or this name, a colon and anything
    name: String,

    /// Jobs with one concurrency key that may run at a time, 1 to 10000
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,

    /// How often a job with one rate key may start, such as 100/1m
    #[arg(long, value_name = "COUNT/SPAN", value_parser = rate)]
    rate: Option<Rate>,

    /// Jobs that may start at once after a rest [default: 1]
    #[arg(long, value_name = "N", requires = "rate")]
    burst: Option<u32>,

    /// Jobs with one concurrency key run one after another in order of arrival
    #[arg(long)]
    ordered: bool,

    /// What is different for one key, such as 'acme={"concurrency":10}'; repeat it for several
    #[arg(long = "override", value_name = "KEY=JSON", value_parser = pair)]
    overrides: Vec<(String, String)>,

    #[command(flatten)]
    client: ClientArgs,
}

/// Jobs, and the span in which they may start.
#[derive(Debug, Clone)]
pub(crate) struct Rate(u32, String);

#[derive(Debug, Args)]
struct DeleteArgs {
    /// The limit
    name: String,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: LimitsArgs) -> Result<(), Failure> {
    let target = Target::open(args.command.client(), Missing::Refuse).await?;
    let done = carry_out(&target, args.command).await;
    target.close().await;
    done
}

impl LimitsCommand {
    const fn client(&self) -> &ClientArgs {
        match self {
            Self::List(args) => &args.client,
            Self::Get(args) => &args.client,
            Self::Set(args) => &args.client,
            Self::Delete(args) => &args.client,
        }
    }
}

async fn carry_out(target: &Target, command: LimitsCommand) -> Result<(), Failure> {
    let format = command.client().output;
    match command {
        LimitsCommand::List(args) => {
            output::named(format, &target.limits(&args.cursor).await?, "limits", COLUMNS)
        }
        LimitsCommand::Get(args) => output::one(format, &target.limit(&args.name).await?, "name"),
        LimitsCommand::Set(args) => {
            let set = target.set_limit(&args.name, &body(&request(&args)?)?).await?;
            output::one(format, &set, "name")
        }
        LimitsCommand::Delete(args) => {
            if !args.yes {
                confirm(&format!("Delete limit {}?", args.name))?;
            }
            target.delete_limit(&args.name).await?;
            output::say(&format!("deleted {}", args.name));
            Ok(())
        }
    }
}

/// The members of a request that these flags stand for.
fn request(args: &SetArgs) -> Result<Value, Failure> {
    let mut overrides = Map::new();
    for (key, json) in &args.overrides {
        let own: Value = serde_json::from_str(json).map_err(|error| {
            Failure::new(Exit::Usage, format!("--override {key}: not JSON: {error}"))
        })?;
        overrides.insert(key.clone(), own);
    }
    let rate = args.rate.as_ref().map(|rate| rate.request(args.burst));
    Ok(json!({
        "concurrency": args.concurrency,
        "rate": rate,
        "ordered": args.ordered,
        "overrides": overrides,
    }))
}

impl Rate {
    /// The member of a request.
    pub(crate) fn request(&self, burst: Option<u32>) -> Value {
        let Self(count, per) = self;
        json!({ "count": count, "per": per, "burst": burst.unwrap_or(1) })
    }
}

/// Reads `100/1m`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let wrong = || format!("`{text}` is not a rate such as 100/1m");
    let (count, per) = text.split_once('/').ok_or_else(wrong)?;
    let count = count.parse().map_err(|_| wrong())?;
    windlass::parse_duration(per)?;
    Ok(Rate(count, per.to_owned()))
}
