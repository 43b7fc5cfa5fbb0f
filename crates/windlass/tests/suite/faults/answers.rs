//! The answer to a commit gets lost, or the commit itself: either way a call takes effect once.

use std::time::Duration;

use windlass::{
    Actor, AuditFilter, CatchUp, Error, JobFilter, JobId, NewJob, RetryOptions, Schedule, State,
};
use windlass_testkit::{Act, Faulty, Script, Trap, every_server};

every_server!(
    an_enqueue_stores_one_job,
    a_batch_is_stored_once,
    a_claimed_job_runs_once,
    an_outcome_is_written_once,
    a_cancel_of_a_waiting_job_is_answered,
    a_cancel_of_a_running_job_reaches_it,
    a_retry_by_hand_runs_the_job_once_more,
    a_delete_is_answered,
    a_cancel_is_in_the_audit_once,
    a_tick_becomes_one_job,
    a_worker_is_registered_once,
    every_call_of_a_commit_gets_its_own_answer,
    a_commit_that_never_arrived_is_made_again,
);

const MARKER: &str = "marked-by-the-test";

fn marked() -> NewJob {
    NewJob::new("mail", format!("\"{MARKER}\""))
}

/// Enqueues a job before any trap is set: what every first call needs is there afterwards.
async fn warm(t: &Faulty) -> JobId {
    t.enqueue(NewJob::new("other", "0")).await
}

async fn count(t: &Faulty, kind: &str) -> usize {
    t.queue.list(JobFilter::new().kind(kind)).await.expect("a list").jobs.len()
}

async fn an_enqueue_stores_one_job(t: &Faulty) {
    warm(t).await;
    for round in 1..=5 {
        t.proxy.set(Trap::AnswerLost, MARKER);

        let job = t.queue.enqueue_new(marked()).await.expect("stored");

        t.proxy.sprung(round).await;
        assert_eq!(t.get(job.id()).await.state, State::Pending);
        assert_eq!(count(t, "mail").await, round);
    }
}

async fn a_batch_is_stored_once(t: &Faulty) {
    warm(t).await;
    let key = |n| NewJob::new("mail", format!("[{n}, \"{MARKER}\"]")).idempotency_key("one");
    let mut jobs: Vec<NewJob> = (0..50).map(|_| marked()).collect();
    jobs.extend([key(1), key(1), key(2)]);
    t.proxy.set(Trap::AnswerLost, MARKER);

    let replies = t.queue.enqueue_batch(jobs, false).await.expect("stored");

    t.proxy.sprung(1).await;
    let is_new = |n: usize| replies[n].as_ref().expect("stored").is_new();
    assert!((0..=50).all(is_new) && !is_new(51));
    assert!(matches!(&replies[52], Err(Error::Conflict { .. })), "{:?}", replies[52]);
    assert_eq!(count(t, "mail").await, 51);
}

async fn a_claimed_job_runs_once(t: &Faulty) {
    let id = t.enqueue(marked()).await;
    t.proxy.set(Trap::AnswerLost, MARKER);
    let script = Script::completing();

    let worker = t.start(&script).await;

    t.proxy.sprung(1).await;
    let job = t.reaches(id, State::Completed).await;
    assert_eq!((job.attempt, job.crashes), (1, 0));
    assert_eq!(script.ran(), [(id, 1)]);
    worker.stop().await;
}

async fn an_outcome_is_written_once(t: &Faulty) {
    for trap in [Trap::AnswerLost, Trap::CommitLost] {
        let script = Script::new([Act::Complete("\"marked-by-the-test\"")]);
        let worker = t.start(&script).await;
        t.proxy.set(trap, MARKER);

        let id = t.job("mail").await;

        t.proxy.sprung(if trap == Trap::AnswerLost { 1 } else { 2 }).await;
        let job = t.reaches(id, State::Completed).await;
        assert_eq!((job.attempt, job.crashes), (1, 0));
        assert_eq!(script.ran(), [(id, 1)]);
        worker.stop().await;
    }
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.sum(|kind| kind.completions), 2);
}

async fn a_cancel_of_a_waiting_job_is_answered(t: &Faulty) {
    let id = warm(t).await;
    t.proxy.set(Trap::AnswerLost, MARKER);

    let job = t.queue.cancel(id, Some(MARKER)).await.expect("cancelled");

    t.proxy.sprung(1).await;
    assert_eq!(job.state, State::Cancelled);
    assert_eq!(t.get(id).await.state, State::Cancelled);
}

async fn a_cancel_of_a_running_job_reaches_it(t: &Faulty) {
    for (n, trap) in [Trap::AnswerLost, Trap::CommitLost].into_iter().enumerate() {
        let script = Script::new([Act::WaitForStop]);
        let worker = t.start(&script).await;
        let id = t.job("mail").await;
        script.started(1).await;
        t.proxy.set(trap, MARKER);

        let job = t.queue.cancel(id, Some(MARKER)).await.expect("asked to stop");

        t.proxy.sprung(n + 1).await;
        assert_eq!(job.reason, Some(windlass::Reason::Cancelling));
        t.reaches(id, State::Cancelled).await;
        worker.stop().await;
    }
}

