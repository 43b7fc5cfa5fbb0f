//! A graph of jobs, stored at once: two branches side by side, and one job that reads what both returned.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Flow, Job, Queue};

use crate::Failure;

#[derive(Serialize, Deserialize, Job)]
#[job(output = u64)]
struct Count {
    text: String,
}

#[derive(Serialize, Deserialize, Job)]
#[job(output = u64)]
struct Sum {}

async fn count(job: Count, _: Ctx) -> windlass::Result<u64> {
    Ok(job.text.split_whitespace().count() as u64)
}

async fn sum(_: Sum, ctx: Ctx) -> windlass::Result<u64> {
    let left: Option<u64> = ctx.parent("left").await?;
    let right: Option<u64> = ctx.parent("right").await?;
    Ok(left.unwrap_or(0) + right.unwrap_or(0))
}

/// Runs it.
pub async fn run() -> Result<(), Failure> {
    let queue = Queue::open("memory:").await?;
    let worker = queue.worker().handle(count).handle(sum).start().await?;

    let mut flow = Flow::new("words");
    let left = flow.add(Count { text: "to be or".into() });
    let right = flow.add(Count { text: "not to be".into() });
    flow.rename(left, "left");
    flow.rename(right, "right");
    flow.add_after(Sum {}, [left, right]);
    let workflow = queue.start(flow).await?;

    let sums = queue.list(windlass::JobFilter::new().kind("sum").workflow(workflow.id())).await?;
    let job = queue.wait(sums.jobs[0].id, Duration::from_secs(60)).await?;
    assert_eq!(job.result.as_deref(), Some(&b"6"[..]));

    worker.stop().await;
    Ok(())
}
