//! A worker inside of your program, on a database file: no server, no other process.

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Job, Queue};

use crate::Failure;

#[derive(Serialize, Deserialize, Job)]
#[job(queue = "images", max_attempts = 5, backoff = "1s..1m")]
struct Resize {
    file: String,
}

async fn resize(job: Resize, ctx: Ctx) -> windlass::Result {
    ctx.progress(0.5, format!("half of {}", job.file));
    Ok(())
}

/// Runs it. In a program of yours the database is `sqlite:jobs.db`, and `run_until` ends it with a signal.
pub async fn run() -> Result<(), Failure> {
    let queue = Queue::open("memory:").await?;
    let worker = queue.worker().concurrency(4).handle(resize).start().await?;

    let job = queue.enqueue(Resize { file: "cat.png".into() }).await?;
    job.output().await?;

    worker.stop().await;
    queue.close().await;
    Ok(())
}
