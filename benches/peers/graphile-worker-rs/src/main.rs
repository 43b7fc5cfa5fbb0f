//! The Rust port of Graphile Worker: `peer URL JOBS BATCH`; the last line is
//! `{"enqueue": .., "drain": ..}`.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, WorkerContext, WorkerOptions,
};
use serde::{Deserialize, Serialize};

static COUNT: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone, Deserialize, Serialize)]
struct Noop {
    text: String,
}

impl TaskHandler for Noop {
    const IDENTIFIER: &'static str = "noop";

    async fn run(self, _: WorkerContext) -> impl IntoTaskHandlerResult {
        COUNT.fetch_add(1, Ordering::Relaxed);
        Ok::<(), String>(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let (url, jobs, batch): (&str, usize, usize) = (&args[1], args[2].parse()?, args[3].parse()?);
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(20).connect(url).await?;
    sqlx::query("drop schema if exists peer_graphile_rs cascade").execute(&pool).await?;
    let worker = WorkerOptions::default()
        .schema("peer_graphile_rs")
        .pg_pool(pool.clone())
        .concurrency(100)
        .local_queue(LocalQueueConfig::default().with_size(500))
        .complete_job_batch_delay(Duration::ZERO)
        .fail_job_batch_delay(Duration::ZERO)
        .define_job::<Noop>()
        .init()
        .await?;
    let (utils, spec) = (worker.create_utils(), JobSpec::default());
    let noop = Noop { text: "x".repeat(189) }; // 200 bytes of JSON
    let started = Instant::now();
    for _ in 0..jobs / batch {
        let specs: Vec<_> = (0..batch).map(|_| (noop.clone(), &spec)).collect();
        utils.add_jobs::<Noop>(&specs).await?;
    }
    let enqueue = jobs as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    tokio::select! {
        ended = worker.run() => ended?,
        done = until_stored(&pool, jobs) => done?,
    }
    let drain = jobs as f64 / started.elapsed().as_secs_f64();
    // What the worker has spawned is still at work on the schema: the next run drops it.
    println!("{{\"enqueue\": {enqueue}, \"drain\": {drain}}}");
    Ok(())
}

/// The handlers have ended and their completions are stored, as ours are when we count them.
async fn until_stored(pool: &sqlx::PgPool, jobs: usize) -> Result<(), sqlx::Error> {
    while COUNT.load(Ordering::Relaxed) < jobs {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let any = "select id from peer_graphile_rs._private_jobs limit 1";
    while sqlx::query(any).fetch_optional(pool).await?.is_some() {}
    Ok(())
}
