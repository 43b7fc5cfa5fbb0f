//! `windlass workers`: who runs jobs, and asking them to stop.

use clap::{Args, Subcommand};
use windlass::{WorkerId, WorkerState};

use crate::args::ClientArgs;
use crate::client::{Missing, Target};
use crate::cmd::confirm::confirm;
use crate::exit::Failure;
use crate::output;

/// Columns of a list, and the members they show.
const COLUMNS: [(&str, &str); 7] = [
    ("ID", "id"),
    ("NAME", "name"),
    ("STATE", "state"),
    ("ALIVE", "alive"),
    ("SLOTS", "concurrency"),
    ("JOBS", "leases"),
    ("SINCE", "started_at"),
];

#[derive(Debug, Args)]
pub(crate) struct WorkersArgs {
    #[command(subcommand)]
    command: WorkersCommand,
}

#[derive(Debug, Subcommand)]
enum WorkersCommand {
    /// List workers, the latest first; one that fell silent is listed for an hour
    List(ListArgs),
    /// Show one worker
    Get(IdArgs),
    /// Ask a worker to claim no more jobs; it finishes those it has
    Quiet(IdArgs),
    /// Ask a worker to stop: it finishes what it can and gives back the rest. `serve` ends as with SIGTERM
    Terminate(TerminateArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Continue after this worker
    #[arg(long, value_name = "ID")]
    cursor: Option<WorkerId>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct IdArgs {
    /// The worker
    id: WorkerId,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct TerminateArgs {
    /// The worker
    id: WorkerId,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: WorkersArgs) -> Result<(), Failure> {
    let target = Target::open(args.command.client(), Missing::Refuse).await?;
    let done = carry_out(&target, args.command).await;
    target.close().await;
    done
}

impl WorkersCommand {
    const fn client(&self) -> &ClientArgs {
        match self {
            Self::List(args) => &args.client,
            Self::Get(args) | Self::Quiet(args) => &args.client,
            Self::Terminate(args) => &args.client,
        }
    }
}

async fn carry_out(target: &Target, command: WorkersCommand) -> Result<(), Failure> {
    let format = command.client().output;
    let worker = match command {
        WorkersCommand::List(args) => {
            let page = target.workers(args.cursor).await?;
            return output::listed(format, &page, "workers", COLUMNS, "id");
        }
        WorkersCommand::Get(args) => target.worker(args.id).await?,
        WorkersCommand::Quiet(args) => target.ask_worker(args.id, WorkerState::Quiet).await?,
        WorkersCommand::Terminate(args) => {
            if !args.yes {
                confirm(&format!("Ask worker {} to stop?", args.id))?;
            }
            target.ask_worker(args.id, WorkerState::Terminate).await?
        }
    };
    output::one(format, &worker, "id")
}
