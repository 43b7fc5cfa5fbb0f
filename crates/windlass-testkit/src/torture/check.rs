//! What the coordinator does with the database while no child runs: check it, drain it, compare it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use windlass::{JobFilter, Queue, RetryOptions, State};

use crate::facts::{Totals, read_jobs, refused};
use crate::job::{Habit, Station};
use crate::journal::{Journal, read_all};
use crate::reconcile::{Reconciled, reconcile};
use crate::worker::{Pace, build};
use crate::{Failure, keys, ticks};

/// Longest time to work off what the cycles left.
const DRAIN_WITHIN: Duration = Duration::from_secs(120);

/// How often the drain looks at the counts.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits after several crashes grow to 5 minutes; the drain cuts short whatever is longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every broken invariant of the database.
pub(crate) async fn verify(url: &str) -> Result<Vec<String>, Failure> {
    let queue = Queue::open(url).await?;
    let mut found = queue.verify().await?;
    found.extend(keys::check(&queue).await?);
    queue.close().await;
    Ok(found)
}

/// Lets one undisturbed worker work off everything; false when it did not manage in time.
pub(crate) async fn drain(url: &str, journals: &Path) -> Result<bool, Failure> {
    let queue = Queue::open(url).await?;
    let station = Station::new(Arc::new(Journal::open(journals, "drain")?), Habit::Steady);
    let worker = build(&queue, Pace::Hasty, station).start().await?;
    let deadline = Instant::now() + DRAIN_WITHIN;
    let mut live = u64::MAX;
    while live > 0 && Instant::now() < deadline {
        hurry(&queue).await?;
        tokio::time::sleep(LOOK_EVERY).await;
        live = Totals::from(&queue.stats().await?).live;
    }
    worker.stop().await;
    queue.close().await;
    Ok(live == 0)
}

/// Runs jobs now that would wait for long after many crashes.
pub(crate) async fn hurry(queue: &Queue) -> Result<(), Failure> {
    let waiting = queue.list(JobFilter::new().state(State::Retrying).limit(500)).await?;
    let soon = queue.clock().now() + PATIENCE;
    for job in waiting.jobs.iter().filter(|job| job.scheduled_at.is_some_and(|at| at > soon)) {
        queue.retry(job.id, RetryOptions::default()).await?;
    }
    Ok(())
}

/// Compares the journals with the database.
pub(crate) async fn compare(url: &str, journals: &Path) -> Result<Reconciled, Failure> {
    let queue = Queue::open(url).await?;
    let jobs = read_jobs(&queue).await?;
    let stats = queue.stats().await?;
    let ticks = ticks::check(&queue).await?;
    queue.close().await;
    let mut found = reconcile(&read_all(journals)?, &jobs, Totals::from(&stats));
    found.findings.extend(ticks);
    Ok(Reconciled { refused: refused(&stats), ..found })
}
