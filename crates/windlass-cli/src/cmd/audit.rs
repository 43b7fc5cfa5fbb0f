//! `windlass audit`: who did what.

use clap::{Args, Subcommand};
use windlass::AuditFilter;

use crate::args::ClientArgs;
use crate::client::{Missing, Target};
use crate::exit::Failure;
use crate::output;

/// Columns of a list, and the members they show.
const COLUMNS: [(&str, &str); 7] = [
    ("AT", "at"),
    ("ACTOR", "actor"),
    ("ROLE", "role"),
    ("IP", "ip"),
    ("ACTION", "action"),
    ("TARGET", "target"),
    ("DETAIL", "detail"),
];

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,

    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// List who did what, the latest first
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Those of this key, or `local`
    #[arg(long, value_name = "KEY")]
    actor: Option<String>,

    /// Those of this kind, such as queue.pause
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,

    /// Those about this name or id
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// Those of all namespaces, and of the server itself
    #[arg(long)]
    everywhere: bool,

    /// Continue before the line with this id
    #[arg(long, value_name = "ID")]
    cursor: Option<i64>,

    /// At most so many, 499 at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: AuditArgs) -> Result<(), Failure> {
    let args = match args.command {
        Some(AuditCommand::List(args)) => args,
        None => args.list,
    };
    let target = Target::open(&args.client, Missing::Refuse).await?;
    let filter = AuditFilter {
        actor: args.actor,
        action: args.action,
        target: args.target,
        everywhere: args.everywhere,
        before: args.cursor,
        limit: args.limit,
    };
    let lines = target.audit(filter).await;
    target.close().await;
    output::listed(args.client.output, &lines?, "audit", COLUMNS, "id")
}
