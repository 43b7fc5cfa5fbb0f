//! `serve --demo`: a sample workload that never ends, so that there is something to look at.
//!
//! Invariant: it only ever adds a few jobs a second, and only jobs whose type starts with `demo.`. What ends in the
//! dead letters succeeds once somebody retries it.

mod handlers;
mod workload;

use std::convert::Infallible;
use std::time::Duration;

use windlass::{Error, Queue};

pub(crate) use handlers::handlers;

/// Jobs stored at once at the start: nobody wants to watch an empty list.
const FIRST_JOBS: usize = 25;

/// Shortest and longest pause between two jobs, in milliseconds: two to three jobs a second.
const PAUSE_MS: std::ops::Range<u64> = 150..650;

/// A workflow starts with the first jobs, and again after so many: about every half minute.
const JOBS_PER_WORKFLOW: usize = 75;

/// Pause after a failed enqueue: the trouble is the database's, and it needs no more load.
const ERROR_PAUSE: Duration = Duration::from_secs(5);

/// Enqueues sample jobs until it is dropped.
pub(crate) async fn run(queue: Queue) -> Infallible {
    let mut rng = fastrand::Rng::new();
    loop {
        let Err(error) = enqueue(&queue, &mut rng).await;
        tracing::warn!(%error, "the demo could not enqueue");
        tokio::time::sleep(ERROR_PAUSE).await;
    }
}

/// Ends with the first error only.
async fn enqueue(queue: &Queue, rng: &mut fastrand::Rng) -> Result<Infallible, Error> {
    let first: Result<Vec<_>, Error> = (0..FIRST_JOBS).map(|_| workload::next_job(rng)).collect();
    queue.enqueue_batch(first?, true).await?;
    loop {
        queue.start(workload::next_workflow(rng)).await?;
        for _ in 0..JOBS_PER_WORKFLOW {
            tokio::time::sleep(Duration::from_millis(rng.u64(PAUSE_MS))).await;
            queue.enqueue_new(workload::next_job(rng)?).await?;
        }
    }
}
