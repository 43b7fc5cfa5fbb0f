//! `windlass operations`: what is done to many jobs, and how far it has come.

use clap::{Args, Subcommand};
use windlass::OperationId;

use crate::args::ClientArgs;
use crate::client::{Missing, Target};
use crate::cmd::bulk::finish;
use crate::exit::Failure;
use crate::output;

/// Columns of a list, and the members they show.
const COLUMNS: [(&str, &str); 7] = [
    ("ID", "id"),
    ("ACTION", "action"),
    ("STATE", "state"),
    ("MATCHED", "matched"),
    ("DONE", "done"),
    ("FAILED", "failed"),
    ("CREATED", "created_at"),
];

#[derive(Debug, Args)]
#[command(
    after_help = "Begin one with a filter: `windlass jobs retry --state dead_letter --type mail`, \
    or `windlass jobs cancel`, `delete`, `move`; `windlass dead retry`."
)]
pub(crate) struct OperationsArgs {
    #[command(subcommand)]
    command: OperationsCommand,
}

#[derive(Debug, Subcommand)]
enum OperationsCommand {
    /// List operations, the latest first
    List(ListArgs),
    /// Show one operation, and why jobs were left as they were
    Get(IdArgs),
    /// Wait for the end of an operation; exits 8 when jobs were left as they were
    Watch(IdArgs),
    /// Stop an operation; what was done stays done
    Cancel(IdArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Continue after this operation
    #[arg(long, value_name = "ID")]
    cursor: Option<OperationId>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct IdArgs {
    /// The operation
    id: OperationId,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: OperationsArgs) -> Result<(), Failure> {
    let client = match &args.command {
        OperationsCommand::List(args) => &args.client,
        OperationsCommand::Get(args)
        | OperationsCommand::Watch(args)
        | OperationsCommand::Cancel(args) => &args.client,
    };
    let target = Target::open(client, Missing::Refuse).await?;
    let done = carry_out(&target, &args.command).await;
    target.close().await;
    done
}

async fn carry_out(target: &Target, command: &OperationsCommand) -> Result<(), Failure> {
    match command {
        OperationsCommand::List(args) => {
            let operations = target.operations(args.cursor).await?;
            output::listed(args.client.output, &operations, "operations", COLUMNS, "id")
        }
        OperationsCommand::Get(args) => {
            output::one(args.client.output, &target.operation(args.id).await?, "id")
        }
        OperationsCommand::Watch(args) => finish(target, args.id, args.client.output).await,
        OperationsCommand::Cancel(args) => {
            output::one(args.client.output, &target.cancel_operation(args.id).await?, "id")
        }
    }
}
