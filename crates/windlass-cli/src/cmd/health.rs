//! `windlass health`: whether a server is up, for what starts and restarts it.

use clap::Args;
use windlass::ServerAccess;

use crate::args::ca_file_of_environment;
use crate::client::{SERVER_DEFAULT, Server};
use crate::exit::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Ask only whether the process answers, not whether its database does
    #[arg(long)]
    live: bool,

    /// The server to ask; it needs no key for this
    #[arg(long, value_name = "URL", env = "WINDLASS_SERVER", default_value = SERVER_DEFAULT)]
    server: String,
}

pub(crate) async fn run(args: &HealthArgs) -> Result<(), Failure> {
    let access = ServerAccess { api_key: None, ca_file: ca_file_of_environment() };
    let server = Server::new(&args.server, "default", &access)?;
    let asked = if args.live { "live" } else { "ready" };
    server.probe(asked).await?;
    output::line(asked)
}
