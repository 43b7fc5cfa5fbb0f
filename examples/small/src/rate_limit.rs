//! Calls of an API that allows so many a second, over all nodes, and that may say for how long to be quiet.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Job, JobError, Limit, NewJob, Queue, Rate, State};

use crate::Failure;

#[derive(Serialize, Deserialize, Job)]
struct Charge {
    customer: u32,
}

/// The key of the API: its limit is named `api`.
const KEY: &str = "api:payments";

async fn charge(_: Charge, ctx: Ctx<AtomicU32>) -> windlass::Result {
    // The first call is told to wait. No job with the key starts before, and no attempt is counted.
    if ctx.state().fetch_add(1, Ordering::Relaxed) == 0 {
        return Err(JobError::rate_limited_by(KEY, Duration::from_millis(50)));
    }
    Ok(())
}

/// Runs it.
pub async fn run() -> Result<(), Failure> {
    let queue = Queue::open("memory:").await?;
    // A hundred a second, evenly spread.
    let rate = Rate { count: 100, per: Duration::from_secs(1), burst: 1 };
    queue.set_limit("api", Limit::rate(rate), None).await?;
    let worker = queue.worker().state(AtomicU32::new(0)).handle(charge).start().await?;

    let mut ids = Vec::new();
    for customer in 0..3 {
        let job = NewJob::of(&Charge { customer })?.rate_key(KEY);
        ids.push(queue.enqueue_new(job).await?.id());
    }
    for id in ids {
        let job = queue.wait(id, Duration::from_secs(60)).await?;
        assert_eq!((job.state, job.attempt), (State::Completed, 1));
    }

    worker.stop().await;
    Ok(())
}
