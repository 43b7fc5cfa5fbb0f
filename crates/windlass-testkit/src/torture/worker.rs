//! A worker process.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use windlass::{Event, Queue, State, Worker};

use crate::job::{Habit, Station, handlers};
use crate::journal::{Entry, Journal};
use crate::{Failure, Site, child, keys, ticks};

/// Short enough that a killed worker's jobs run again within a few cycles.
const LEASE: Duration = Duration::from_secs(1);
const SWEEP: Duration = Duration::from_millis(200);
const POLL: Duration = Duration::from_millis(50);
const SLOTS: usize = 8;

/// How long a child waits for a database that is away, and between two tries: a crashed server has
/// 120 s to recover.
const AWAY_MAX: Duration = Duration::from_secs(180);
pub(crate) const AWAY_PAUSE: Duration = Duration::from_millis(100);

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
    /// Whether jobs take a random time.
    #[arg(long, conflicts_with_all = ["stall_at", "linger"])]
    varied: bool,
    /// Jobs run at a time, and none held ready beyond them.
    #[arg(long)]
    slots: Option<usize>,
    /// Whether a stop is not to wait for handlers.
    #[arg(long)]
    graceless: bool,
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

impl Pace {
    /// As on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hasty => "hasty",
            Self::Brisk => "brisk",
            Self::Default => "default",
        }
    }
}

/// Works until the coordinator says stop or kills this process.
pub(crate) fn run(args: &WorkerArgs) -> Result<(), Failure> {
    let habit = match args.stall_at {
        Some(at) => Habit::Stall { at },
        None if args.linger => Habit::Linger,
        None if args.varied => Habit::Varied,
        None => Habit::Steady,
    };
    let runtime = match habit {
        Habit::Stall { .. } => Builder::new_current_thread().enable_all().build()?,
        Habit::Steady | Habit::Linger | Habit::Varied => {
            Builder::new_multi_thread().worker_threads(2).enable_all().build()?
        }
    };
    runtime.block_on(work(args, habit))
}

async fn work(args: &WorkerArgs, habit: Habit) -> Result<(), Failure> {
    let queue = open_patiently(&args.site.url).await?;
    let mut has_schedule = false;
    let journal = Arc::new(Journal::open(&args.site.journals, &args.site.name)?);
    let mut terminated = signal(SignalKind::terminate())?;
    let stop = async {
        tokio::select! {
            () = child::released() => {}
            _ = terminated.recv() => {}
        }
    };
    let mut stop = pin!(stop);
    let patience = Instant::now() + AWAY_MAX;
    loop {
        let station = Station::new(Arc::clone(&journal), habit);
        let mut worker = build(&queue, args.pace, station).name(&args.site.name);
        if let Some(slots) = args.slots {
            worker = worker.concurrency(slots).prefetch(0);
        }
        if args.graceless {
            worker = worker.grace(Duration::ZERO);
        }
        let run = async {
            if !has_schedule {
                ticks::declare(&queue).await?;
                keys::declare(&queue).await?;
                has_schedule = true;
            }
            worker.seed(args.site.seed).run_until(&mut stop).await
        };
        match run.await {
            Err(error) if error.is_transient() && Instant::now() < patience => {
                tokio::time::sleep(AWAY_PAUSE).await;
            }
            ended => {
                queue.close().await;
                return Ok(ended?);
            }
        }
    }
}

/// Opens a database that may be away just now, as a supervisor would by starting again.
pub(crate) async fn open_patiently(url: &str) -> Result<Queue, Failure> {
    let patience = Instant::now() + AWAY_MAX;
    loop {
        match Queue::open(url).await {
            Err(error) if error.is_transient() && Instant::now() < patience => {
                tokio::time::sleep(AWAY_PAUSE).await;
            }
            opened => return Ok(opened?),
        }
    }
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
