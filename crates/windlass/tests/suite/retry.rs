//! Failure and retry: backoff, exhaustion, classes, history, retry by hand.

use std::time::Duration;

use windlass::{Backoff, Error, Priority, Reason, RetryOptions, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_failed_attempt_is_tried_again_after_its_backoff,
    used_up_attempts_end_in_the_dead_letters,
    a_permanent_failure_is_not_tried_again,
    the_handler_may_choose_the_wait,
    a_panic_is_a_failed_attempt_with_a_backtrace,
    a_handler_that_runs_too_long_fails_even_if_it_ignores_the_stop,
    a_dead_letter_can_be_revived_by_hand,
    a_revival_with_reset_counts_from_one,
    a_waiting_job_can_be_told_to_run_now,
    a_pending_or_running_job_cannot_be_retried,
    a_retry_by_hand_can_be_late_and_change_the_priority,
);

const WAIT: Duration = Duration::from_secs(10);

fn plain(job: windlass::NewJob) -> windlass::NewJob {
    job.backoff(Backoff::constant(WAIT).jitter(0.0)).max_attempts(3)
}

async fn a_failed_attempt_is_tried_again_after_its_backoff(t: &Harness) {
    let script = Script::new([Act::Fail("busy")]);
    let worker = t.start(&script).await;
    let id = t.job("mail").with(plain).await;

    let waiting = t.reaches(id, State::Retrying).await;
    t.advance(WAIT);
    let done = t.reaches(id, State::Completed).await;

    assert_eq!((waiting.reason, waiting.attempt), (Some(Reason::Backoff), 1));
    assert_eq!(waiting.last_error.as_deref(), Some("busy"));
    assert_eq!(waiting.scheduled_at, Some(t.clock.now()));
    assert_eq!((done.attempt, done.last_error.as_deref()), (2, Some("busy")));
    let attempts = t.queue.attempts(id).await.expect("attempts");
    let classes: Vec<&str> = attempts.iter().map(|attempt| attempt.class.as_str()).collect();
    assert_eq!(classes, ["retryable", "completed"]);
    worker.stop().await;
}

async fn used_up_attempts_end_in_the_dead_letters(t: &Harness) {
    let script = Script::new(vec![Act::Fail("no"); 3]);
    let worker = t.start(&script).await;
    let id = t.job("mail").with(plain).await;

    for attempt in 1..=2 {
        script.started(attempt).await;
        t.reaches(id, State::Retrying).await;
        t.advance(WAIT);
    }
    let dead = t.reaches(id, State::DeadLetter).await;

    assert_eq!((dead.state, dead.reason), (State::DeadLetter, Some(Reason::Exhausted)));
    assert_eq!((dead.attempt, script.ran().len()), (3, 3));
    worker.stop().await;
}

async fn a_permanent_failure_is_not_tried_again(t: &Harness) {
    let script = Script::new([Act::FailForGood("malformed")]);
    let worker = t.start(&script).await;

    let failed = t.reaches(t.job("mail").await, State::Failed).await;

    assert_eq!((failed.reason, failed.attempt), (Some(Reason::Permanent), 1));
    assert_eq!(failed.last_error.as_deref(), Some("malformed"));
    worker.stop().await;
}

async fn the_handler_may_choose_the_wait(t: &Harness) {
    let script = Script::new([Act::RetryAfter(Duration::from_secs(77))]);
    let worker = t.start(&script).await;

    let waiting = t.reaches(t.job("mail").await, State::Retrying).await;

    assert_eq!(waiting.scheduled_at, Some(t.clock.now() + Duration::from_secs(77)));
    worker.stop().await;
}

