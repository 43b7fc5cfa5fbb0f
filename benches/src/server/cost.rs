//! What a job costs PostgreSQL: bytes of write-ahead log, dead rows.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use windlass::Queue;

use super::ServerOptions;
use super::scratch::Scratch;
use crate::Bench;
use crate::drain::{Pace, drain};
use crate::enqueue::bulk;
use crate::report::Figures;

pub(crate) async fn measure(
    scratch: &Scratch,
    options: &ServerOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("write-ahead log and dead rows per job, batches of 100");
    let queue = Queue::open(&scratch.url()).await?;
    let mut log = PgConnection::connect(scratch.server()).await?;
    let jobs = options.jobs / 100 * 100;
    log.execute("checkpoint").await?;
    let dead_before = dead_rows(&mut log, scratch).await?;
    let start = position(&mut log).await?;
    bulk(&queue, "noop", jobs, 100, Duration::ZERO).await?;
    let enqueued = position(&mut log).await?;
    drain(&queue, jobs, Pace::of(100)).await?;
    let drained = position(&mut log).await?;
    for (name, bytes) in
        [("enqueue", enqueued - start), ("drain", drained - enqueued), ("total", drained - start)]
    {
        figures.set(&format!("wal_bytes_per_job.{name}"), each(bytes, jobs));
    }
    let dead = dead_rows(&mut log, scratch).await?;
    figures.set("dead_rows_per_job", each(dead - dead_before, jobs));
    queue.close().await;
    Ok(())
}

async fn position(log: &mut PgConnection) -> Bench<i64> {
    let position = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
    Ok(sqlx::query_scalar(position).fetch_one(log).await?)
}

/// Rows that a vacuum would find in the rooms, once the statistics have arrived; fewer when it has
/// already been there.
async fn dead_rows(connection: &mut PgConnection, scratch: &Scratch) -> Bench<i64> {
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let dead = format!(
        "select sum(n_dead_tup)::bigint from pg_stat_user_tables where schemaname = '{}'",
        scratch.schema()
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(dead)).fetch_one(connection).await?)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn each(total: i64, jobs: usize) -> f64 {
    total as f64 / jobs as f64
}
