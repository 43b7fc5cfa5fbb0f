//! `serve --demo`: a sample workload that never ends, so that there is something to look at.
//!
//! Invariant: it only ever adds a few jobs a second, and only jobs whose type starts with `demo.`.

mod handlers;
mod story;
mod workload;

use std::convert::Infallible;
use std::time::Duration;

use windlass::{Error, Queue};

pub(crate) use handlers::handlers;

/// Jobs stored at once at the start: nobody wants to watch an empty list.
const FIRST_JOBS: usize = 25;

/// Among them, files that nobody can read: a group of dead letters within seconds.
const FIRST_IMPORTS: usize = 3;

/// Single jobs from one workflow to the next: about 20 s.
const ALBUM_EVERY: u64 = 50;

/// Shortest and longest pause between two jobs, in milliseconds: two to three jobs a second.
const PAUSE_MS: std::ops::Range<u64> = 150..650;

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
    let mut first = first?;
    for _ in 0..FIRST_IMPORTS {
        first.push(workload::import(rng)?);
    }
    queue.enqueue_batch(first, true).await?;
    story::declare(queue).await?;
    for n in 0_u64.. {
        if n % ALBUM_EVERY == 0 {
            queue.start(story::album(rng)).await?;
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(PAUSE_MS))).await;
        queue.enqueue_new(workload::next_job(rng)?).await?;
    }
    std::future::pending().await
}
