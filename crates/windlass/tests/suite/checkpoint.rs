//! Checkpoints: what a handler keeps for the next attempt, and nobody else's.

use std::time::Duration;

use windlass::{Ctx, Error, JobError, NewJob, State};
use windlass_testkit::{Harness, every_backend};

use crate::gate::Gate;

every_backend!(
    a_checkpoint_is_found_by_the_next_attempt,
    a_checkpoint_under_a_lost_lease_is_refused,
    a_checkpoint_that_is_too_large_is_refused_and_the_old_one_stands,
    a_deleted_job_leaves_no_checkpoint,
);

/// Counts its attempts in the checkpoint, and fails until the third.
async fn count(_: Vec<u8>, ctx: Ctx) -> Result<Vec<u8>, JobError> {
    let attempts: u32 = ctx.resume().await?.unwrap_or(0) + 1;
    ctx.checkpoint(&attempts).await?;
    if attempts < 3 {
        Err(JobError::retry_after(Duration::ZERO, "not yet"))
    } else {
        Ok("1".into())
    }
}

async fn a_checkpoint_is_found_by_the_next_attempt(t: &Harness) {
    let worker = t.queue.worker().handle_raw("count", count).start().await.expect("a worker");
    let id = t.job("count").await;
    let other = t.job("mail").await;

    let done = t.reaches(id, State::Completed).await;

    assert_eq!(done.attempt, 3);
    let kept = t.queue.checkpoint(id).await.expect("a job");
    assert_eq!(kept.as_deref(), Some(&b"3"[..]));
    assert_eq!(t.queue.checkpoint(other).await.expect("a job"), None);
    worker.stop().await;
}

async fn a_checkpoint_under_a_lost_lease_is_refused(t: &Harness) {
    let gate = Gate::new();
    let worker = t.queue.worker().state(gate.clone()).handle_raw("late", late);
    let worker = worker.start().await.expect("a worker");
    let id = t.job("late").await;
    gate.reached(1).await;

    t.queue.cancel_by_force(id, None).await.expect("cancelled");
    gate.open();

    gate.reached(2).await;
    assert_eq!(gate.notes(), ["begun", "lost"]);
    assert_eq!(t.queue.checkpoint(id).await.expect("a job"), None);
    worker.stop().await;
}

async fn late(_: Vec<u8>, ctx: Ctx<Gate>) -> Result<Vec<u8>, JobError> {
    ctx.state().note("begun");
    ctx.state().pass().await;
    let kept = ctx.checkpoint(&1).await;
    ctx.state().note(if kept.is_err_and(|error| error.is_lost()) { "lost" } else { "kept" });
    Ok(Vec::new())
}

async fn a_checkpoint_that_is_too_large_is_refused_and_the_old_one_stands(t: &Harness) {
    let worker = t.queue.worker().handle_raw("large", async |_, ctx: Ctx| {
        ctx.checkpoint(&"x".repeat((1 << 20) - 2)).await?;
        let refused = ctx.checkpoint(&"x".repeat((1 << 20) - 1)).await;
        match refused {
            Err(Error::Invalid(broken)) => Err(JobError::permanent(broken[0].to_string())),
            other => Err(JobError::permanent(format!("{other:?}"))),
        }
    });
    let worker = worker.start().await.expect("a worker");

    let job = t.reaches(t.job("large").await, State::Failed).await;

    let error = job.last_error.expect("an error");
    assert_eq!(error, "checkpoint: is 1048577 bytes long (at most 1048576)");
    let kept = t.queue.checkpoint(job.id).await.expect("a job").expect("a checkpoint");
    assert_eq!(kept.len(), 1 << 20);
    worker.stop().await;
}

async fn a_deleted_job_leaves_no_checkpoint(t: &Harness) {
    let worker = t.queue.worker().handle_raw("count", count).start().await.expect("a worker");
    let id = t.enqueue(NewJob::new("count", "1")).await;
    t.reaches(id, State::Completed).await;

    t.queue.delete(id, false).await.expect("deleted");

    let gone = t.queue.checkpoint(id).await.expect_err("no job");
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
    worker.stop().await;
}
