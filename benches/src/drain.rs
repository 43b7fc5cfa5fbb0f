//! A worker that does nothing, and counts: ours through the public interface, as a user's program
//! would run it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::Notify;
use windlass::{Event, JobError, Queue, RunningWorker};

use crate::Bench;
use crate::floor::per_second;

/// How much the worker takes at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) prefetch: usize,
    pub(crate) claim_batch: usize,
}

impl Pace {
    /// What a user who wants throughput sets.
    pub(crate) const FULL: Self = Self { prefetch: 1000, claim_batch: 500 };

    /// Claims of `batch` jobs: a worker claims when half of what it fetches ahead is used up.
    pub(crate) const fn of(batch: usize) -> Self {
        Self { prefetch: 2 * batch, claim_batch: batch }
    }
}

/// A worker that does nothing, and counts.
pub(crate) struct Drain {
    pub(crate) worker: RunningWorker,
    settled: Arc<AtomicUsize>,
    news: Arc<Notify>,
    /// Microseconds from enqueue to start.
    pub(crate) pickups: Arc<Mutex<Vec<u32>>>,
}

impl Drain {
    pub(crate) async fn start(queue: &Queue, pace: Pace) -> Bench<Self> {
        Self::start_for(queue, "noop", pace).await
    }

    /// A worker that serves jobs of `kind` only.
    pub(crate) async fn start_for(queue: &Queue, kind: &str, pace: Pace) -> Bench<Self> {
        let settled = Arc::new(AtomicUsize::new(0));
        let news = Arc::new(Notify::new());
        let pickups = Arc::new(Mutex::new(Vec::new()));
        let (count, told, waits) = (settled.clone(), news.clone(), pickups.clone());
        let worker = queue
            .worker()
            .concurrency(100)
            .prefetch(pace.prefetch)
            .claim_batch(pace.claim_batch)
            .handle_raw(kind, async |_, _| Ok::<_, JobError>(Vec::new()))
            .on_event(move |event| {
                if let Event::Settled { waited, .. } = event {
                    if let Ok(mut waits) = waits.lock() {
                        waits.push(u32::try_from(waited.as_micros()).unwrap_or(u32::MAX));
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                    told.notify_one();
                }
            })
            .start()
            .await?;
        Ok(Self { worker, settled, news, pickups })
    }

    /// Outcomes stored so far.
    pub(crate) fn count(&self) -> usize {
        self.settled.load(Ordering::Relaxed)
    }

    /// Waits until `jobs` outcomes are stored.
    pub(crate) async fn done(&self, jobs: usize) {
        while self.count() < jobs {
            self.news.notified().await;
        }
    }
}

/// Jobs per second until `jobs` outcomes are stored, the start of the worker included.
pub(crate) async fn drain(queue: &Queue, jobs: usize, pace: Pace) -> Bench<f64> {
    let started = Instant::now();
    let running = Drain::start(queue, pace).await?;
    running.done(jobs).await;
    let rate = per_second(jobs, started);
    running.worker.stop().await;
    Ok(rate)
}
