//! Floors: the least that a queue on this server can do. One table, one connection, no history, no
//! fence, no counts.

use std::future::Future;
use std::time::Instant;

use tokio::task::JoinSet;

use super::scratch::Scratch;
use crate::Bench;
use crate::floor::per_second;

/// A connection to a server, with the statements of the floor.
pub(crate) trait Floor: Sized + Send + 'static {
    /// Connects, and makes the table if it is not there.
    fn connect(scratch: &Scratch) -> impl Future<Output = Bench<Self>> + Send;

    /// Stores one job, in a transaction of its own.
    fn insert(&mut self, id: i64) -> impl Future<Output = Bench<()>> + Send;

    /// Stores `count` jobs with ids from `first`, in one transaction.
    fn insert_many(&mut self, first: i64, count: i64) -> impl Future<Output = Bench<()>> + Send;

    /// Reads and deletes up to `batch` jobs in one transaction: a crash runs them again, all of them.
    fn take(&mut self, batch: usize) -> impl Future<Output = Bench<usize>> + Send;

    /// Marks up to `batch` jobs as taken and reads them in one transaction, and deletes them in
    /// another: what has to be done at least to survive a crash while jobs run.
    fn take_and_finish(&mut self, batch: usize) -> impl Future<Output = Bench<usize>> + Send;
}

/// Jobs per second of one connection that stores batches.
pub(crate) async fn fill<F: Floor>(scratch: &Scratch, jobs: usize, batch: usize) -> Bench<f64> {
    let mut floor = F::connect(scratch).await?;
    let (jobs, batch) = (i64::try_from(jobs)?, i64::try_from(batch)?);
    let started = Instant::now();
    for n in 0..jobs / batch {
        floor.insert_many(n * batch, batch).await?;
    }
    Ok(per_second(usize::try_from(jobs / batch * batch)?, started))
}

/// Jobs per second of one connection that empties the table.
pub(crate) async fn empty<F: Floor>(scratch: &Scratch, batch: usize, in_two: bool) -> Bench<f64> {
    let mut floor = F::connect(scratch).await?;
    let (started, mut jobs) = (Instant::now(), 0);
    loop {
        let taken = match in_two {
            true => floor.take_and_finish(batch).await?,
            false => floor.take(batch).await?,
        };
        if taken == 0 {
            return Ok(per_second(jobs, started));
        }
        jobs += taken;
    }
}

/// Jobs per second of `callers` connections that store one job at a time each.
pub(crate) async fn concurrent<F: Floor>(
    scratch: &Scratch,
    callers: usize,
    jobs: usize,
) -> Bench<f64> {
    let mut connections = Vec::with_capacity(callers);
    for _ in 0..callers {
        connections.push(F::connect(scratch).await?);
    }
    let each = i64::try_from(jobs / callers)?;
    let started = Instant::now();
    let mut running = JoinSet::new();
    for (caller, mut floor) in (1..).zip(connections) {
        running.spawn(async move {
            for n in 0..each {
                floor.insert(caller * 10_000_000 + n).await?;
            }
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
    while let Some(caller) = running.join_next().await {
        caller??;
    }
    Ok(per_second(jobs / callers * callers, started))
}
