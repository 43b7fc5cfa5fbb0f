//! Batches (F3): jobs counted together, and callbacks that are made exactly once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{
    BatchId, BatchRecord, BundleState, CallbackOn, Ctx, Error, Flow, Job, JobFilter, JobRecord,
    NewBatch, NewJob, Node, RetryOptions, State,
};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    callbacks_are_made_when_all_jobs_have_completed,
    nothing_is_made_before_the_commit,
    an_empty_batch_ends_with_its_commit,
    the_first_failure_is_told_at_once,
    a_batch_succeeds_after_a_retry_and_completes_once,
    a_running_member_adds_members,
    a_batch_that_has_ended_takes_no_more_jobs,
    jobs_and_other_batches_are_refused_by_name,
    a_batch_is_opened_once_under_a_key,
    a_batch_says_what_it_waits_for,
    jobs_are_listed_by_batch,
    a_deleted_member_is_not_waited_for,
    a_node_may_be_in_a_batch,
    batches_go_with_their_last_job_or_after_a_month,
    four_nodes_make_each_callback_once,
    a_repeated_job_is_one_member,
);

fn mail() -> NewJob {
    NewJob::new("mail", "1")
}

fn callbacks() -> NewBatch {
    let callback = |name: &str| NewJob::new("callback", format!("\"{name}\""));
    NewBatch::new("letters")
        .on_success(callback("success"))
        .on_complete(callback("complete"))
        .on_first_failure(callback("failure"))
}

async fn open(t: &Harness) -> BatchId {
    t.queue.open_batch(callbacks()).await.expect("a batch").id()
}

async fn ended(t: &Harness, id: BatchId) -> BatchRecord {
    t.until("the batch has ended", async || {
        let batch = t.queue.batch(id).await.expect("a batch");
        batch.state.is_terminal().then_some(batch)
    })
    .await
}

/// The callbacks that were made, by their payloads.
async fn made(t: &Harness) -> Vec<String> {
    let page = t.queue.list(JobFilter::new().kind("callback").oldest_first()).await;
    let text = |job: JobRecord| String::from_utf8(job.payload).expect("text").replace('"', "");
    let mut made: Vec<String> = page.expect("a list").jobs.into_iter().map(text).collect();
    made.sort_unstable();
    made
}

fn first_pointer(error: &Error) -> &str {
    let Error::Invalid(broken) = error else { panic!("{error}") };
    &broken[0].pointer
}

async fn callbacks_are_made_when_all_jobs_have_completed(t: &Harness) {
    let id = open(t).await;
    for _ in 0..3 {
        t.enqueue(mail().batch(id)).await;
    }
    let before = t.queue.batch(id).await.expect("a batch");
    let worker = t.start(&Script::completing()).await;

    t.queue.commit_batch(id).await.expect("committed");
    let batch = ended(t, id).await;

    assert_eq!((before.state, before.pending()), (BundleState::Open, 3));
    assert_eq!((batch.state, batch.counts[&State::Completed]), (BundleState::Completed, 3));
    assert_eq!(made(t).await, ["complete", "success"]);
    let success = &batch.callbacks[0];
    assert_eq!(success.on, CallbackOn::Success);
    let job = t.get(success.id.expect("it was made")).await;
    assert_eq!((job.callback_of, job.batch_id), (Some(id), None));
    t.queue.commit_batch(id).await.expect("once more");
    assert_eq!(made(t).await.len(), 2);
    worker.stop().await;
}

async fn nothing_is_made_before_the_commit(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let id = open(t).await;
    let first = t.enqueue(mail().batch(id)).await;
    t.reaches(first, State::Completed).await;
    t.until("its end is gathered", async || {
        let batch = t.queue.batch(id).await.expect("a batch");
        (batch.pending() == 0).then_some(())
    })
    .await;

    let between = made(t).await;
    let second = t.enqueue(mail().batch(id)).await;
    t.reaches(second, State::Completed).await;
    t.queue.commit_batch(id).await.expect("committed");

    let batch = ended(t, id).await;
    assert_eq!((between.len(), batch.counts[&State::Completed]), (0, 2));
    assert_eq!(made(t).await, ["complete", "success"]);
    worker.stop().await;
}

