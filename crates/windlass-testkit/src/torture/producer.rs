//! A producer process: enqueues one by one and in batches from several tasks, and sends again what
//! its predecessors died over.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use tokio::runtime::Builder;
use tokio::task::{JoinSet, block_in_place};
use windlass::{JobId, Queue};

use crate::job::{key, new_job, number};
use crate::journal::{self, Entry, Journal};
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
}

/// Enqueues until the coordinator says stop or kills this process.
pub(crate) fn run(args: &ProducerArgs) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let queue = Queue::open(&args.site.url).await?;
        let resent = unacknowledged(&args.site.journals)?;
        let journal = Journal::open(&args.site.journals, &args.site.name)?;
        let next = AtomicU64::new(args.first);
        let source = Arc::new(Source { queue: queue.clone(), journal, next });
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

    /// Enqueues the jobs with these numbers and journals what was acknowledged.
    async fn send(&self, numbers: &[u64], atomic: bool) -> Result<(), Failure> {
        let intents: Vec<Entry> = numbers.iter().map(|n| Entry::Intent { key: key(*n) }).collect();
        block_in_place(|| self.journal.note_durably(&intents))?;
        let ids = self.enqueue(numbers, atomic).await?;
        let acks = numbers.iter().zip(ids).map(|(n, job)| Entry::Ack { key: key(*n), job });
        let acks: Vec<Entry> = acks.collect();
        block_in_place(|| self.journal.note_durably(&acks))?;
        Ok(())
    }

    async fn enqueue(&self, numbers: &[u64], atomic: bool) -> Result<Vec<JobId>, Failure> {
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
