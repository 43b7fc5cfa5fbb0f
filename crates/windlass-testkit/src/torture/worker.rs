//! A worker process.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::runtime::Builder;
use windlass::{Event, Queue, State, Worker};

use crate::job::{Habit, Station, handlers};
use crate::journal::{Entry, Journal};
use crate::{Failure, Site, child};

/// Short enough that a killed worker's jobs run again within a few cycles.
const LEASE: Duration = Duration::from_secs(1);
const SWEEP: Duration = Duration::from_millis(200);
const POLL: Duration = Duration::from_millis(50);
const SLOTS: usize = 8;

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    site: Site,
    /// Which settings the worker has.
    #[arg(long, value_enum, default_value = "hasty")]
    pace: Pace,
    /// The run that stalls the whole process.
    #[arg(long)]
    stall_at: Option<u64>,
    /// Whether jobs that crashed once take long.
    #[arg(long, conflicts_with = "stall_at")]
    linger: bool,
}

/// How soon a worker notices things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Pace {
    /// Short times, so that a cycle can be short.
    Hasty,
    /// The default times, the lease and sweep apart.
    Brisk,
    /// The defaults.
    Default,
}

/// Works until the coordinator says stop or kills this process.
pub(crate) fn run(args: &WorkerArgs) -> Result<(), Failure> {
    let habit = match args.stall_at {
        Some(at) => Habit::Stall { at },
        None if args.linger => Habit::Linger,
        None => Habit::Steady,
    };
    let runtime = match habit {
        Habit::Stall { .. } => Builder::new_current_thread().enable_all().build()?,
        Habit::Steady | Habit::Linger => {
            Builder::new_multi_thread().worker_threads(2).enable_all().build()?
        }
    };
    runtime.block_on(async {
        let queue = Queue::open(&args.site.url).await?;
        let journal = Journal::open(&args.site.journals, &args.site.name)?;
        let station = Station::new(journal, habit);
        let worker = build(&queue, args.pace, station).name(&args.site.name);
        worker.seed(args.site.seed).run_until(child::released()).await?;
        queue.close().await;
        Ok(())
    })
}

/// A worker that journals each run, and each completion it was told of.
pub(crate) fn build(queue: &Queue, pace: Pace, station: Station) -> Worker<Station> {
    let done = Arc::clone(&station.journal);
    let worker = queue.worker().state(station).with(handlers).on_event(move |event| {
        if let Event::Settled { info, state: State::Completed, .. } = event {
            let entry = Entry::Done { job: info.id, epoch: info.epoch };
            done.note(&[entry]).expect("a journal can be written");
        }
    });
    match pace {
        Pace::Hasty => {
            worker.lease(LEASE).sweep(SWEEP).poll(POLL).concurrency(SLOTS).prefetch(SLOTS)
        }
        Pace::Brisk => worker.lease(LEASE).sweep(SWEEP),
        Pace::Default => worker,
    }
}