async fn a_panic_is_a_failed_attempt_with_a_backtrace(t: &Harness) {
    let script = Script::new([Act::Panic("boom")]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;

    let waiting = t.reaches(id, State::Retrying).await;

    assert_eq!(waiting.last_error.as_deref(), Some("the handler panicked: boom"));
    let attempts = t.queue.attempts(id).await.expect("attempts");
    assert_eq!(attempts[0].class, "panic");
    assert!(attempts[0].backtrace.as_ref().expect("a backtrace").contains("script.rs"));
    worker.stop().await;
}

async fn a_handler_that_runs_too_long_fails_even_if_it_ignores_the_stop(t: &Harness) {
    let script = Script::new([Act::Hang]);
    let worker = t.start(&script).await;
    let id = t.job("mail").with(|job| job.timeout(Duration::from_secs(5))).await;
    script.started(1).await;

    t.advance(Duration::from_secs(5));
    let waiting = t.reaches(id, State::Retrying).await;

    assert_eq!(waiting.last_error.as_deref(), Some("timed out after 5s"));
    let attempts = t.queue.attempts(id).await.expect("attempts");
    assert_eq!(attempts[0].class, "timeout");
    worker.stop().await;
}

async fn a_dead_letter_can_be_revived_by_hand(t: &Harness) {
    let script = Script::new([Act::Fail("no"), Act::Fail("again no")]);
    let worker = t.start(&script).await;
    let id = t.job("mail").with(|job| job.max_attempts(1)).await;
    t.reaches(id, State::DeadLetter).await;

    let dead = t.get(id).await.updated_at;
    t.advance(Duration::from_secs(60));
    let revived = t.queue.retry(id, RetryOptions::default()).await.expect("revived");
    assert!(revived.updated_at > dead);
    let again = t.reaches(id, State::DeadLetter).await;
    t.queue.retry(id, RetryOptions::default()).await.expect("revived");
    let done = t.reaches(id, State::Completed).await;

    assert_eq!((again.attempt, again.max_attempts), (2, 2));
    assert_eq!((done.attempt, done.max_attempts), (3, 3));
    assert_eq!(t.queue.attempts(id).await.expect("attempts").len(), 3);
    worker.stop().await;
}

async fn a_revival_with_reset_counts_from_one(t: &Harness) {
    let script = Script::new([Act::Fail("no")]);
    let worker = t.start(&script).await;
    let id = t.job("mail").with(|job| job.max_attempts(1)).await;
    t.reaches(id, State::DeadLetter).await;

    let options = RetryOptions { reset_attempts: true, ..RetryOptions::default() };
    t.queue.retry(id, options).await.expect("revived");
    let done = t.reaches(id, State::Completed).await;

    assert_eq!((done.attempt, done.max_attempts), (1, 1));
    worker.stop().await;
}

async fn a_waiting_job_can_be_told_to_run_now(t: &Harness) {
    let script = Script::completing();
    let worker = t.start(&script).await;
    let id = t.job("mail").with(|job| job.delay(Duration::from_secs(9999))).await;

    let told = t.queue.retry(id, RetryOptions::default()).await.expect("told");
    t.reaches(id, State::Completed).await;

    assert_eq!(told.state, State::Pending);
    worker.stop().await;
}

async fn a_pending_or_running_job_cannot_be_retried(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let id = t.job("mail").await;

    let pending = t.queue.retry(id, RetryOptions::default()).await.expect_err("pending");
    let worker = t.start(&script).await;
    t.reaches(id, State::Running).await;
    let running = t.queue.retry(id, RetryOptions::default()).await.expect_err("running");

    for (error, word) in [(pending, "pending"), (running, "running")] {
        let Error::Conflict { message, .. } = error else { panic!("{error}") };
        assert_eq!(message, format!("job {id} is {word}: nothing to retry"));
    }
    worker.stop_now().await;
}

async fn a_retry_by_hand_can_be_late_and_change_the_priority(t: &Harness) {
    let script = Script::completing();
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    t.reaches(id, State::Completed).await;

    let priority = Some(Priority::BULK);
    let options = RetryOptions { delay: WAIT, priority, ..RetryOptions::default() };
    let job = t.queue.retry(id, options).await.expect("revived");
    t.advance(WAIT);
    t.reaches(id, State::Completed).await;

    assert_eq!((job.state, job.priority), (State::Delayed, Priority::BULK));
    assert_eq!(script.ran().len(), 2);
    worker.stop().await;
}
