//! `windlass worker run`: a worker whose handler is a command.
//!
//! Invariant: whatever ends this process, no command goes on running for it; what was not reported runs again.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use windlass::{Error, Queue, RunningWorker, Worker};

use crate::args::{ClientArgs, duration, queue};
use crate::client::{Missing, Target};
use crate::exec;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::serve::signals::Signals;

/// First and longest wait before a server that is away is asked again.
const AWAY_WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(subcommand)]
    command: WorkerCommand,
}

#[derive(Debug, Subcommand)]
enum WorkerCommand {
    /// Run a command for each job: payload on stdin, result on stdout, exit code 0 for done
    ///
    /// Exit code 65 fails the job for good, 75 and all others try it again. The command sees `WINDLASS_JOB_ID`,
    /// `WINDLASS_JOB_TYPE`, `WINDLASS_JOB_QUEUE` and `WINDLASS_JOB_ATTEMPT`.
    Run(Box<RunArgs>),
}

/// What to run, for which jobs.
#[derive(Debug, Args)]
struct RunArgs {
    /// The queue to work on; repeat it for several, in this order of preference
    #[arg(long, value_name = "QUEUE", required = true, value_parser = queue)]
    queue: Vec<String>,

    /// Jobs of this type only; repeat it for any of several [default: all]
    #[arg(long = "type", value_name = "TYPE")]
    kind: Vec<String>,

    /// Commands that run at a time
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=10_000)
    )]
    concurrency: u16,

    /// The name shown for this worker [default: worker-PID]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// How long this process may be silent before others get its jobs
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = duration)]
    lease: Duration,

    /// How long a stop waits for running commands before it ends them and gives their jobs back
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = duration)]
    shutdown_timeout: Duration,

    #[command(flatten)]
    client: ClientArgs,

    /// The command and its arguments; no shell is involved
    #[arg(last = true, required = true, value_name = "CMD")]
    argv: Vec<String>,
}

pub(crate) async fn run(args: WorkerArgs) -> Result<(), Failure> {
    let WorkerCommand::Run(args) = args.command;
    let mut signals = Signals::take_over()?;
    let target = Target::open(&args.client, Missing::Refuse).await?;
    let queue = match &target {
        Target::Server(server) => server.queue().await?,
        Target::Database(database) => database.queue().clone(),
    };
    let done = match start(&queue, &args, &target, &mut signals).await {
        Ok(Some(running)) => work(&queue, running, &args, &mut signals).await,
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    target.close().await;
    done
}

impl RunArgs {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("worker-{}", std::process::id()))
    }
}

/// Registers the worker, and waits for a server that is away; none when a signal came first. On a database it
/// does its share of the upkeep as well.
async fn start(
    queue: &Queue,
    args: &RunArgs,
    target: &Target,
    signals: &mut Signals,
) -> Result<Option<RunningWorker>, Failure> {
    let mut wait = AWAY_WAIT.0;
    loop {
        let worker = queue
            .worker()
            .name(args.name())
            .queues(args.queue.clone())
            .concurrency(usize::from(args.concurrency))
            .prefetch(0)
            .lease(args.lease)
            .grace(args.shutdown_timeout);
        let starting = with_command(worker, &args.kind, &args.argv).start();
        let started = tokio::select! {
            _ = signals.next() => return Ok(None),
            started = starting => started,
        };
        match (started, target) {
            (Ok(running), _) => return Ok(Some(running)),
            (Err(error @ Error::Unavailable { .. }), Target::Server(_)) => {
                tracing::warn!("cannot register yet: {error}");
            }
            (Err(error), _) => return Err(error.into()),
        }
        tokio::select! {
            _ = signals.next() => return Ok(None),
            () = tokio::time::sleep(wait) => {}
        }
        wait = (wait * 2).min(AWAY_WAIT.1);
    }
}

async fn work(
    queue: &Queue,
    running: RunningWorker,
    args: &RunArgs,
    signals: &mut Signals,
) -> Result<(), Failure> {
    output::say(&format!("worker {} runs `{}`", running.id(), args.argv[0]));
    tokio::select! {
        _ = signals.next() => {}
        () = running.asked_to_stop() => {}
        () = queue.storage_failed() => {
            running.stop_now().await;
            return Err(Failure::new(Exit::StorageFailed, "the database can no longer be trusted: see the log"));
        }
    }
    say_stopping(args.shutdown_timeout);
    let mut second = None;
    running.stop_or(async { second = Some(signals.next().await) }).await;
    second.map_or(Ok(()), |exit| Err(stopped_at_once(exit)))
}

fn with_command(worker: Worker<()>, kinds: &[String], argv: &[String]) -> Worker<()> {
    let argv: Arc<[String]> = argv.into();
    let handler = move |payload, ctx| {
        let argv = Arc::clone(&argv);
        async move { exec::handle(&argv, payload, &ctx).await }
    };
    if kinds.is_empty() {
        return worker.handle_any(handler);
    }
    kinds.iter().fold(worker, |worker, kind| worker.handle_raw(kind, handler.clone()))
}

fn say_stopping(grace: Duration) {
    let grace = windlass::format_duration(grace);
    output::say(&format!(
        "stopping: running commands have {grace}; a second signal ends it at once"
    ));
}

fn stopped_at_once(exit: Exit) -> Failure {
    Failure::new(exit, "stopped at once, as asked twice")
        .hint("jobs that were running were given back and run again")
}
