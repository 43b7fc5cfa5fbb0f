//! `windlass jobs`: look at jobs and steer them.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use windlass::{JobId, Priority};

use crate::args::{ClientArgs, FilterArgs, duration, job_id, priority};
use crate::client::{ListRequest, Missing, RetryRequest, Target};
use crate::cmd::bulk::{self, BulkArgs};
use crate::cmd::confirm::confirm;
use crate::cmd::dead::retry_params;
use crate::cmd::edit::{EditArgs, MoveArgs, carry_over, edit};
use crate::cmd::signal::{SignalArgs, signal};
use crate::cmd::wait::wait_for;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    command: JobsCommand,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// List jobs, newest first
    List(ListArgs),
    /// Show one job
    Get(GetArgs),
    /// Say why a job does not run
    Explain(GetArgs),
    /// Show what the handlers of a job wrote down
    Logs(GetArgs),
    /// Cancel jobs: waiting ones end now, running ones are asked to stop
    Cancel(CancelArgs),
    /// Give ended jobs another attempt, or run waiting ones now
    Retry(RetryArgs),
    /// Run waiting jobs now
    RunNow(RunNowArgs),
    /// Change a job that waits or has ended
    Edit(EditArgs),
    /// Move jobs to another queue
    Move(MoveArgs),
    /// Delete jobs and their history
    Delete(DeleteArgs),
    /// Give a job the signal that its handler waits for
    Signal(SignalArgs),
    /// Wait until a job has ended; exits 9 unless it completed
    Wait(WaitArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,

    /// Jobs on a page, 1 to 500 [default: 100]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: Option<u16>,

    /// Continue after this job: the cursor of an earlier page
    #[arg(long, value_name = "ID", value_parser = job_id)]
    cursor: Option<JobId>,

    /// Newest or oldest first
    #[arg(long, value_enum, default_value_t = Order::Desc)]
    order: Order,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Order {
    /// Oldest first
    Asc,
    /// Newest first
    Desc,
}

#[derive(Debug, Args)]
struct GetArgs {
    /// The job
    #[arg(value_parser = job_id)]
    id: JobId,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct CancelArgs {
    /// The jobs
    #[arg(value_name = "ID", value_parser = job_id)]
    ids: Vec<JobId>,

    #[command(flatten)]
    bulk: BulkArgs,

    /// Why, for whoever looks at the job later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// End running jobs at once; what their workers report later is refused
    #[arg(long)]
    force: bool,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct RetryArgs {
    /// The jobs
    #[arg(value_name = "ID", value_parser = job_id)]
    ids: Vec<JobId>,

    #[command(flatten)]
    bulk: BulkArgs,

    /// Count attempts from the start again; otherwise one more is granted
    #[arg(long)]
    reset_attempts: bool,

    /// Run no earlier than this from now, such as 90s
    #[arg(long, value_name = "SPAN", value_parser = duration)]
    delay: Option<Duration>,

    /// Change the priority: 0 to 9, or critical, high, normal, low, bulk
    #[arg(long, value_parser = priority)]
    priority: Option<Priority>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct DeleteArgs {
    /// The jobs
    #[arg(value_name = "ID", value_parser = job_id)]
    ids: Vec<JobId>,

    #[command(flatten)]
    bulk: BulkArgs,

    /// Delete running jobs, too
    #[arg(long)]
    force: bool,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct RunNowArgs {
    /// The jobs
    #[arg(required = true, value_name = "ID", value_parser = job_id)]
    ids: Vec<JobId>,

    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
struct WaitArgs {
    /// The job
    #[arg(value_parser = job_id)]
    id: JobId,

    /// Longest wait
    #[arg(long, value_name = "SPAN", value_parser = duration, default_value = "10m")]
    timeout: Duration,

    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) async fn run(args: JobsArgs) -> Result<(), Failure> {
    let client = args.command.client();
    let target = Target::open(client, Missing::Refuse).await?;
    let done = carry_out(&target, args.command).await;
    target.close().await;
    done
}

impl JobsCommand {
    const fn client(&self) -> &ClientArgs {
        match self {
            Self::List(args) => &args.client,
            Self::Get(args) | Self::Explain(args) | Self::Logs(args) => &args.client,
            Self::Cancel(args) => &args.client,
            Self::Retry(args) => &args.client,
            Self::RunNow(args) => &args.client,
            Self::Edit(args) => &args.client,
            Self::Move(args) => &args.client,
            Self::Delete(args) => &args.client,
            Self::Signal(args) => &args.client,
            Self::Wait(args) => &args.client,
        }
    }
}

async fn carry_out(target: &Target, command: JobsCommand) -> Result<(), Failure> {
    match command {
        JobsCommand::List(args) => list(target, args).await,
        JobsCommand::Get(args) => output::job(args.client.output, &target.get(args.id).await?),
        JobsCommand::Explain(args) => {
            output::explained(args.client.output, &target.explain(args.id).await?)
        }
        JobsCommand::Logs(args) => {
            let columns =
                [("AT", "at"), ("ATTEMPT", "attempt"), ("LEVEL", "level"), ("TEXT", "text")];
            output::named(args.client.output, &target.logs(args.id).await?, "lines", columns)
        }
        JobsCommand::Cancel(args) => cancel(target, args).await,
        JobsCommand::Retry(args) => retry(target, args).await,
        JobsCommand::RunNow(args) => {
            let how = RetryRequest::default();
            let run = async |id| output::job(args.client.output, &target.retry(id, &how).await?);
            each(&args.ids, run).await
        }
        JobsCommand::Edit(args) => edit(target, &args).await,
        JobsCommand::Move(args) => carry_over(target, &args).await,
        JobsCommand::Delete(args) => delete(target, args).await,
        JobsCommand::Signal(args) => signal(target, &args).await,
        JobsCommand::Wait(args) => {
            wait_for(target, args.id, args.timeout, args.client.output).await
        }
    }
}

async fn list(target: &Target, args: ListArgs) -> Result<(), Failure> {
    let request = ListRequest {
        filter: args.filter,
        limit: args.limit.map(usize::from),
        cursor: args.cursor,
        is_ascending: args.order == Order::Asc,
    };
    let page = target.list(&request).await?;
    output::jobs(args.client.output, &page.document, &page.jobs)?;
    let cursor = page.document.text("next_cursor");
    if args.client.output == Format::Table && !cursor.is_empty() {
        output::say(&format!("there is more: --cursor {cursor}"));
    }
    Ok(())
}

async fn cancel(target: &Target, args: CancelArgs) -> Result<(), Failure> {
    args.bulk.check(!args.ids.is_empty())?;
    let reason = args.reason.as_deref();
    if args.ids.is_empty() {
        let params = json!({ "reason": reason, "force": args.force });
        let how = (args.client.output, args.yes);
        return bulk::run(target, &args.bulk, ("cancel", params), how).await;
    }
    let cancel = async |id| {
        let job = target.cancel(id, reason, args.force).await?;
        output::job(args.client.output, &job)
    };
    each(&args.ids, cancel).await
}

async fn retry(target: &Target, args: RetryArgs) -> Result<(), Failure> {
    args.bulk.check(!args.ids.is_empty())?;
    if args.ids.is_empty() {
        let params = retry_params(args.reset_attempts, args.delay, args.priority);
        let how = (args.client.output, args.yes);
        return bulk::run(target, &args.bulk, ("retry", params), how).await;
    }
    let how = RetryRequest {
        reset_attempts: args.reset_attempts,
        delay: args.delay,
        priority: args.priority,
    };
    let retry = async |id| output::job(args.client.output, &target.retry(id, &how).await?);
    each(&args.ids, retry).await
}

async fn delete(target: &Target, args: DeleteArgs) -> Result<(), Failure> {
    args.bulk.check(!args.ids.is_empty())?;
    if args.ids.is_empty() {
        let how = (args.client.output, args.yes);
        return bulk::run(target, &args.bulk, ("delete", json!({ "force": args.force })), how)
            .await;
    }
    if !args.yes {
        confirm(&format!("Delete {} with all history?", count(args.ids.len())))?;
    }
    let delete = async |id| {
        target.delete(id, args.force).await?;
        match args.client.output {
            Format::Id => output::line(&id.to_string()),
            Format::Table | Format::Json | Format::Jsonl | Format::Yaml => {
                output::say(&format!("deleted {id}"));
                Ok(())
            }
        }
    };
    each(&args.ids, delete).await
}

/// Does the same to each job; when only some fail, the exit code says so.
pub(crate) async fn each(
    ids: &[JobId],
    act: impl AsyncFn(JobId) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let [id] = ids {
        return act(*id).await;
    }
    let mut failures = Vec::new();
    for id in ids {
        if let Err(failure) = act(*id).await {
            let text = failure.to_string();
            let about = if text.contains(&format!("job {id}")) {
                String::new()
            } else {
                format!(" (job {id})")
            };
            output::say(&format!("{text}{about}"));
            failures.push(failure.exit);
        }
    }
    match failures.first() {
        None => Ok(()),
        Some(first) => {
            let exit = if failures.len() < ids.len() { Exit::PartlyDone } else { *first };
            let message = format!("{} of {} failed", failures.len(), count(ids.len()));
            Err(Failure::new(exit, message))
        }
    }
}

fn count(n_jobs: usize) -> String {
    if n_jobs == 1 { "1 job".to_owned() } else { format!("{n_jobs} jobs") }
}