async fn an_empty_batch_ends_with_its_commit(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let id = open(t).await;

    t.queue.commit_batch(id).await.expect("committed");
    let batch = ended(t, id).await;

    assert_eq!(batch.state, BundleState::Completed);
    assert_eq!(made(t).await, ["complete", "success"]);
    worker.stop().await;
}

async fn the_first_failure_is_told_at_once(t: &Harness) {
    let acts = [Act::FailForGood("no"), Act::FailForGood("no")];
    let worker = t.start(&Script::new(acts)).await;
    let id = open(t).await;
    for _ in 0..2 {
        t.enqueue(mail().batch(id)).await;
    }

    t.until("the failure is told", async || (!made(t).await.is_empty()).then_some(())).await;
    let before = t.queue.batch(id).await.expect("a batch").state;
    t.enqueue(mail().batch(id)).await;
    t.queue.commit_batch(id).await.expect("committed");
    let batch = ended(t, id).await;

    assert_eq!((before, batch.state), (BundleState::Open, BundleState::Failed));
    assert_eq!((batch.counts[&State::Completed], batch.counts[&State::Failed]), (1, 2));
    assert_eq!(made(t).await, ["complete", "failure"]);
    worker.stop().await;
}

async fn a_batch_succeeds_after_a_retry_and_completes_once(t: &Harness) {
    let worker = t.start(&Script::new([Act::FailForGood("no")])).await;
    let id = open(t).await;
    let job = t.enqueue(mail().batch(id)).await;
    t.queue.commit_batch(id).await.expect("committed");
    assert_eq!(ended(t, id).await.state, BundleState::Failed);

    t.queue.retry(job, RetryOptions::default()).await.expect("another life");
    t.until("it succeeds", async || {
        let batch = t.queue.batch(id).await.expect("a batch");
        (batch.state == BundleState::Completed).then_some(())
    })
    .await;

    assert_eq!(made(t).await, ["complete", "failure", "success"]);
    worker.stop().await;
}

#[derive(Serialize, Deserialize, Job)]
struct Grow {
    more: u32,
}

async fn grow(job: Grow, ctx: Ctx) -> windlass::Result {
    let batch = ctx.info().batch_id.ok_or("it is in no batch")?;
    if job.more > 0 {
        let next = NewJob::of(&Grow { more: job.more - 1 })?;
        ctx.enqueue_new(next.clone().batch(batch)).await?;
        ctx.enqueue_new(next.batch(batch)).await?;
    }
    Ok(())
}

async fn a_running_member_adds_members(t: &Harness) {
    let worker = t.queue.worker().handle(grow).start().await.expect("a worker");
    let id = open(t).await;
    let first = NewJob::of(&Grow { more: 4 }).expect("a job");
    t.enqueue(first.batch(id)).await;

    t.queue.commit_batch(id).await.expect("committed");
    let batch = ended(t, id).await;

    assert_eq!(batch.counts[&State::Completed], 31);
    assert_eq!(made(t).await, ["complete", "success"]);
    worker.stop().await;
}

async fn a_batch_that_has_ended_takes_no_more_jobs(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let id = open(t).await;
    t.queue.commit_batch(id).await.expect("committed");
    ended(t, id).await;

    let refused = t.queue.enqueue_new(mail().batch(id)).await.expect_err("it has ended");
    let replies = t.queue.enqueue_batch(vec![mail(), mail().batch(id)], false).await;
    let whole = t.queue.enqueue_batch(vec![mail(), mail().batch(id)], true).await;

    assert_eq!(first_pointer(&refused), "/batch_id");
    assert!(refused.to_string().contains("has ended"), "{refused}");
    let replies = replies.expect("answers");
    assert!(replies[0].is_ok() && replies[1].is_err());
    assert_eq!(first_pointer(&whole.expect_err("refused")), "/jobs/1/batch_id");
    worker.stop().await;
}

