//! Effectum: `peer FILE JOBS BATCH [wal]`; the last line is `{"enqueue": .., "drain": ..}`. FILE is
//! a new SQLite database; with `wal` we turn it to a write-ahead log first.

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use effectum::{Job, JobRunner, Queue, RunningJob, Worker};

static COUNT: AtomicUsize = AtomicUsize::new(0);

async fn noop(_: RunningJob, (): ()) -> Result<(), String> {
    COUNT.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let (file, jobs, batch): (&str, usize, usize) = (&args[1], args[2].parse()?, args[3].parse()?);
    if args.get(4).is_some_and(|mode| mode == "wal") {
        // The file remembers it.
        let connection = rusqlite::Connection::open(file)?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    }
    let queue = Queue::new(Path::new(file)).await?;
    let payload = serde_json::json!({ "text": "x".repeat(189) }); // 200 bytes of JSON
    let job = Job::builder("noop").json_payload(&payload)?.build();
    let started = Instant::now();
    for _ in 0..jobs / batch {
        queue.add_jobs((0..batch).map(|_| job.clone_as_new()).collect()).await?;
    }
    let enqueue = jobs as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    let worker = Worker::builder(&queue, ())
        .jobs([JobRunner::builder("noop", noop).build()])
        .max_concurrency(1000)
        .build()
        .await?;
    until_stored(&queue, jobs).await?;
    let drain = jobs as f64 / started.elapsed().as_secs_f64();
    worker.unregister(None).await?;
    queue.close(Duration::from_secs(10)).await?;
    println!("{{\"enqueue\": {enqueue}, \"drain\": {drain}}}");
    Ok(())
}

/// The handlers have ended and their completions are stored, as ours are when we count them.
async fn until_stored(queue: &Queue, jobs: usize) -> Result<(), effectum::Error> {
    while COUNT.load(Ordering::Relaxed) < jobs {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    loop {
        let active = queue.num_active_jobs().await?;
        if active.pending + active.running == 0 {
            return Ok(());
        }
    }
}
