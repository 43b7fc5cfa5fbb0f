//! `windlass namespaces`: list, create, delete.

use clap::{Args, Subcommand};

use crate::args::{ClientArgs, DeleteNamedArgs, PageArgs};
use crate::client::{Missing, Target};
use crate::cmd::confirm::confirm;
use crate::exit::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct NamespacesArgs {
    #[command(subcommand)]
    command: NamespacesCommand,
}

#[derive(Debug, Subcommand)]
enum NamespacesCommand {
    /// List namespaces by name
    List(PageArgs),
    /// Create a namespace
    Create(CreateArgs),
    /// Delete a namespace
    Delete(DeleteNamedArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Its name
    name: String,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: NamespacesArgs) -> Result<(), Failure> {
    let client = match &args.command {
        NamespacesCommand::List(args) => &args.client,
        NamespacesCommand::Create(args) => &args.client,
        NamespacesCommand::Delete(args) => &args.client,
    };
    let target = Target::open(client, Missing::Refuse).await?;
    let done = carry_out(&target, args.command).await;
    target.close().await;
    done
}

async fn carry_out(target: &Target, command: NamespacesCommand) -> Result<(), Failure> {
    match command {
        NamespacesCommand::List(args) => {
            let page = target.namespaces(&args.cursor).await?;
            output::named(args.client.output, &page, "namespaces", [("NAME", "name")])
        }
        NamespacesCommand::Create(args) => {
            let made = target.create_namespace(&args.name).await?;
            output::one(args.client.output, &made, "name")
        }
        NamespacesCommand::Delete(args) => {
            if !args.yes {
                confirm(&format!("Delete namespace {}?", args.name))?;
            }
            target.delete_namespace(&args.name, args.force).await?;
            output::say(&format!("deleted {}", args.name));
            Ok(())
        }
    }
}