async fn jobs_and_other_batches_are_refused_by_name(t: &Harness) {
    let mut flow = Flow::new("not a batch");
    flow.add_new("a", mail(), [] as [Node; 0]);
    let workflow = t.queue.start(flow).await.expect("a workflow").id();
    let unknown: BatchId = workflow.to_string().parse().expect("an id");
    let inner = NewBatch::new("").on_success(mail().batch(unknown).idempotency_key("k"));
    t.queue.create_namespace("other").await.expect("a namespace");
    let other = t.queue.in_namespace("other").expect("a name");
    let id = open(t).await;

    let refused = t.queue.enqueue_new(mail().batch(unknown)).await.expect_err("no batch");
    let elsewhere = other.enqueue_new(mail().batch(id)).await.expect_err("of another namespace");
    let wrong = t.queue.open_batch(inner).await.expect_err("three rules");

    assert_eq!((first_pointer(&refused), first_pointer(&elsewhere)), ("/batch_id", "/batch_id"));
    let Error::Invalid(broken) = wrong else { panic!("{wrong}") };
    let pointers: Vec<&str> = broken.iter().map(|field| field.pointer.as_str()).collect();
    let expected = ["/description", "/on_success/idempotency_key", "/on_success/batch_id"];
    assert_eq!(pointers, expected);
    assert!(matches!(t.queue.batch(unknown).await, Err(Error::NotFound { .. })));
    assert!(matches!(other.commit_batch(id).await, Err(Error::NotFound { .. })));
}

async fn a_batch_is_opened_once_under_a_key(t: &Harness) {
    let batch = || callbacks().idempotency_key("May");

    let first = t.queue.open_batch(batch()).await.expect("a batch");
    let second = t.queue.open_batch(batch()).await.expect("the same");
    let other = t.queue.open_batch(NewBatch::new("June").idempotency_key("May")).await;

    assert!(first.is_new() && !second.is_new() && first.id() == second.id());
    let is_mismatch = matches!(other, Err(Error::Conflict { code: "idempotency_mismatch", .. }));
    assert!(is_mismatch, "{other:?}");
    assert_eq!(t.queue.batches(None, Some(BundleState::Open), 10).await.expect("a list").len(), 1);
}

async fn a_batch_says_what_it_waits_for(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let id = open(t).await;
    t.enqueue(mail().delay(Duration::from_secs(60)).batch(id)).await;
    let codes = async || {
        let blockers = t.queue.explain_batch(id).await.expect("blockers");
        blockers.into_iter().map(|blocker| (blocker.code, blocker.message)).collect::<Vec<_>>()
    };

    let opened = codes().await;
    t.queue.commit_batch(id).await.expect("committed");
    let committed = codes().await;
    t.advance(Duration::from_secs(60));
    ended(t, id).await;

    assert_eq!(opened[0].0, "open");
    assert_eq!(opened[1..], committed);
    assert_eq!(committed, [("members", "it waits for 1 job(s) to end".to_owned())]);
    assert_eq!(codes().await[0].0, "ended");
    worker.stop().await;
}

async fn jobs_are_listed_by_batch(t: &Harness) {
    let (id, other) = (open(t).await, open(t).await);
    let first = t.enqueue(mail().batch(id)).await;
    t.enqueue(mail().batch(other)).await;
    t.enqueue(mail()).await;
    let last = t.enqueue(mail().delay(Duration::from_secs(9)).batch(id)).await;
    let list = async |filter: JobFilter| {
        let page = t.queue.list(filter.batch(id)).await.expect("a list");
        page.jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };

    assert_eq!(list(JobFilter::new()).await, [last, first]);
    assert_eq!(list(JobFilter::new().state(State::Delayed)).await, [last]);
    assert_eq!(t.get(first).await.batch_id, Some(id));
}

