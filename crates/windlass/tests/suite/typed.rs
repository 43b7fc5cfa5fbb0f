//! Typed jobs: derive, state, outputs, errors of any type, undecodable payloads.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Job, JobError, NewJob, Outcome, Reason, State};
use windlass_testkit::{Harness, every_backend};

every_backend!(
    a_typed_job_runs_with_state_and_returns_its_output,
    the_policy_of_the_kind_is_stored_with_the_job,
    a_payload_of_another_shape_is_a_dead_letter,
    any_error_type_means_retry_with_its_whole_chain,
    a_custom_backoff_stands_over_the_jobs_own,
    an_outcome_can_stand_in_for_the_output,
    events_are_told_after_the_commit,
);

#[derive(Serialize, Deserialize, Job)]
#[job(queue = "images", output = Thumb, max_attempts = 2, timeout = "5s", backoff = "2s..1m")]
struct Resize {
    key: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Thumb {
    url: String,
}

#[derive(Default)]
struct App {
    calls: AtomicU32,
}

async fn resize(job: Resize, ctx: Ctx<App>) -> Result<Thumb, JobError> {
    if ctx.state().calls.fetch_add(1, Ordering::Relaxed) == 0 && job.key.is_empty() {
        let source = std::io::Error::other("disk full");
        return Err(std::io::Error::other(source).into());
    }
    Ok(Thumb { url: format!("cdn/{}", job.key) })
}

async fn a_typed_job_runs_with_state_and_returns_its_output(t: &Harness) {
    let worker = t.queue.worker().state(App::default()).handle(resize);
    let worker = worker.start().await.expect("a worker");

    let job = t.queue.enqueue(Resize { key: "cat.png".into() }).await.expect("a job");
    let thumb = job.output().await.expect("an output");

    assert_eq!(thumb, Thumb { url: "cdn/cat.png".into() });
    worker.stop().await;
}

async fn the_policy_of_the_kind_is_stored_with_the_job(t: &Harness) {
    let job = t.queue.enqueue(Resize { key: "a".into() }).await.expect("a job");

    let job = t.get(job.id()).await;

    assert_eq!((job.kind.as_str(), job.queue.as_str()), ("resize", "images"));
    assert_eq!((job.max_attempts, job.timeout), (2, Duration::from_secs(5)));
    assert_eq!(job.backoff.initial, Duration::from_secs(2));
}

async fn a_payload_of_another_shape_is_a_dead_letter(t: &Harness) {
    let worker = t.queue.worker().state(App::default()).handle(resize);
    let worker = worker.start().await.expect("a worker");

    let id = t.enqueue(NewJob::new("resize", r#"{"name":1}"#)).await;
    let job = t.reaches(id, State::DeadLetter).await;

    assert_eq!(job.reason, Some(Reason::Undecodable));
    assert!(job.last_error.expect("an error").contains("missing field `key`"));
    worker.stop().await;
}

async fn any_error_type_means_retry_with_its_whole_chain(t: &Harness) {
    let worker = t.queue.worker().state(App::default()).handle(resize);
    let worker = worker.start().await.expect("a worker");

    let job = t.queue.enqueue(Resize { key: String::new() }).await.expect("a job");
    let job = t.reaches(job.id(), State::Retrying).await;

    assert!(job.last_error.expect("an error").contains("disk full"));
    worker.stop().await;
}

async fn a_custom_backoff_stands_over_the_jobs_own(t: &Harness) {
    let worker = t.queue.worker().state(App::default()).handle_with(resize, |options| {
        options.backoff(|attempt, error| {
            Duration::from_secs(if error.contains("disk") { 100 } else { 0 } + u64::from(attempt))
        })
    });
    let worker = worker.start().await.expect("a worker");

    let job = t.queue.enqueue(Resize { key: String::new() }).await.expect("a job");
    let job = t.reaches(job.id(), State::Retrying).await;

    assert_eq!(job.scheduled_at, Some(t.clock.now() + Duration::from_secs(101)));
    worker.stop().await;
}

async fn an_outcome_can_stand_in_for_the_output(t: &Harness) {
    #[derive(Serialize, Deserialize, Job)]
    struct Poll;
    async fn poll(_: Poll, ctx: Ctx) -> windlass::Result<Outcome> {
        if ctx.info().snoozes == 0 {
            return Ok(Outcome::snooze(Duration::from_secs(60)));
        }
        Ok(Outcome::cancel("nothing to do"))
    }
    let worker = t.queue.worker().handle(poll).start().await.expect("a worker");

    let job = t.queue.enqueue(Poll).await.expect("a job");
    t.reaches(job.id(), State::Delayed).await;
    t.advance(Duration::from_secs(60));
    let job = t.reaches(job.id(), State::Cancelled).await;

    assert_eq!(job.last_error.as_deref(), Some("nothing to do"));
    worker.stop().await;
}

async fn events_are_told_after_the_commit(t: &Harness) {
    let (told, mut events) = tokio::sync::mpsc::unbounded_channel();
    let worker = t
        .queue
        .worker()
        .state(App::default())
        .handle(resize)
        .on_event(move |event| drop(told.send(event.clone())))
        .start()
        .await
        .expect("a worker");
    let job = t.queue.enqueue(Resize { key: "a".into() }).await.expect("a job");

    let started = events.recv().await.expect("an event");
    let settled = events.recv().await.expect("an event");

    assert!(matches!(started, windlass::Event::Started(info) if info.id == job.id()));
    assert!(matches!(settled, windlass::Event::Settled { state: State::Completed, .. }));
    assert_eq!(t.get(job.id()).await.state, State::Completed);
    worker.stop().await;
}
