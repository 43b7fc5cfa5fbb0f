//! `windlass jobs edit` and `move`: changes of jobs that wait or have ended.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use windlass::{JobId, Priority, Timestamp};

use crate::args::{ClientArgs, attempts, job_id, pair, priority};
use crate::client::{EditRequest, Payload, Target};
use crate::cmd::bulk::{self, BulkArgs};
use crate::cmd::jobs::each;
use crate::exit::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The job
    #[arg(value_parser = job_id)]
    id: JobId,

    /// New input: JSON itself, @FILE, or - for stdin
    #[arg(short, long, value_name = "JSON")]
    payload: Option<String>,

    /// New input from a file of any bytes
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    payload_file: Option<String>,

    /// Move it to this queue
    #[arg(short, long)]
    queue: Option<String>,

    /// 0 to 9, or critical, high, normal, low, bulk
    #[arg(long, value_parser = priority)]
    priority: Option<Priority>,

    /// Attempts before it becomes a dead letter
    #[arg(long, value_name = "N", value_parser = attempts())]
    max_attempts: Option<u32>,

    /// Run no earlier than this instant; one in the past means at once
    #[arg(long, value_name = "INSTANT")]
    at: Option<Timestamp>,

    /// The new tags, all of them; repeat it for more
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    tag: Vec<(String, String)>,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// The jobs
    #[arg(value_name = "ID", value_parser = job_id)]
    ids: Vec<JobId>,

    /// The queue they go to
    #[arg(long = "to", value_name = "QUEUE")]
    to: String,

    #[command(flatten)]
    bulk: BulkArgs,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

pub(crate) async fn edit(target: &Target, args: &EditArgs) -> Result<(), Failure> {
    let payload = match (&args.payload, &args.payload_file) {
        (Some(text), _) => Payload::from_argument(text)?,
        (None, Some(path)) => Payload::from_file(path)?,
        (None, None) => Payload::default(),
    };
    let tags: BTreeMap<String, String> = args.tag.iter().cloned().collect();
    let request = EditRequest {
        payload,
        queue: args.queue.clone(),
        priority: args.priority.map(Priority::get),
        max_attempts: args.max_attempts,
        scheduled_at: args.at,
        tags: (!tags.is_empty()).then_some(tags),
    };
    output::job(args.client.output, &target.edit(args.id, &request).await?)
}

pub(crate) async fn carry_over(target: &Target, args: &MoveArgs) -> Result<(), Failure> {
    args.bulk.check(!args.ids.is_empty())?;
    if args.ids.is_empty() {
        let how = (args.client.output, args.yes);
        return bulk::run(target, &args.bulk, ("move", json!({ "queue": args.to })), how).await;
    }
    let request = EditRequest { queue: Some(args.to.clone()), ..EditRequest::default() };
    let carry = async |id| output::job(args.client.output, &target.edit(id, &request).await?);
    each(&args.ids, carry).await
}
