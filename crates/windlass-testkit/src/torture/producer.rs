//! A producer process: enqueues one by one and in batches from several tasks, and sends again what
//! its predecessors died over.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use tokio::runtime::Builder;
use tokio::task::{JoinSet, block_in_place};
use windlass::{Error, JobId, Queue};

use crate::job::{key, new_job, number};
use crate::journal::{self, Entry, Journal};
use crate::worker::{AWAY_PAUSE, open_patiently};
use crate::{Failure, Site, child};

/// Tasks that enqueue at the same time.
const CALLERS: u64 = 4;

/// Jobs in the largest batch.
const BATCH_MAX: u64 = 8;

/// Jobs without an acknowledgement that are sent again at the start.
const RESENT_MAX: usize = 64;

/// Longest rest between two calls of one task: workers have to keep up over many cycles.
const REST_MS_MAX: u64 = 40;

#[derive(Debug, Args)]
pub(crate) struct ProducerArgs {
    #[command(flatten)]
    site: Site,
    /// The first job number that is this producer's.
    #[arg(long)]
    first: u64,
    /// How many jobs to send before it ends by itself; without a number it goes on.
    #[arg(long, requires = "over_ms")]
    count: Option<u64>,
    /// The time over which to spread them.
    #[arg(long)]
    over_ms: Option<u64>,
}

/// Enqueues until all is sent, the coordinator says stop, or kills this process.
pub(crate) fn run(args: &ProducerArgs) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let queue = open_patiently(&args.site.url).await?;
        let resent = unacknowledged(&args.site.journals)?;
        let journal = Journal::open(&args.site.journals, &args.site.name)?;
        let next = AtomicU64::new(args.first);
        let source = Arc::new(Source { queue: queue.clone(), journal, next });
        if let (Some(count), Some(over_ms)) = (args.count, args.over_ms) {
            let rng = fastrand::Rng::with_seed(args.site.seed);
            tokio::select! {
                sent = source.trickle(count, Duration::from_millis(over_ms), rng) => sent?,
                () = child::released() => {}
            }
            queue.close().await;
            return Ok(());
        }
        let mut calls = JoinSet::new();
        let again = Arc::clone(&source);
        calls.spawn(async move { again.send(&resent, false).await });
        for caller in 0..CALLERS {
            let rng = fastrand::Rng::with_seed(args.site.seed.wrapping_add(caller));
            calls.spawn(Arc::clone(&source).call(rng));
        }
        tokio::select! {
            failed = first_failure(&mut calls) => return Err(failed),
            () = child::released() => {}
        }
        calls.shutdown().await;
        queue.close().await;
        Ok(())
    })
}

/// Waits until a task has failed; forever when none does.
async fn first_failure(calls: &mut JoinSet<Result<(), Failure>>) -> Failure {
    while let Some(ended) = calls.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return failure,
            Err(panicked) => return panicked.into(),
        }
    }
    std::future::pending().await
}

/// Where the tasks of one producer send their jobs from.
struct Source {
    queue: Queue,
    journal: Journal,
    next: AtomicU64,
}

impl Source {
    /// Enqueues without end.
    async fn call(self: Arc<Self>, mut rng: fastrand::Rng) -> Result<(), Failure> {
        loop {
            let count = if rng.u8(..4) == 0 { rng.u64(2..=BATCH_MAX) } else { 1 };
            let first = self.next.fetch_add(count, Ordering::Relaxed);
            let mut numbers: Vec<u64> = (first..first + count).collect();
            if rng.u8(..10) == 0 {
                // The same job twice in one transaction.
                numbers.push(first);
            }
            self.send(&numbers, rng.bool()).await?;
            if rng.u8(..10) == 0 {
                self.send(&[first], false).await?;
            }
            tokio::time::sleep(Duration::from_millis(rng.u64(..REST_MS_MAX))).await;
        }
    }

    /// Enqueues `count` jobs, spread evenly over the time. What an outage held up follows at once.
    async fn trickle(
        &self,
        count: u64,
        over: Duration,
        mut rng: fastrand::Rng,
    ) -> Result<(), Failure> {
        let (start, first) = (Instant::now(), self.next.load(Ordering::Relaxed));
        let mut sent = 0;
        while sent < count {
            #[expect(clippy::cast_precision_loss, reason = "a few thousand jobs")]
            let due = start + over.mul_f64(sent as f64 / count as f64);
            tokio::time::sleep_until(due.into()).await;
            let size = if rng.u8(..4) == 0 { rng.u64(2..=BATCH_MAX) } else { 1 };
            let size = size.min(count - sent);
            let numbers: Vec<u64> = (first + sent..first + sent + size).collect();
            self.send(&numbers, rng.bool()).await?;
            sent += size;
        }
        Ok(())
    }

    /// Enqueues the jobs with these numbers and journals what was acknowledged.
    async fn send(&self, numbers: &[u64], atomic: bool) -> Result<(), Failure> {
        let intents: Vec<Entry> = numbers.iter().map(|n| Entry::Intent { key: key(*n) }).collect();
        block_in_place(|| self.journal.note_durably(&intents))?;
        let ids = loop {
            match self.enqueue(numbers, atomic).await {
                Err(error) if error.is_transient() => {
                    // Perhaps stored and perhaps not: the keys make it safe to ask again.
                    let away = numbers.iter().map(|n| Entry::Away { key: key(*n) });
                    self.journal.note(&away.collect::<Vec<_>>())?;
                    tokio::time::sleep(AWAY_PAUSE).await;
                }
                answer => break answer?,
            }
        };
        let acks = numbers.iter().zip(ids).map(|(n, job)| Entry::Ack { key: key(*n), job });
        let acks: Vec<Entry> = acks.collect();
        block_in_place(|| self.journal.note_durably(&acks))?;
        Ok(())
    }

    async fn enqueue(&self, numbers: &[u64], atomic: bool) -> Result<Vec<JobId>, Error> {
        if let [n] = numbers {
            return Ok(vec![self.queue.enqueue_new(new_job(*n)).await?.id()]);
        }
        let jobs = numbers.iter().map(|n| new_job(*n)).collect();
        let replies = self.queue.enqueue_batch(jobs, atomic).await?;
        replies.into_iter().map(|reply| Ok(reply?.id())).collect()
    }
}

/// Jobs that earlier producers sent without hearing back.
fn unacknowledged(journals: &Path) -> Result<Vec<u64>, Failure> {
    let mut open = BTreeSet::new();
    let lines = journal::read_all(journals)?;
    for line in &lines {
        if let Entry::Intent { key } = &line.entry {
            open.extend(number(key));
        }
    }
    for line in &lines {
        if let Entry::Ack { key, .. } = &line.entry
            && let Some(n) = number(key)
        {
            open.remove(&n);
        }
    }
    Ok(open.into_iter().take(RESENT_MAX).collect())
}
