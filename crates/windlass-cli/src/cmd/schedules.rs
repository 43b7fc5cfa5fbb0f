//! `windlass schedules`: make schedules, look at them, pause and run them.

use clap::{Args, Subcommand};
use serde_json::json;
use windlass::EventName;

use crate::args::{ClientArgs, When, when};
use crate::client::{Doing, EventRequest, Missing, Target, Told, body};
use crate::cmd::confirm::confirm;
use crate::cmd::events::follow;
use crate::cmd::schedule_settings::SettingsArgs;
use crate::exit::Failure;
use crate::output::{self, Format};

/// Columns of a list, and the members they show.
const COLUMNS: [(&str, &str); 6] = [
    ("NAME", "name"),
    ("CRON", "cron"),
    ("INTERVAL", "interval"),
    ("TIMEZONE", "timezone"),
    ("NEXT", "next_at"),
    ("PAUSED", "paused"),
];

/// The same for ticks of the past.
const TICK_COLUMNS: [(&str, &str); 4] =
    [("TICK", "tick"), ("STATE", "state"), ("AT", "at"), ("JOB", "job_id")];

#[derive(Debug, Args)]
pub(crate) struct SchedulesArgs {
    #[command(subcommand)]
    command: SchedulesCommand,
}

#[derive(Debug, Subcommand)]
enum SchedulesCommand {
    /// List schedules by name
    List(ListArgs),
    /// Show one schedule
    Get(NameArgs),
    /// Make a schedule; it ticks while `serve` or a worker runs
    Create(Box<SettingsArgs>),
    /// Change a schedule
    Set(Box<SettingsArgs>),
    /// Pause a schedule: no tick is fired until it is resumed
    Pause(PauseArgs),
    /// End a pause; missed ticks are up to the catch-up
    Resume(NameArgs),
    /// Run the job of a schedule now
    Trigger(NameArgs),
    /// Show ticks to come of a cron expression, or of `every SPAN`
    Preview(PreviewArgs),
    /// Show the latest ticks of a schedule and their jobs
    Ticks(NameArgs),
    /// Say why a schedule makes no job now
    Explain(NameArgs),
    /// Follow the ticks of one schedule, or of all, as they become jobs
    Watch(WatchArgs),
    /// Delete a schedule; its jobs stay
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
    /// The schedule
    name: String,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct PauseArgs {
    /// The schedule
    name: String,

    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// When the pause ends by itself: an instant, or a span from now
    #[arg(long, value_name = "TIME", value_parser = when)]
    until: Option<When>,

    /// Who pauses it
    #[arg(long, value_name = "NAME", env = "USER")]
    by: Option<String>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct PreviewArgs {
    /// A cron expression such as '0 9 * * MON-FRI', or 'every 90s'
    spec: String,

    /// IANA time zone [default: UTC]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,

    /// How many ticks, 1 to 100
    #[arg(short, value_name = "N", default_value_t = 5)]
    n: u32,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct WatchArgs {
    /// The schedule [default: all]
    name: Option<String>,

    /// End after so many ticks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct DeleteArgs {
    /// The schedule
    name: String,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: SchedulesArgs) -> Result<(), Failure> {
    let target = Target::open(args.command.client(), Missing::Refuse).await?;
    let done = carry_out(&target, args.command).await;
    target.close().await;
    done
}

impl SchedulesCommand {
    const fn client(&self) -> &ClientArgs {
        match self {
            Self::List(args) => &args.client,
            Self::Get(args)
            | Self::Resume(args)
            | Self::Trigger(args)
            | Self::Ticks(args)
            | Self::Explain(args) => &args.client,
            Self::Create(args) | Self::Set(args) => &args.client,
            Self::Pause(args) => &args.client,
            Self::Preview(args) => &args.client,
            Self::Watch(args) => &args.client,
            Self::Delete(args) => &args.client,
        }
    }
}

async fn carry_out(target: &Target, command: SchedulesCommand) -> Result<(), Failure> {
    let format = command.client().output;
    let steer = async |name: &str, doing| {
        let done = target.steer_schedule(name, doing, &body(&json!({}))?).await?;
        output::one(format, &done, if doing == Doing::Trigger { "id" } else { "name" })
    };
    match command {
        SchedulesCommand::List(args) => {
            output::named(format, &target.schedules(&args.cursor).await?, "schedules", COLUMNS)
        }
        SchedulesCommand::Get(args) => {
            output::one(format, &target.schedule(&args.name).await?, "name")
        }
        SchedulesCommand::Create(args) => {
            let made = target.create_schedule(&body(&args.request(true)?)?).await?;
            output::one(format, &made, "name")
        }
        SchedulesCommand::Set(args) => {
            let changed = target.set_schedule(&args.name, &body(&args.request(false)?)?).await?;
            output::one(format, &changed, "name")
        }
        SchedulesCommand::Pause(args) => {
            let until = args.until.map(|until| until.instant().to_string());
            let request = json!({ "reason": args.reason, "by": args.by, "until": until });
            let paused = target.steer_schedule(&args.name, Doing::Pause, &body(&request)?).await?;
            output::one(format, &paused, "name")
        }
        SchedulesCommand::Resume(args) => steer(&args.name, Doing::Resume).await,
        SchedulesCommand::Trigger(args) => steer(&args.name, Doing::Trigger).await,
        SchedulesCommand::Preview(args) => {
            let request = json!({ "spec": args.spec, "timezone": args.timezone, "n": args.n });
            output::document(format, &target.preview_schedule(&body(&request)?).await?)
        }
        SchedulesCommand::Ticks(args) => {
            output::named(format, &target.schedule_ticks(&args.name).await?, "ticks", TICK_COLUMNS)
        }
        SchedulesCommand::Explain(args) => {
            output::explained(format, &target.explain_named("schedules", &args.name).await?)
        }
        SchedulesCommand::Watch(args) => watch(target, &args).await,
        SchedulesCommand::Delete(args) => {
            if !args.yes {
                confirm(&format!("Delete schedule {}?", args.name))?;
            }
            target.delete_schedule(&args.name).await?;
            output::say(&format!("deleted {}", args.name));
            Ok(())
        }
    }
}

/// Prints ticks as they become jobs.
async fn watch(target: &Target, args: &WatchArgs) -> Result<(), Failure> {
    let events = vec![EventName::ScheduleFired];
    let wanted = EventRequest { events, ..EventRequest::default() };
    let shown = |told: &Told| {
        let data = &told.data;
        let is_wanted = args.name.as_ref().is_none_or(|name| *name == data.text("schedule"));
        is_wanted.then(|| match args.client.output {
            Format::Json | Format::Jsonl => told.line(),
            Format::Yaml => format!("--- {}", told.line()),
            Format::Id => data.text("job_id"),
            Format::Table => format!(
                "{}  {}  tick={}  job={}",
                data.text("at"),
                data.text("schedule"),
                data.text("tick"),
                data.text("job_id")
            ),
        })
    };
    follow(target, &wanted, args.limit, shown).await
}
