//! What a handler returns comes back to who enqueued the job, with its type.

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Job, JobError, Queue};

use crate::Failure;

#[derive(Serialize, Deserialize, Job)]
#[job(output = Price)]
struct Quote {
    item: String,
    quantity: u32,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Price {
    cents: u32,
}

async fn quote(job: Quote, _: Ctx) -> Result<Price, JobError> {
    match job.item.as_str() {
        "kettle" => Ok(Price { cents: 2_900 * job.quantity }),
        other => Err(JobError::permanent(format!("nobody sells `{other}`"))),
    }
}

/// Runs it.
pub async fn run() -> Result<(), Failure> {
    let queue = Queue::open("memory:").await?;
    let worker = queue.worker().handle(quote).start().await?;

    let price: Price =
        queue.enqueue(Quote { item: "kettle".into(), quantity: 2 }).await?.output().await?;
    assert_eq!(price, Price { cents: 5_800 });

    // A job that ends without success is an error that says why.
    let refused =
        queue.enqueue(Quote { item: "unicorn".into(), quantity: 1 }).await?.output().await;
    assert!(refused.is_err_and(|error| error.to_string().contains("nobody sells `unicorn`")));

    worker.stop().await;
    Ok(())
}