async fn a_retry_by_hand_runs_the_job_once_more(t: &Faulty) {
    let script = Script::completing();
    let worker = t.start(&script).await;
    let id = t.enqueue(marked()).await;
    t.reaches(id, State::Completed).await;
    for (n, trap) in [Trap::AnswerLost, Trap::CommitLost].into_iter().enumerate() {
        t.proxy.set(trap, MARKER);

        let job = t.queue.retry(id, RetryOptions::default()).await.expect("runs again");

        t.proxy.sprung(n + 1).await;
        assert_eq!(job.state, State::Pending);
        let done = t.reaches(id, State::Completed).await;
        assert_eq!(done.attempt as usize, n + 2);
        assert_eq!(script.ran().len(), n + 2);
    }
    worker.stop().await;
}

async fn a_cancel_is_in_the_audit_once(t: &Faulty) {
    let waiting = t.enqueue(NewJob::new("mail", "1")).await;
    t.proxy.set(Trap::AnswerLost, MARKER);

    let cancelled = Actor::local().doing(t.queue.cancel(waiting, Some(MARKER))).await;

    t.proxy.sprung(1).await;
    assert_eq!(cancelled.expect("cancelled").state, State::Cancelled);
    let lines = t.queue.audit(AuditFilter { limit: 9, ..AuditFilter::default() }).await;
    assert_eq!(lines.expect("the audit").len(), 1);
}

async fn a_delete_is_answered(t: &Faulty) {
    let id = t.enqueue(marked()).await;
    t.proxy.set(Trap::AnswerLost, MARKER);

    t.queue.delete(id, false).await.expect("deleted");

    t.proxy.sprung(1).await;
    assert!(matches!(t.queue.get(id).await, Err(Error::NotFound { .. })));
}

async fn a_worker_is_registered_once(t: &Faulty) {
    warm(t).await;
    t.proxy.set(Trap::AnswerLost, MARKER);

    let worker = t.worker(&Script::completing()).name(MARKER).start().await.expect("a worker");

    t.proxy.sprung(1).await;
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.workers.len(), 1);
    worker.stop().await;
}

/// Calls that wait at the same time share a commit; what one is told does not depend on another.
async fn every_call_of_a_commit_gets_its_own_answer(t: &Faulty) {
    // The ones that fail come first: once something is written, a failure undoes the whole commit.
    let (ended, gone, known) = (warm(t).await, warm(t).await, warm(t).await);
    t.queue.delete(gone, false).await.expect("deleted");
    t.queue.cancel(ended, None).await.expect("cancelled");
    t.proxy.set(Trap::AnswerLost, MARKER);

    let (first, unknown, second) = tokio::join!(
        t.queue.cancel(known, Some(MARKER)),
        t.queue.cancel(gone, Some(MARKER)),
        t.queue.cancel(ended, Some(MARKER)),
    );

    t.proxy.sprung(1).await;
    assert_eq!(first.expect("cancelled").state, State::Cancelled);
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");
    assert!(matches!(second, Err(Error::Conflict { .. })), "{second:?}");
}

async fn a_commit_that_never_arrived_is_made_again(t: &Faulty) {
    let id = warm(t).await;
    t.proxy.set(Trap::CommitLost, MARKER);
    let job = t.queue.enqueue_new(marked()).await.expect("stored");
    t.proxy.sprung(1).await;
    t.proxy.set(Trap::CommitLost, MARKER);
    let cancelled = t.queue.cancel(id, Some(MARKER)).await.expect("cancelled");
    t.proxy.sprung(2).await;
    t.proxy.set(Trap::CommitLost, MARKER);

    t.queue.delete(job.id(), false).await.expect("deleted");

    t.proxy.sprung(3).await;
    assert_eq!(cancelled.state, State::Cancelled);
    assert!(matches!(t.queue.get(job.id()).await, Err(Error::NotFound { .. })));
    assert_eq!(count(t, "mail").await, 0);
}

async fn a_tick_becomes_one_job(t: &Faulty) {
    warm(t).await;
    let end = t.queue.clock().now() + Duration::from_secs(4);
    let schedule = Schedule::every(Duration::from_secs(1)).end(end).catch_up(CatchUp::All(100));
    t.queue.create_schedule("s", schedule.job(marked())).await.expect("a schedule");
    t.proxy.set(Trap::AnswerLost, MARKER);
    t.queue.trigger_schedule("s").await.expect("a job");
    t.proxy.sprung(1).await;
    t.proxy.set(Trap::AnswerLost, MARKER);

    let script = Script::completing();
    let worker = t.start(&script).await;

    t.proxy.sprung(2).await;
    t.until("every tick is fired", async || {
        let schedule = t.queue.schedule("s").await.expect("a schedule");
        schedule.next_tick.is_none().then_some(())
    })
    .await;
    worker.stop().await;
    let ticks = t.queue.schedule_ticks("s", None, 10).await.expect("ticks");
    let mut jobs: Vec<JobId> = ticks.iter().filter_map(|tick| tick.job).collect();
    jobs.sort();
    jobs.dedup();
    assert!(jobs.len() == ticks.len() && ticks.len() >= 4, "{ticks:?}");
    assert_eq!(count(t, "mail").await, ticks.len());
}
