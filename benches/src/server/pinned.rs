//! What claims read while another session holds an old snapshot, which keeps every dead row: buffers
//! of the ready room per claimed job, against a fresh table.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use windlass::Queue;

use super::ServerOptions;
use super::cost::each;
use super::scratch::Scratch;
use crate::Bench;
use crate::drain::{Drain, Pace, drain};
use crate::enqueue::bulk;
use crate::report::Figures;

/// Jobs whose claims are counted.
const JOBS: usize = 5_000;

pub(crate) async fn measure(
    scratch: &Scratch,
    options: &ServerOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("buffers that claims read, fresh and behind an old snapshot");
    let queue = Queue::open(&scratch.url()).await?;
    let mut watcher = PgConnection::connect(scratch.server()).await?;
    let clean = format!("vacuum {}ready", scratch.prefix());
    watcher.execute(AssertSqlSafe(clean)).await?;
    let fresh = buffers(&queue, &mut watcher, scratch).await?;
    let mut pin = PgConnection::connect(scratch.server()).await?;
    pin.execute("begin isolation level repeatable read").await?;
    let pinned = format!("select 1 from {}ready limit 1", scratch.prefix());
    pin.execute(AssertSqlSafe(pinned)).await?;
    bulk(&queue, "noop", options.jobs, 100, Duration::ZERO).await?;
    drain(&queue, options.jobs, Pace::of(100)).await?;
    let behind = buffers(&queue, &mut watcher, scratch).await?;
    pin.execute("commit").await?;
    figures.set("claim_buffers_per_job.fresh", fresh);
    figures.set("claim_buffers_per_job.pinned", behind);
    figures.ratio(
        "claim_buffers_pinned",
        "claim_buffers_per_job.pinned",
        "claim_buffers_per_job.fresh",
    );
    queue.close().await;
    Ok(())
}

/// Buffers of the ready room and its indexes per job, over a drain of [`JOBS`]. The room is only ever
/// read by claims then.
async fn buffers(queue: &Queue, watcher: &mut PgConnection, scratch: &Scratch) -> Bench<f64> {
    bulk(queue, "noop", JOBS, 100, Duration::ZERO).await?;
    let before = read(queue, watcher, scratch).await?;
    drain(queue, JOBS, Pace::of(100)).await?;
    let after = read(queue, watcher, scratch).await?;
    Ok(each(after - before, JOBS))
}

async fn read(queue: &Queue, watcher: &mut PgConnection, scratch: &Scratch) -> Bench<i64> {
    // Sessions report at most once a second, and only at the end of a transaction: one job gives
    // each of them one.
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(1100)).await;
        bulk(queue, "other", 1, 1, Duration::ZERO).await?;
        let running = Drain::start_for(queue, "other", Pace::FULL).await?;
        running.done(1).await;
        running.worker.stop().await;
    }
    let sum = format!(
        "select (heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0))::bigint
         from pg_statio_user_tables where schemaname = '{}' and relname = 'ready'",
        scratch.schema()
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(sum)).fetch_one(watcher).await?)
}
