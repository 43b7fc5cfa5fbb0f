//! `windlass submit`: enqueues a job, and with `--wait` stays until it has ended.

use std::time::Duration;

use clap::{ArgGroup, Args};
use windlass::{BatchId, JobId, Priority, Timestamp, format_duration};

use crate::args::{ClientArgs, When, attempts, duration, pair, priority, when};
use crate::client::{JobRequest, Missing, Payload, Target};
use crate::cmd::follow::follow;
use crate::cmd::wait::wait_for;
use crate::exit::{Exit, Failure};
use crate::output;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("waiting").multiple(true))]
pub(crate) struct SubmitArgs {
    /// Type of the job: the name of its handler
    #[arg(value_name = "TYPE", conflicts_with = "kind", required_unless_present = "kind")]
    type_: Option<String>,

    /// The same, as an option
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// Input: JSON itself, @FILE, or - for stdin [default: null]
    #[arg(short, long, value_name = "JSON")]
    payload: Option<String>,

    /// Input from a file of any bytes
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    payload_file: Option<String>,

    /// Queue [default: default]
    #[arg(short, long)]
    queue: Option<String>,

    /// 0 to 9, or critical, high, normal, low, bulk [default: normal]
    #[arg(long, value_parser = priority)]
    priority: Option<Priority>,

    /// Run no earlier than this from now, such as 90s
    #[arg(long, value_name = "SPAN", value_parser = duration, conflicts_with = "at")]
    delay: Option<Duration>,

    /// Run no earlier than this instant, such as 2026-01-31T08:00:00Z
    #[arg(long, value_name = "INSTANT")]
    at: Option<Timestamp>,

    /// Longest run of one attempt [default: 30m]
    #[arg(long, value_name = "SPAN", value_parser = duration)]
    timeout: Option<Duration>,

    /// Give the job up unless it starts by then: an instant, or a span from now
    #[arg(long, value_name = "WHEN", value_parser = when)]
    start_by: Option<When>,

    /// Attempts before it becomes a dead letter [default: 20]
    #[arg(long, value_name = "N", value_parser = attempts())]
    max_attempts: Option<u32>,

    /// Same key, same job: submitting it again returns the first one
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,

    /// Ties the job to your logs and requests
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,

    /// Key by which a limit holds it back while others with the key run, such as tenant:acme
    #[arg(long, value_name = "KEY")]
    concurrency_key: Option<String>,

    /// Key by which a limit says how often a job starts
    #[arg(long, value_name = "KEY")]
    rate_key: Option<String>,

    /// Key that takes turns with others in a fair queue
    #[arg(long, value_name = "KEY")]
    fairness_key: Option<String>,

    /// Run only after this job has completed; repeat it for more
    #[arg(long, value_name = "ID")]
    after: Vec<JobId>,

    /// Make it a job of this batch
    #[arg(long, value_name = "ID")]
    batch: Option<BatchId>,

    /// A tag to filter by; repeat it for more
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    tag: Vec<(String, String)>,

    /// Wait until the job has ended; exits 9 unless it completed
    #[arg(short, long, group = "waiting")]
    wait: bool,

    /// The same, and tell on stderr what becomes of it until then: states, progress, log
    #[arg(short, long, group = "waiting")]
    follow: bool,

    /// Longest wait
    #[arg(long, value_name = "SPAN", value_parser = duration, default_value = "10m", requires = "waiting")]
    wait_timeout: Duration,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: SubmitArgs) -> Result<(), Failure> {
    let (format, is_followed) = (args.client.output, args.follow);
    let wait = (args.wait || args.follow).then_some(args.wait_timeout);
    let request = request(&args)?;
    let target = Target::open(&args.client, Missing::Create).await?;
    let job = target.submit(request).await;
    let done = match (job, wait) {
        (Ok(job), Some(timeout)) => match job.text("id").parse::<JobId>() {
            Ok(id) if is_followed => follow(&target, id, timeout, format).await,
            Ok(id) => wait_for(&target, id, timeout, format).await,
            Err(why) => Err(Failure::new(Exit::Failure, format!("the answer has no id: {why}"))),
        },
        (Ok(job), None) => output::job(format, &job),
        (Err(failure), _) => Err(failure),
    };
    target.close().await;
    done
}

fn request(args: &SubmitArgs) -> Result<JobRequest, Failure> {
    let payload = match (&args.payload, &args.payload_file) {
        (Some(text), _) => Payload::from_argument(text)?,
        (None, Some(path)) => Payload::from_file(path)?,
        (None, None) => Payload::default(),
    };
    let kind = args.type_.as_ref().or(args.kind.as_ref());
    Ok(JobRequest {
        kind: kind.cloned().unwrap_or_default(),
        payload,
        queue: args.queue.clone(),
        priority: args.priority.map(Priority::get),
        delay: args.delay.map(format_duration),
        scheduled_at: args.at,
        timeout: args.timeout.map(format_duration),
        start_by: args.start_by.map(When::instant),
        max_attempts: args.max_attempts,
        idempotency_key: args.idempotency_key.clone(),
        correlation_id: args.correlation_id.clone(),
        concurrency_key: args.concurrency_key.clone(),
        rate_key: args.rate_key.clone(),
        fairness_key: args.fairness_key.clone(),
        depends_on: args.after.clone(),
        batch_id: args.batch,
        tags: args.tag.iter().cloned().collect(),
    })
}
