//! `start_by` and `deadline`: too late is a visible end, never a late run.

use std::time::Duration;

use windlass::{Backoff, Reason, RetryOptions, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_job_that_cannot_start_in_time_expires,
    a_job_nobody_serves_expires_too,
    a_job_past_its_deadline_is_a_dead_letter,
    no_attempt_is_planned_beyond_the_deadline,
    the_deadline_cuts_a_running_attempt_short,
    a_job_that_waited_too_long_for_a_slot_does_not_start,
    a_revived_job_is_watched_again,
);

const LIMIT: Duration = Duration::from_secs(30);

async fn a_job_that_cannot_start_in_time_expires(t: &Harness) {
    let script = Script::completing();
    let id = t.job("mail").with(|job| job.start_within(LIMIT)).await;

    t.advance(LIMIT + Duration::from_micros(1));
    let worker = t.start(&script).await;
    let job = t.reaches(id, State::Failed).await;

    assert_eq!((job.reason, job.attempt), (Some(Reason::Expired), 0));
    assert!(script.ran().is_empty());
    worker.stop().await;
}

async fn a_job_nobody_serves_expires_too(t: &Harness) {
    let script = Script::completing();
    let worker = t.start(&script).await;
    let pending = t.job("unknown").with(|job| job.start_within(LIMIT)).await;
    let delayed = t.job("unknown").with(|job| job.delay(LIMIT * 9).start_within(LIMIT)).await;

    for id in [pending, delayed] {
        let job = t
            .until_after("expired", Duration::from_secs(5), async || {
                let job = t.get(id).await;
                job.state.is_terminal().then_some(job)
            })
            .await;
        assert_eq!((job.state, job.reason), (State::Failed, Some(Reason::Expired)));
    }
    worker.stop().await;
}

async fn a_job_past_its_deadline_is_a_dead_letter(t: &Harness) {
    let script = Script::completing();
    let id = t.job("mail").with(|job| job.deadline_in(LIMIT)).await;

    t.advance(LIMIT);
    let worker = t.start(&script).await;
    let job = t.reaches(id, State::DeadLetter).await;

    assert_eq!(job.reason, Some(Reason::Deadline));
    worker.stop().await;
}

async fn no_attempt_is_planned_beyond_the_deadline(t: &Harness) {
    let script = Script::new([Act::Fail("no")]);
    let worker = t.start(&script).await;
    let backoff = Backoff::constant(LIMIT * 2);
    let id = t.job("mail").with(|job| job.deadline_in(LIMIT).backoff(backoff)).await;

    let job = t.reaches(id, State::DeadLetter).await;

    assert_eq!((job.reason, job.attempt), (Some(Reason::Deadline), 1));
    worker.stop().await;
}

async fn the_deadline_cuts_a_running_attempt_short(t: &Harness) {
    let script = Script::new([Act::Hang]);
    let worker = t.start(&script).await;
    let id = t.job("mail").with(|job| job.deadline_in(Duration::from_secs(9))).await;
    script.started(1).await;

    t.advance(Duration::from_secs(9));
    let job = t.reaches(id, State::DeadLetter).await;

    assert_eq!(job.reason, Some(Reason::Deadline));
    worker.stop().await;
}

async fn a_job_that_waited_too_long_for_a_slot_does_not_start(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.worker(&script).concurrency(1).prefetch(10).start().await.expect("a worker");
    let first = t.job("mail").await;
    script.started(1).await;
    let late = t.job("mail").with(|job| job.start_within(Duration::from_secs(5))).await;
    t.reaches(late, State::Running).await;

    t.advance(Duration::from_secs(6));
    script.release();
    let late = t.reaches(late, State::Failed).await;

    assert_eq!((late.reason, late.attempt), (Some(Reason::Expired), 0));
    assert_eq!(script.order(), [first]);
    worker.stop().await;
}

async fn a_revived_job_is_watched_again(t: &Harness) {
    let script = Script::completing();
    let worker = t.start(&script).await;
    let id = t.job("unknown").with(|job| job.deadline_in(LIMIT)).await;
    t.queue.cancel(id, None).await.expect("cancelled");
    t.queue.retry(id, RetryOptions::default()).await.expect("revived");

    let dead = t
        .until_after("the deadline", Duration::from_secs(5), async || {
            let job = t.get(id).await;
            job.state.is_terminal().then_some(job)
        })
        .await;
    t.queue.retry(id, RetryOptions::default()).await.expect("revived");
    let alive = t.get(id).await;

    assert_eq!(dead.reason, Some(Reason::Deadline));
    assert_eq!((alive.state, alive.deadline), (State::Pending, None));
    worker.stop().await;
}
