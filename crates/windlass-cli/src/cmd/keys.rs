//! `windlass keys`: API keys, made, listed, changed, rotated, revoked.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use windlass::{KeyRates, Rate, Role, format_duration, parse_rate};

use crate::args::{ClientArgs, PageArgs, When, duration, when};
use crate::client::{Missing, Target, body};
use crate::cmd::confirm::confirm;
use crate::exit::Failure;
use crate::output::{self, Format, Object};

/// Columns of a list, and the members they show.
const COLUMNS: [(&str, &str); 7] = [
    ("ID", "id"),
    ("ROLE", "role"),
    ("NAMESPACES", "namespaces"),
    ("QUEUES", "queues"),
    ("LAST USED", "last_used_at"),
    ("REVOKED", "revoked_at"),
    ("LABEL", "label"),
];

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key and print it: it is not shown again
    Create(CreateArgs),
    /// List keys by id
    List(PageArgs),
    /// Change what a key is for and how often it may ask; its secret stays
    Update(UpdateArgs),
    /// Give a key another secret and print it; the old one works for a while
    Rotate(RotateArgs),
    /// Revoke a key for ever
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// What its holder may do: viewer, producer, worker, operator or admin
    #[arg(long, value_name = "ROLE")]
    role: Role,

    /// A namespace it is for; repeat it for several [default: all]
    #[arg(long = "for-namespace", value_name = "NAME")]
    namespaces: Vec<String>,

    /// A queue it is for, in which * stands for anything; repeat it for several [default: all]
    #[arg(long = "for-queue", value_name = "PATTERN")]
    queues: Vec<String>,

    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,

    /// When it ends: an instant, or a span from now [default: never]
    #[arg(long, value_name = "WHEN", value_parser = when)]
    expires: Option<When>,

    #[command(flatten)]
    rates: RateArgs,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct RateArgs {
    /// Jobs that may be stored with it, of each server, such as 100/1s or 100/1s/500 with a burst of 500 [default: as
    /// the server's setting `rates.enqueues` says]
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    enqueue_rate: Option<Rate>,

    /// Requests for jobs that may come with it, of each server [default: as the server's setting `rates.claims` says]
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    claim_rate: Option<Rate>,
}

#[derive(Debug, Args)]
#[group(id = "change", required = true, multiple = true, args = ["label", "enqueue_rate", "claim_rate", "no_rates"])]
struct UpdateArgs {
    /// The key
    id: String,

    /// What it is for
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,

    #[command(flatten)]
    rates: RateArgs,

    /// It has no rates of its own any more
    #[arg(long, conflicts_with_all = ["enqueue_rate", "claim_rate"])]
    no_rates: bool,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct RotateArgs {
    /// The key
    id: String,

    /// How long the old secret goes on working, at most 31 days
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = duration)]
    overlap: Duration,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// The key
    id: String,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    client: ClientArgs,
}

impl KeysCommand {
    const fn client(&self) -> &ClientArgs {
        match self {
            Self::Create(args) => &args.client,
            Self::List(args) => &args.client,
            Self::Update(args) => &args.client,
            Self::Rotate(args) => &args.client,
            Self::Revoke(args) => &args.client,
        }
    }

    /// The first key may be the first thing in a database.
    const fn missing(&self) -> Missing {
        match self {
            Self::Create(_) => Missing::Create,
            Self::List(_) | Self::Update(_) | Self::Rotate(_) | Self::Revoke(_) => Missing::Refuse,
        }
    }
}

pub(crate) async fn run(args: KeysArgs) -> Result<(), Failure> {
    let target = Target::open(args.command.client(), args.command.missing()).await?;
    let done = carry_out(&target, args.command).await;
    target.close().await;
    done
}

async fn carry_out(target: &Target, command: KeysCommand) -> Result<(), Failure> {
    let format = command.client().output;
    match command {
        KeysCommand::List(args) => {
            output::listed(format, &target.keys(&args.cursor).await?, "keys", COLUMNS, "id")
        }
        KeysCommand::Create(args) => {
            let mut request = json!({
                "role": args.role.as_str(),
                "namespaces": args.namespaces,
                "queues": args.queues,
                "label": args.label,
                "rates": args.rates.given(),
            });
            if let Some(expires) = args.expires {
                request["expires_at"] = expires.instant().to_string().into();
            }
            show(format, &target.create_key(&body(&request)?).await?)
        }
        KeysCommand::Update(args) => {
            let changed = target.change_key(&args.id, &body(&args.request())?).await?;
            output::one(format, &changed, "id")
        }
        KeysCommand::Rotate(args) => {
            let request = json!({ "overlap": format_duration(args.overlap) });
            show(format, &target.rotate_key(&args.id, &body(&request)?).await?)
        }
        KeysCommand::Revoke(args) => {
            if !args.yes {
                confirm(&format!("Revoke key {} for ever?", args.id))?;
            }
            target.revoke_key(&args.id).await?;
            output::say(&format!("revoked {}", args.id));
            Ok(())
        }
    }
}

impl RateArgs {
    const fn given(&self) -> KeyRates {
        KeyRates { enqueues: self.enqueue_rate, claims: self.claim_rate }
    }
}

impl UpdateArgs {
    /// The members of a request that these flags stand for.
    fn request(&self) -> Value {
        let mut members = Map::new();
        members.extend(self.label.as_ref().map(|label| ("label".to_owned(), label.clone().into())));
        let rates = self.rates.given();
        if self.no_rates || rates != KeyRates::NONE {
            members.insert("rates".to_owned(), json!(rates));
        }
        members.into()
    }
}

/// The key alone, for people and files; in other formats with what is known of it.
fn show(format: Format, made: &Object) -> Result<(), Failure> {
    match format {
        Format::Table => {
            output::say(&format!(
                "key {} with the role {}; it is not shown again:",
                made.text("id"),
                made.text("role")
            ));
            output::line(&made.text("key"))
        }
        Format::Json | Format::Jsonl | Format::Yaml | Format::Id => output::one(format, made, "id"),
    }
}
