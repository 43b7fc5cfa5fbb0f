//! Callers that enqueue: one, many, in batches.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use windlass::{NewJob, Queue};

use crate::floor::per_second;
use crate::{Bench, PAYLOAD};

/// A job of `kind` with the payload of every measurement.
pub(crate) fn job(kind: &str) -> NewJob {
    NewJob::new(kind, PAYLOAD.as_slice())
}

/// Jobs per second of one caller with batches of `batch`, to be run after `delay`.
pub(crate) async fn bulk(
    queue: &Queue,
    kind: &str,
    jobs: usize,
    batch: usize,
    delay: Duration,
) -> Bench<f64> {
    let started = Instant::now();
    for _ in 0..jobs / batch {
        let batch = (0..batch).map(|_| match delay {
            Duration::ZERO => job(kind),
            delay => job(kind).delay(delay),
        });
        queue.enqueue_batch(batch.collect(), true).await?;
    }
    Ok(per_second(jobs / batch * batch, started))
}

/// Jobs per second of `callers`, each with one job at a time.
pub(crate) async fn concurrent(queue: &Queue, callers: usize, jobs: usize) -> Bench<f64> {
    let started = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..callers {
        let queue = queue.clone();
        running.spawn(async move {
            for _ in 0..jobs / callers {
                queue.enqueue_new(job("noop")).await?;
            }
            Ok::<(), windlass::Error>(())
        });
    }
    while let Some(caller) = running.join_next().await {
        caller??;
    }
    Ok(per_second(jobs / callers * callers, started))
}