async fn a_deleted_member_is_not_waited_for(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let id = open(t).await;
    let job = t.enqueue(mail().delay(Duration::from_secs(60)).batch(id)).await;
    t.queue.commit_batch(id).await.expect("committed");

    t.queue.delete(job, false).await.expect("deleted");
    let batch = ended(t, id).await;

    assert_eq!(batch.counts.values().sum::<u64>(), 0);
    assert_eq!(made(t).await, ["complete", "success"]);
    worker.stop().await;
}

async fn a_node_may_be_in_a_batch(t: &Harness) {
    let worker = t.start(&Script::new([Act::FailForGood("no")])).await;
    let id = open(t).await;
    let mut flow = Flow::new("in a batch");
    let first = flow.add_new("first", mail().batch(id), [] as [Node; 0]);
    flow.add_new("second", mail().batch(id), [first]);
    let workflow = t.queue.start(flow).await.expect("a workflow").id();
    t.queue.commit_batch(id).await.expect("committed");
    assert_eq!(ended(t, id).await.state, BundleState::Failed);

    t.queue.retry_workflow(workflow, false).await.expect("running again");

    t.until("both are well", async || {
        let batch = t.queue.batch(id).await.expect("a batch").state;
        let workflow = t.queue.workflow(workflow).await.expect("a workflow").state;
        (batch == BundleState::Completed && workflow == batch).then_some(())
    })
    .await;
    assert_eq!(made(t).await, ["complete", "failure", "success"]);
    worker.stop().await;
}

async fn batches_go_with_their_last_job_or_after_a_month(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let (empty, open_yet) = (open(t).await, open(t).await);
    let id = t.queue.open_batch(NewBatch::new("one")).await.expect("a batch").id();
    let job = t.enqueue(mail().batch(id)).await;
    for id in [empty, id] {
        t.queue.commit_batch(id).await.expect("committed");
        ended(t, id).await;
    }
    worker.stop().await;

    t.queue.delete(job, false).await.expect("deleted");
    t.queue.prune().await.expect("pruned");
    let kept = t.queue.batches(None, None, 10).await.expect("a list");
    t.advance(Duration::from_secs(31 * 24 * 3600));
    t.queue.prune().await.expect("pruned");

    let kept: Vec<BatchId> = kept.into_iter().map(|batch| batch.id).collect();
    assert_eq!(kept, [open_yet, empty]);
    assert!(t.queue.batches(None, None, 10).await.expect("a list").is_empty());
}

async fn four_nodes_make_each_callback_once(t: &Harness) {
    let mut nodes = Vec::new();
    for _ in 0..4 {
        let Some(queue) = t.reopen().await else { return };
        let worker = windlass_testkit::scripted(queue.worker(), &Script::completing());
        nodes.push((worker.start().await.expect("a worker"), queue));
    }
    let mut batches = Vec::new();
    for _ in 0..10 {
        let id = open(t).await;
        let jobs = (0..20).map(|_| mail().batch(id)).collect();
        t.queue.enqueue_batch(jobs, true).await.expect("jobs");
        t.queue.commit_batch(id).await.expect("committed");
        batches.push(id);
    }

    for id in batches {
        let step = Duration::from_millis(100);
        t.until_after("the batch has ended", step, async || {
            let batch = t.queue.batch(id).await.expect("a batch");
            (batch.state == BundleState::Completed).then_some(())
        })
        .await;
    }

    assert_eq!(made(t).await.len(), 20);
    for (worker, queue) in nodes {
        worker.stop().await;
        queue.close().await;
    }
}

async fn a_repeated_job_is_one_member(t: &Harness) {
    let id = open(t).await;
    let job = || mail().batch(id).idempotency_key("once");

    let first = t.queue.enqueue_new(job()).await.expect("a job");
    let second = t.queue.enqueue_new(job()).await.expect("the same");

    assert_eq!((first.id(), second.is_new()), (second.id(), false));
    assert_eq!(t.queue.batch(id).await.expect("a batch").pending(), 1);
}
