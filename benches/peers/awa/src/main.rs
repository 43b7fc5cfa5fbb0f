//! Awa: `peer URL JOBS BATCH`; the last line is `{"enqueue": .., "drain": ..}`.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use awa::{Client, InsertOpts, JobArgs, JobResult, QueueConfig, QueueStorage, QueueStorageConfig};
use serde::{Deserialize, Serialize};

static COUNT: AtomicUsize = AtomicUsize::new(0);

#[derive(Deserialize, JobArgs, Serialize)]
struct Noop {
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let (url, jobs, batch): (&str, usize, usize) = (&args[1], args[2].parse()?, args[3].parse()?);
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(20).connect(url).await?;
    sqlx::query("drop schema if exists awa cascade").execute(&pool).await?;
    awa::migrations::run(&pool).await?;
    let storage = QueueStorageConfig { queue_stripe_count: 2, ..QueueStorageConfig::default() };
    let store = QueueStorage::new(storage.clone())?;
    store.install(&pool).await?;
    let config = QueueConfig {
        max_workers: 1024,
        poll_interval: Duration::from_millis(5),
        deadline_duration: Duration::ZERO,
        ..QueueConfig::default()
    };
    let client = Client::builder(pool.clone())
        .queue("noop", config)
        .queue_storage(storage, Duration::from_secs(1), Duration::from_secs(1))
        .register::<Noop, _, _>(|_, _| async {
            COUNT.fetch_add(1, Ordering::Relaxed);
            Ok(JobResult::Completed)
        })
        .build()?;
    let opts = InsertOpts { queue: "noop".to_owned(), ..InsertOpts::default() };
    let noop = Noop { text: "x".repeat(189) }; // 200 bytes of JSON
    let params = awa::model::insert::params_with(&noop, opts)?;
    let started = Instant::now();
    for _ in 0..jobs / batch {
        store.enqueue_params_copy(&pool, &vec![params.clone(); batch]).await?;
    }
    let enqueue = jobs as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    client.start().await?;
    until_stored(&store, &pool, jobs).await?;
    let drain = jobs as f64 / started.elapsed().as_secs_f64();
    client.shutdown(Duration::from_secs(10)).await;
    sqlx::query("drop schema awa cascade").execute(&pool).await?;
    println!("{{\"enqueue\": {enqueue}, \"drain\": {drain}}}");
    Ok(())
}

/// The handlers have ended and their completions are stored, as ours are when we count them. Awa's
/// own exact count takes a second, which would count against it: we add up what it adds up, and
/// read first what it counts when it drops finished jobs, so that none is counted twice.
async fn until_stored(
    store: &QueueStorage,
    pool: &sqlx::PgPool,
    jobs: usize,
) -> Result<(), Box<dyn Error>> {
    while COUNT.load(Ordering::Relaxed) < jobs {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let kept = "select (select count(*) from awa.done_entries)
        + (select coalesce(sum(completed_count), 0) from awa.receipt_completion_batches)";
    loop {
        let dropped = store.queue_counts_fast(pool, "noop").await?.terminal;
        let kept: i64 = sqlx::query_scalar(kept).fetch_one(pool).await?;
        if dropped + kept >= jobs as i64 {
            return Ok(());
        }
    }
}
