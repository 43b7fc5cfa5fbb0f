//! `windlass batches`: open batches, commit them, look at them.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::value::RawValue;
use windlass::BatchId;

use crate::args::ClientArgs;
use crate::client::{Missing, Target, body};
use crate::cmd::workflows::ListArgs;
use crate::exit::Failure;
use crate::output;

/// Columns of a list, and the members they show.
const COLUMNS: [(&str, &str); 5] = [
    ("ID", "id"),
    ("DESCRIPTION", "description"),
    ("STATE", "state"),
    ("CREATED", "created_at"),
    ("COMPLETED", "completed_at"),
];

#[derive(Debug, Args)]
pub(crate) struct BatchesArgs {
    #[command(subcommand)]
    command: BatchesCommand,
}

#[derive(Debug, Subcommand)]
enum BatchesCommand {
    /// Open a batch; jobs join it with `submit --batch ID`
    Open(OpenArgs),
    /// Close the opening of a batch: it ends with the last of its jobs
    Commit(IdArgs),
    /// List batches, the newest first
    List(ListArgs),
    /// Show one batch with its counts
    Get(IdArgs),
    /// Say what a batch still waits for
    Explain(IdArgs),
}

#[derive(Debug, Args)]
struct OpenArgs {
    /// What it is, for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// A job to make when all its jobs have completed: JSON as in POST /jobs
    #[arg(long, value_name = "JOB")]
    on_success: Option<String>,

    /// A job to make when all its jobs have ended
    #[arg(long, value_name = "JOB")]
    on_complete: Option<String>,

    /// A job to make when the first of them has failed
    #[arg(long, value_name = "JOB")]
    on_first_failure: Option<String>,

    /// Same key, same batch: opening it again returns the first one
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct IdArgs {
    /// The batch
    id: BatchId,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: BatchesArgs) -> Result<(), Failure> {
    let missing = match args.command {
        BatchesCommand::Open(_) => Missing::Create,
        _ => Missing::Refuse,
    };
    let target = Target::open(args.command.client(), missing).await?;
    let done = carry_out(&target, args.command).await;
    target.close().await;
    done
}

impl BatchesCommand {
    const fn client(&self) -> &ClientArgs {
        match self {
            Self::Open(args) => &args.client,
            Self::Commit(args) | Self::Get(args) | Self::Explain(args) => &args.client,
            Self::List(args) => &args.client,
        }
    }
}

async fn carry_out(target: &Target, command: BatchesCommand) -> Result<(), Failure> {
    let format = command.client().output;
    match command {
        BatchesCommand::Open(args) => {
            output::one(format, &target.open_batch(&request(&args)?).await?, "id")
        }
        BatchesCommand::Commit(args) => {
            output::one(format, &target.commit_batch(args.id).await?, "id")
        }
        BatchesCommand::List(args) => {
            let found = target.batches(&args.page()).await?;
            output::listed(format, &found, "batches", COLUMNS, "id")
        }
        BatchesCommand::Get(args) => output::one(format, &target.batch(args.id).await?, "id"),
        BatchesCommand::Explain(args) => {
            output::document(format, &target.explain_batch(args.id).await?)
        }
    }
}

fn request(args: &OpenArgs) -> Result<Box<RawValue>, Failure> {
    let mut request = BTreeMap::new();
    let texts = [("description", &args.description), ("idempotency_key", &args.idempotency_key)];
    for (name, text) in texts {
        if let Some(text) = text {
            request.insert(name, body(text)?);
        }
    }
    let callbacks = [
        ("on_success", &args.on_success),
        ("on_complete", &args.on_complete),
        ("on_first_failure", &args.on_first_failure),
    ];
    for (name, text) in callbacks {
        let Some(text) = text else { continue };
        let option = name.replace('_', "-");
        let job = RawValue::from_string(text.clone())
            .map_err(|error| Failure::usage(format!("--{option} is not JSON: {error}")))?;
        request.insert(name, job);
    }
    body(&request)
}
