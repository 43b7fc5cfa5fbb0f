//! Follow-up jobs: stored exactly if the attempt that asked for them completes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Error, Job, JobError, JobFilter, JobId, NewJob, QueueSettings, State, Unique};
use windlass_testkit::{Harness, every_backend};

use crate::gate::Gate;

every_backend!(
    follow_ups_are_stored_with_the_completion,
    an_attempt_that_fails_leaves_no_follow_ups,
    a_lost_lease_leaves_no_follow_ups,
    a_follow_up_that_is_refused_fails_the_attempt,
    too_many_follow_ups_are_refused,
    completions_with_and_without_follow_ups_share_a_batch,
);

#[derive(Serialize, Deserialize, Job)]
struct Ship {
    order: u32,
}

async fn charge(_: Vec<u8>, ctx: Ctx<Gate>) -> Result<Vec<u8>, JobError> {
    ctx.enqueue(Ship { order: ctx.info().attempt }).await?;
    ctx.enqueue_new(NewJob::new("mail", "1").idempotency_key("k").unique(Unique::key("u"))).await?;
    ctx.state().note("asked");
    match ctx.info().tags.get("end").map(String::as_str) {
        Some("fail") if ctx.info().attempt == 1 => {
            Err(JobError::retry_after(Duration::from_secs(60), "not yet"))
        }
        Some("snooze") => Err(JobError::snooze(Duration::from_secs(60))),
        Some("wait") => {
            ctx.state().pass().await;
            ctx.state().note("done");
            Ok(Vec::new())
        }
        _ => Ok(Vec::new()),
    }
}

async fn stored(t: &Harness, kind: &str) -> Vec<JobId> {
    let page = t.queue.list(JobFilter::new().kind(kind)).await.expect("a page");
    page.jobs.into_iter().map(|job| job.id).collect()
}

async fn follow_ups_are_stored_with_the_completion(t: &Harness) {
    let worker = t.queue.worker().state(Gate::new()).handle_raw("charge", charge);
    let worker = worker.start().await.expect("a worker");

    let first = t.job("charge").await;
    t.reaches(first, State::Completed).await;
    let second = t.job("charge").await;
    t.reaches(second, State::Completed).await;

    let ships = stored(t, "ship").await;
    assert_eq!(ships.len(), 2);
    assert_eq!(t.get(ships[0]).await.payload, br#"{"order":1}"#);
    // The second was answered with the first one's.
    assert_eq!(stored(t, "mail").await.len(), 1);
    worker.stop().await;
}

async fn an_attempt_that_fails_leaves_no_follow_ups(t: &Harness) {
    let worker = t.queue.worker().state(Gate::new()).handle_raw("charge", charge);
    let worker = worker.start().await.expect("a worker");
    let failing = t.job("charge").with(|job| job.tag("end", "fail")).await;
    let snoozing = t.job("charge").with(|job| job.tag("end", "snooze")).await;

    t.reaches(failing, State::Retrying).await;
    t.reaches(snoozing, State::Delayed).await;

    assert!(stored(t, "ship").await.is_empty());
    t.queue.cancel(snoozing, None).await.expect("cancelled");
    t.advance(Duration::from_secs(60));
    t.reaches(failing, State::Completed).await;
    let ships = stored(t, "ship").await;
    assert_eq!(ships.len(), 1);
    assert_eq!(t.get(ships[0]).await.payload, br#"{"order":2}"#);
    worker.stop().await;
}

async fn a_lost_lease_leaves_no_follow_ups(t: &Harness) {
    let gate = Gate::new();
    let worker = t.queue.worker().state(gate.clone()).handle_raw("charge", charge);
    let worker = worker.start().await.expect("a worker");
    let id = t.job("charge").with(|job| job.tag("end", "wait")).await;
    gate.reached(1).await;

    t.queue.cancel_by_force(id, None).await.expect("cancelled");
    gate.open();
    gate.reached(2).await;
    worker.stop().await;

    assert!(stored(t, "ship").await.is_empty() && stored(t, "mail").await.is_empty());
}

async fn a_follow_up_that_is_refused_fails_the_attempt(t: &Harness) {
    let settings = QueueSettings { max_depth: Some(1), ..QueueSettings::default() };
    t.queue.create_queue("small", settings).await.expect("a queue");
    let worker = t.queue.worker().queues(["default"]).handle_raw("fan", async |_, ctx: Ctx| {
        for order in 0..2 {
            ctx.enqueue_new(NewJob::of(&Ship { order })?.queue("small")).await?;
        }
        windlass::Ok(Vec::new())
    });
    let worker = worker.start().await.expect("a worker");

    let job = t.reaches(t.job("fan").await, State::Retrying).await;

    let error = job.last_error.expect("an error");
    assert!(error.contains("could not be stored") && error.contains("small"), "{error}");
    assert!(stored(t, "ship").await.is_empty());
    worker.stop().await;
}

async fn too_many_follow_ups_are_refused(t: &Harness) {
    let worker = t.queue.worker().handle_raw("fan", async |_, ctx: Ctx| {
        let none = ctx.enqueue_new(NewJob::new("no spaces", "1")).await;
        for order in 0..1000 {
            ctx.enqueue(Ship { order }).await?;
        }
        match (none, ctx.enqueue(Ship { order: 1000 }).await) {
            (Err(Error::Invalid(name)), Err(Error::Invalid(count))) => {
                Err(JobError::permanent(format!("{}; {}", name[0], count[0])))
            }
            other => Err(JobError::permanent(format!("{other:?}"))),
        }
    });
    let worker = worker.start().await.expect("a worker");

    let job = t.reaches(t.job("fan").await, State::Failed).await;

    let expected = "type: may only contain letters, digits and . _ : -; \
                    follow_ups: are more than 1000 in one attempt";
    assert_eq!(job.last_error.as_deref(), Some(expected));
    assert!(stored(t, "ship").await.is_empty());
    worker.stop().await;
}

async fn completions_with_and_without_follow_ups_share_a_batch(t: &Harness) {
    let worker = t.queue.worker().concurrency(20).handle_raw("mixed", async |_, ctx: Ctx| {
        if ctx.info().tags.contains_key("more") {
            ctx.enqueue(Ship { order: 1 }).await?;
        }
        windlass::Ok(Vec::new())
    });
    let worker = worker.start().await.expect("a worker");
    let job = |index| {
        let job = NewJob::new("mixed", "1");
        if index % 3 == 0 { job.tag("more", "1") } else { job }
    };

    let jobs = t.queue.enqueue_batch((0..60).map(job).collect(), true).await.expect("jobs");
    for job in jobs {
        t.reaches(job.expect("a job").id(), State::Completed).await;
    }

    assert_eq!(stored(t, "ship").await.len(), 20);
    worker.stop().await;
}
