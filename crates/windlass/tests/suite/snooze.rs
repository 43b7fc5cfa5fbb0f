//! Snooze, rate limits and self-cancellation: endings that are no failures.

use std::time::Duration;

use windlass::{Reason, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(a_snooze_burns_no_attempt, a_rate_limited_job_says_so, a_handler_can_cancel_its_job,);

const NAP: Duration = Duration::from_secs(60);

async fn a_snooze_burns_no_attempt(t: &Harness) {
    let script = Script::new([Act::Snooze(NAP), Act::Snooze(NAP)]);
    let worker = t.start(&script).await;
    let id = t.job("mail").with(|job| job.max_attempts(1)).await;

    let asleep = t.reaches(id, State::Delayed).await;
    t.advance(NAP);
    script.started(2).await;
    t.reaches(id, State::Delayed).await;
    t.advance(NAP);
    let done = t.reaches(id, State::Completed).await;

    assert_eq!((asleep.reason, asleep.attempt), (Some(Reason::Snoozed), 0));
    assert_eq!((done.state, done.attempt, done.snoozes), (State::Completed, 1, 2));
    worker.stop().await;
}

async fn a_rate_limited_job_says_so(t: &Harness) {
    let script = Script::new([Act::RateLimited(NAP)]);
    let worker = t.start(&script).await;

    let job = t.reaches(t.job("mail").await, State::Delayed).await;

    assert_eq!((job.reason, job.attempt), (Some(Reason::RateLimited), 0));
    assert_eq!(job.scheduled_at, Some(t.clock.now() + NAP));
    worker.stop().await;
}

async fn a_handler_can_cancel_its_job(t: &Harness) {
    let script = Script::new([Act::Cancel("order withdrawn")]);
    let worker = t.start(&script).await;

    let job = t.reaches(t.job("mail").await, State::Cancelled).await;

    assert_eq!(job.reason, Some(Reason::Handler));
    assert_eq!(job.last_error.as_deref(), Some("order withdrawn"));
    worker.stop().await;
}
