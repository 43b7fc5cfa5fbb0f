//! Apalis: `peer URL JOBS BATCH`; the last line is `{"enqueue": .., "drain": ..}`.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_postgres::{Config, PgPool, PostgresStorage};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

/// Workers in this process: one alone fetches, runs and acknowledges in turn.
const WORKERS: usize = 4;

static COUNT: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone, Deserialize, Serialize)]
struct Noop {
    text: String,
}

async fn noop(_: Noop) -> Result<(), BoxDynError> {
    COUNT.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let (url, jobs, batch): (&str, usize, usize) = (&args[1], args[2].parse()?, args[3].parse()?);
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(20).connect(url).await?;
    sqlx::query("drop schema if exists apalis cascade").execute(&pool).await?;
    PostgresStorage::setup(&pool).await?;
    // A fetched job is its worker's already; the lock would be a second mark of the same.
    let config = Config::default().queue("noop").batch_size(500).lock_tasks(false);
    let mut storage = PostgresStorage::<Noop>::new(&pool).with_config(config);
    let job = Noop { text: "x".repeat(189) }; // 200 bytes of JSON
    let started = Instant::now();
    for _ in 0..jobs / batch {
        storage.push_bulk(vec![job.clone(); batch]).await?;
    }
    let enqueue = jobs as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut running = JoinSet::new();
    for n in 0..WORKERS {
        let backend = storage.clone().poll_with_interval(Duration::from_millis(5));
        let worker = WorkerBuilder::new(format!("noop-{n}"))
            .backend(backend)
            .concurrency(100 / WORKERS)
            .build(noop);
        running.spawn(worker.run());
    }
    until_stored(&pool, jobs).await?;
    let drain = jobs as f64 / started.elapsed().as_secs_f64();
    running.shutdown().await;
    sqlx::query("drop schema apalis cascade").execute(&pool).await?;
    println!("{{\"enqueue\": {enqueue}, \"drain\": {drain}}}");
    Ok(())
}

/// The handlers have ended and their completions are stored, as ours are when we count them.
async fn until_stored(pool: &PgPool, jobs: usize) -> Result<(), sqlx::Error> {
    while COUNT.load(Ordering::Relaxed) < jobs {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let any = "select id from apalis.jobs where status <> 'Done' limit 1";
    while sqlx::query(any).fetch_optional(pool).await?.is_some() {}
    Ok(())
}
