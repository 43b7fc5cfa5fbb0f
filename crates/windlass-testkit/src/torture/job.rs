//! The jobs of the harness: what they are, what their handlers do, how they have to end.

use std::pin::pin;
use std::str;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use windlass::{Backoff, Ctx, JobError, NewJob, Worker};

use crate::journal::{Entry, Journal, now};
use crate::keys;

/// The kill itself may happen to a job many times, and must not send it into quarantine.
const MAX_CRASHES: u32 = 100;
const MAX_ATTEMPTS: u32 = 50;

const BACKOFF: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_millis(30);
const SNOOZE: Duration = Duration::from_millis(40);

/// Longer than a lease of 1 s and a sweep: by then another worker has the jobs of the stalled one.
const STALL: Duration = Duration::from_millis(1600);

/// Longer than what is left of a stall when the jobs have found another worker.
const LINGER: Duration = Duration::from_millis(1000);

/// Runs of random length: the share of each class in percent, and its longest run.
const LENGTHS: [(u8, u64); 3] = [(70, 200), (25, 2000), (5, 8000)];

/// Kind of a job that outlives every patience.
pub(crate) const LONG: &str = "long";
const LONG_RUN: Duration = Duration::from_secs(10 * 60);

/// Kind of a job whose handler takes its process with it.
pub(crate) const ABORT: &str = "abort";

/// What the handler of a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Completes.
    Ok,
    /// Fails the first attempt, then completes.
    Flaky,
    /// Completes after a while.
    Slow,
    /// Puts itself off once, then completes.
    Snooze,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Ok, Self::Flaky, Self::Slow, Self::Snooze];

    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Flaky => "flaky",
            Self::Slow => "slow",
            Self::Snooze => "snooze",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The attempt that completes it: crashes and snoozes burn none.
    pub(crate) const fn attempts(self) -> u32 {
        match self {
            Self::Flaky => 2,
            Self::Ok | Self::Slow | Self::Snooze => 1,
        }
    }

    /// How often it puts itself off.
    pub(crate) const fn snoozes(self) -> u32 {
        match self {
            Self::Snooze => 1,
            Self::Ok | Self::Flaky | Self::Slow => 0,
        }
    }
}

/// The idempotency key of job number `n`.
pub(crate) fn key(n: u64) -> String {
    format!("key-{n}")
}

/// The number in a key.
pub(crate) fn number(key: &str) -> Option<u64> {
    key.strip_prefix("key-")?.parse().ok()
}

/// Job number `n`: the same number is always the same job, so it can be sent again.
pub(crate) fn new_job(n: u64) -> NewJob {
    job_with_defaults(n).max_attempts(MAX_ATTEMPTS).max_crashes(MAX_CRASHES)
}

/// Job number `n` with the default limits.
pub(crate) fn job_with_defaults(n: u64) -> NewJob {
    let kind = match n % 4 {
        0 => Kind::Ok,
        1 => Kind::Flaky,
        2 => Kind::Slow,
        _ => Kind::Snooze,
    };
    NewJob::new(kind.name(), n.to_string())
        .idempotency_key(key(n))
        .concurrency_key(keys::key(n))
        .backoff(Backoff::constant(BACKOFF).jitter(0.0))
}

/// What handlers share in one process.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) journal: Arc<Journal>,
    habit: Habit,
    runs: AtomicU64,
}

/// How the handlers of one process behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// They do what the kind says.
    Steady,
    /// This run, counted from 1, keeps the whole process from doing anything for a while.
    Stall { at: u64 },
    /// They take their time over jobs that crashed once, so that the late report of a stalled
    /// worker meets a new lease.
    Linger,
    /// They take a random time, now and then a long one.
    Varied,
}

impl Station {
    pub(crate) const fn new(journal: Arc<Journal>, habit: Habit) -> Self {
        Self { journal, habit, runs: AtomicU64::new(0) }
    }

    /// Behaves out of the ordinary if that is the habit.
    async fn dawdle(&self, ctx: &Ctx<Self>) {
        let run = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        match self.habit {
            // A worker that stalls has one thread, so its heartbeat stalls as well.
            Habit::Stall { at } if at == run => thread::sleep(STALL),
            Habit::Linger if ctx.info().crashes == 1 => ctx.pause(LINGER).await,
            Habit::Varied => ctx.pause(random_length()).await,
            Habit::Steady | Habit::Stall { .. } | Habit::Linger => {}
        }
    }
}

fn random_length() -> Duration {
    let mut percent = fastrand::u8(..100);
    let mut longest_ms = 0;
    for (share, class_ms) in LENGTHS {
        longest_ms = class_ms;
        if percent < share {
            break;
        }
        percent -= share;
    }
    Duration::from_millis(fastrand::u64(..longest_ms))
}

/// Adds the handlers of every kind.
pub(crate) fn handlers(worker: Worker<Station>) -> Worker<Station> {
    let worker = worker.handle_raw(LONG, long).handle_raw(ABORT, abort);
    Kind::ALL.into_iter().fold(worker, |worker, kind| worker.handle_raw(kind.name(), work))
}

/// Does what the kind says, however it ends.
async fn work(_: Vec<u8>, ctx: Ctx<Station>) -> Result<Vec<u8>, JobError> {
    note_run(&ctx)?;
    let mut acting = pin!(act(&ctx));
    tokio::select! {
        biased;
        ending = &mut acting => return ending,
        () = ctx.cancelled() => note_stopped(&ctx)?,
    }
    // Goes on all the same, so that late reports come up; the worker drops it in the end.
    acting.await
}

/// The result is the epoch: it tells whose outcome was stored.
async fn act(ctx: &Ctx<Station>) -> Result<Vec<u8>, JobError> {
    ctx.state().dawdle(ctx).await;
    let info = ctx.info();
    match Kind::named(&info.kind) {
        Some(Kind::Flaky) if info.attempt == 1 => return Err("the first attempt fails".into()),
        Some(Kind::Snooze) if info.snoozes == 0 => return Err(JobError::snooze(SNOOZE)),
        Some(Kind::Slow) => ctx.pause(SLOW).await,
        Some(Kind::Ok | Kind::Flaky | Kind::Snooze) | None => {}
    }
    Ok(info.epoch.to_string().into_bytes())
}

async fn long(_: Vec<u8>, ctx: Ctx<Station>) -> Result<Vec<u8>, JobError> {
    note_run(&ctx)?;
    tokio::select! {
        () = ctx.pause(LONG_RUN) => Ok(Vec::new()),
        () = ctx.cancelled() => Err("told to stop".into()),
    }
}

async fn abort(_: Vec<u8>, ctx: Ctx<Station>) -> Result<Vec<u8>, JobError> {
    note_run(&ctx)?;
    std::process::abort()
}

fn note_run(ctx: &Ctx<Station>) -> Result<(), JobError> {
    let info = ctx.info();
    let (job, attempt, epoch) = (info.id, info.attempt, info.epoch);
    let run = Entry::Run { job, attempt, epoch, crashes: info.crashes, at: now() };
    Ok(ctx.state().journal.note(&[run])?)
}

fn note_stopped(ctx: &Ctx<Station>) -> Result<(), JobError> {
    let info = ctx.info();
    let stopped = Entry::Stopped { job: info.id, epoch: info.epoch };
    Ok(ctx.state().journal.note(&[stopped])?)
}

/// The epoch in a result that [`work`] returned.
pub(crate) fn epoch_in(result: Option<&[u8]>) -> Option<i64> {
    str::from_utf8(result?).ok()?.parse().ok()
}
