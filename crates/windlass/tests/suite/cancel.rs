//! Cancel: waiting jobs at once, running ones cooperatively or by force.

use std::time::Duration;

use windlass::{Error, Reason, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_waiting_job_ends_at_once,
    a_promoted_job_is_found_and_ends_at_once,
    a_running_job_is_asked_to_stop,
    a_completion_wins_over_a_request_to_stop,
    a_handler_that_ignores_the_request_is_cut_off,
    a_forced_cancel_ends_the_job_now_and_refuses_what_comes_later,
    a_forced_cancel_reaches_the_handler,
    a_job_that_waits_for_a_slot_never_starts_once_cancelled,
    an_ended_job_cannot_be_cancelled,
    an_unknown_job_cannot_be_cancelled,
);

async fn a_waiting_job_ends_at_once(t: &Harness) {
    let script = Script::completing();
    let ready = t.job("mail").await;
    let delayed = t.job("mail").with(|job| job.delay(Duration::from_secs(60))).await;

    for id in [ready, delayed] {
        let job = t.queue.cancel(id, Some("changed my mind")).await.expect("cancelled");
        assert_eq!((job.state, job.reason), (State::Cancelled, Some(Reason::Request)));
        assert_eq!(job.last_error.as_deref(), Some("changed my mind"));
    }

    let worker = t.start(&script).await;
    t.advance(Duration::from_secs(60));
    t.reaches(t.job("mail").await, State::Completed).await;
    assert_eq!(script.ran().len(), 1);
    worker.stop().await;
}

async fn a_promoted_job_is_found_and_ends_at_once(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    let first = t.job("mail").await;
    let id = t.job("mail").with(|job| job.delay(Duration::from_secs(5))).await;
    script.started(1).await;
    t.advance(Duration::from_secs(5));
    t.reaches(id, State::Pending).await;

    let job = t.queue.cancel(id, None).await.expect("cancelled");

    assert_eq!(job.state, State::Cancelled);
    script.release();
    t.reaches(first, State::Completed).await;
    worker.stop().await;
}

async fn a_running_job_is_asked_to_stop(t: &Harness) {
    let script = Script::new([Act::WaitForStop]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    let asked = t.queue.cancel(id, Some("too slow")).await.expect("asked");
    let ended = t.reaches(id, State::Cancelled).await;

    assert_eq!((asked.state, asked.reason), (State::Running, Some(Reason::Cancelling)));
    assert_eq!(ended.reason, Some(Reason::Request));
    assert_eq!(ended.last_error.as_deref(), Some("too slow"));
    worker.stop().await;
}

async fn a_completion_wins_over_a_request_to_stop(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    t.queue.cancel(id, None).await.expect("asked");
    let ended = t.reaches(id, State::Completed).await;

    assert_eq!(ended.reason, None);
    worker.stop().await;
}

async fn a_handler_that_ignores_the_request_is_cut_off(t: &Harness) {
    let script = Script::new([Act::Hang]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    t.queue.cancel(id, Some("enough")).await.expect("asked");
    let ended = t
        .until_after("cut off", Duration::from_secs(5), async || {
            let job = t.get(id).await;
            job.state.is_terminal().then_some(job)
        })
        .await;

    assert_eq!((ended.state, ended.reason), (State::Cancelled, Some(Reason::Request)));
    assert_eq!(ended.crashes, 0);
    worker.stop_now().await;
}

async fn a_forced_cancel_ends_the_job_now_and_refuses_what_comes_later(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    let job = t.queue.cancel_by_force(id, None).await.expect("cancelled");
    script.release();
    let stale = t
        .until("the late completion was refused", async || {
            let stats = t.queue.stats().await.expect("stats");
            let stale = stats.sum(|kind| kind.stale_settles);
            (stale > 0).then_some(stale)
        })
        .await;

    assert_eq!((job.state, stale), (State::Cancelled, 1));
    assert_eq!(t.get(id).await.state, State::Cancelled);
    worker.stop().await;
}

async fn a_forced_cancel_reaches_the_handler(t: &Harness) {
    let script = Script::new([Act::WaitForStop]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    t.queue.cancel_by_force(id, None).await.expect("cancelled");

    t.until("the handler stopped and its report was refused", async || {
        let stats = t.queue.stats().await.expect("stats");
        (stats.sum(|kind| kind.stale_settles) == 1).then_some(())
    })
    .await;
    worker.stop().await;
}

async fn a_job_that_waits_for_a_slot_never_starts_once_cancelled(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.worker(&script).concurrency(1).prefetch(10).start().await.expect("a worker");
    let first = t.job("mail").await;
    script.started(1).await;
    let forced = t.job("mail").await;
    let asked = t.job("mail").await;
    for id in [forced, asked] {
        t.reaches(id, State::Running).await;
    }

    t.queue.cancel_by_force(forced, None).await.expect("cancelled");
    t.queue.cancel(asked, None).await.expect("asked");
    t.reaches(asked, State::Cancelled).await;
    script.release();
    t.reaches(first, State::Completed).await;
    worker.stop().await;

    assert_eq!(script.order(), [first]);
}

async fn an_ended_job_cannot_be_cancelled(t: &Harness) {
    let id = t.job("mail").await;
    t.queue.cancel(id, None).await.expect("cancelled");

    let error = t.queue.cancel(id, None).await.expect_err("twice");

    assert_eq!(error.to_string(), format!("job {id} has already ended: cancelled"));
}

async fn an_unknown_job_cannot_be_cancelled(t: &Harness) {
    let unknown: windlass::JobId = "4711".parse().expect("an id");

    let error = t.queue.cancel(unknown, None).await.expect_err("unknown");

    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}
