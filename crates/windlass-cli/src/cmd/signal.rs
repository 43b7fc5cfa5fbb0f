//! `windlass jobs signal`: gives a job what its handler waits for.

use clap::Args;
use serde_json::value::RawValue;
use windlass::JobId;

use crate::args::{ClientArgs, job_id};
use crate::client::Target;
use crate::exit::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct SignalArgs {
    /// The job
    #[arg(value_parser = job_id)]
    id: JobId,

    /// The signal its handler waits for
    name: String,

    /// What to hand to the handler, as JSON
    #[arg(long, value_name = "JSON", default_value = "null", value_parser = json)]
    payload: Box<RawValue>,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

pub(crate) async fn signal(target: &Target, args: &SignalArgs) -> Result<(), Failure> {
    let told = target.signal(args.id, &args.name, &args.payload).await?;
    if told.text("new") == "false" {
        output::say(&format!("the job was given `{}` before, and that one stands", args.name));
    }
    output::one(args.client.output, &told, "job_id")
}

fn json(text: &str) -> Result<Box<RawValue>, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}
