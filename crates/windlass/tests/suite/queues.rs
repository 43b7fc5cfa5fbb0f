//! Queues: settings that jobs take where they and their kinds say nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{Backoff, Error, Keep, NewJob, Policy, QueueSettings, Retention, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_queue_is_created_changed_listed_and_deleted,
    a_change_of_another_version_is_refused,
    jobs_take_what_their_queue_says,
    a_job_and_its_kind_speak_before_the_queue,
    a_delayed_job_has_its_ttl_from_when_it_may_run,
    another_process_goes_by_new_settings_within_a_second,
    a_queue_with_jobs_is_deleted_by_force_only,
    a_deleted_queue_that_gets_a_job_is_there_again,
    only_the_states_asked_for_are_purged,
    bad_settings_are_named,
);

const MINUTE: Duration = Duration::from_secs(60);

fn settings() -> QueueSettings {
    QueueSettings {
        ttl: Some(MINUTE),
        retries: Some(1),
        backoff: Some(Backoff::constant(7 * MINUTE).jitter(0.0)),
        max_depth: Some(100),
        retention: Retention {
            completed: Some(Keep::For(MINUTE)),
            failed: Some(Keep::Forever),
            ..Retention::default()
        },
        ..QueueSettings::default()
    }
}

#[derive(Serialize, Deserialize)]
struct Letter;

impl windlass::Job for Letter {
    const KIND: &'static str = "mail";
    const QUEUE: &'static str = "letters";
    type Output = ();

    fn policy() -> Policy {
        Policy::default().max_attempts(4)
    }
}

async fn a_queue_is_created_changed_listed_and_deleted(t: &Harness) {
    let made = t.queue.create_queue("b", settings()).await.expect("created");
    let twice = t.queue.create_queue("b", settings()).await.expect_err("it exists");
    t.job("mail").with(|job| job.queue("a")).await;

    let changed = QueueSettings { retries: Some(5), ..settings() };
    let record = t.queue.configure_queue("b", changed.clone(), None).await.expect("changed");
    let listed = t.queue.queues("").await.expect("queues");

    assert_eq!((made.settings, made.version), (settings(), 1));
    assert!(matches!(twice, Error::Conflict { .. }), "{twice}");
    assert_eq!((&record.settings, record.version), (&changed, 2));
    assert_eq!(t.queue.queue("b").await.expect("a queue"), record);
    let names: Vec<&str> = listed.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!((&listed[0].settings, listed[0].version), (&QueueSettings::default(), 0));
    t.queue.delete_queue("b", false, None).await.expect("deleted");
    for gone in ["b", "never"] {
        let error = t.queue.queue(gone).await.expect_err("gone");
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
    let again = t.queue.create_queue("b", QueueSettings::default()).await.expect("created");
    assert_eq!((again.settings, again.version), (QueueSettings::default(), 4));
}

async fn a_change_of_another_version_is_refused(t: &Harness) {
    t.queue.create_queue("q", settings()).await.expect("created");
    t.queue.configure_queue("q", settings(), Some(1)).await.expect("its version");

    let late = t.queue.configure_queue("q", settings(), Some(1)).await.expect_err("late");
    let deleted = t.queue.delete_queue("q", false, Some(1)).await.expect_err("late");

    for error in [late, deleted] {
        let Error::Conflict { code: "precondition_failed", message } = error else {
            panic!("{error}")
        };
        assert!(message.contains("version 2, not 1"), "{message}");
    }
}

async fn jobs_take_what_their_queue_says(t: &Harness) {
    t.queue.create_queue("q", settings()).await.expect("created");
    let id = t.job("mail").with(|job| job.queue("q")).await;

    let job = t.get(id).await;
    assert_eq!(job.max_attempts, 2);
    assert_eq!(job.start_by, Some(t.clock.now() + MINUTE));
    assert_eq!(Some(job.backoff), settings().backoff);
    let plain = t.get(t.job("mail").await).await;
    assert_eq!((plain.max_attempts, plain.start_by), (20, None));
    assert_eq!(plain.backoff, Backoff::default());
    t.advance(2 * MINUTE);
    let script = Script::completing();
    let worker = t.start(&script).await;
    t.reaches(id, State::Failed).await;
    worker.stop().await;
}

async fn a_job_and_its_kind_speak_before_the_queue(t: &Harness) {
    t.queue.create_queue("letters", settings()).await.expect("created");
    let soon = t.clock.now() + Duration::from_secs(5);
    let kind = t.queue.enqueue(Letter).await.expect("enqueued").id();
    let own = t.queue.enqueue(Letter).max_attempts(9).backoff(Backoff::default()).start_by(soon);
    let own = own.await.expect("enqueued").id();

    let (kind, own) = (t.get(kind).await, t.get(own).await);

    assert_eq!((kind.max_attempts, Some(kind.backoff)), (4, settings().backoff));
    assert_eq!((own.max_attempts, own.backoff), (9, Backoff::default()));
    assert_eq!((kind.start_by, own.start_by), (Some(t.clock.now() + MINUTE), Some(soon)));
}

async fn a_delayed_job_has_its_ttl_from_when_it_may_run(t: &Harness) {
    t.queue.create_queue("q", settings()).await.expect("created");

    let id = t.job("mail").with(|job| job.queue("q").delay(10 * MINUTE)).await;

    assert_eq!(t.get(id).await.start_by, Some(t.clock.now() + 11 * MINUTE));
}

async fn another_process_goes_by_new_settings_within_a_second(t: &Harness) {
    let Some(other) = t.reopen().await else { return };
    let enqueue = async || {
        let job = NewJob::new("mail", "1").queue("q");
        let id = other.enqueue_new(job).await.expect("enqueued").id();
        other.get(id).await.expect("a job").max_attempts
    };
    assert_eq!(enqueue().await, 20);

    t.queue.configure_queue("q", settings(), None).await.expect("changed");
    t.advance(Duration::from_secs(1));

    assert_eq!(enqueue().await, 2);
    other.close().await;
}

async fn a_queue_with_jobs_is_deleted_by_force_only(t: &Harness) {
    let script = Script::new([Act::Complete("1"), Act::Wait]);
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    let in_queue = |job: NewJob| job.queue("q").idempotency_key(fastrand::u64(..).to_string());
    let ended = t.job("mail").with(in_queue).await;
    t.reaches(ended, State::Completed).await;
    let running = t.job("mail").with(in_queue).await;
    script.started(2).await;
    let delayed = t.job("mail").with(|job| in_queue(job).delay(MINUTE)).await;
    let elsewhere = t.job("mail").await;

    let refused = t.queue.delete_queue("q", false, None).await.expect_err("it holds jobs");
    t.queue.delete_queue("q", true, None).await.expect("deleted");
    script.release();
    worker.stop().await;

    assert!(refused.to_string().contains("holds jobs"), "{refused}");
    for id in [ended, running, delayed] {
        assert!(matches!(t.queue.get(id).await, Err(Error::NotFound { .. })));
    }
    assert!(t.queue.get(elsewhere).await.is_ok());
    assert!(matches!(t.queue.queue("q").await, Err(Error::NotFound { .. })));
}

async fn a_deleted_queue_that_gets_a_job_is_there_again(t: &Harness) {
    t.queue.create_queue("q", settings()).await.expect("created");
    let first = t.job("mail").with(|job| job.queue("q")).await;
    t.queue.delete_queue("q", true, None).await.expect("deleted");

    let second = t.job("mail").with(|job| job.queue("q")).await;

    assert!(t.queue.get(first).await.is_err());
    assert_eq!(t.get(second).await.max_attempts, 20);
    let listed = t.queue.queues("").await.expect("queues");
    assert_eq!((listed[0].name.as_str(), &listed[0].settings), ("q", &QueueSettings::default()));
}

async fn only_the_states_asked_for_are_purged(t: &Harness) {
    let waiting = t.job("unknown").await;
    let delayed = t.job("unknown").with(|job| job.delay(MINUTE)).await;
    let cancelled = t.job("unknown").await;
    t.queue.cancel(cancelled, None).await.expect("cancelled");

    let states = [State::Pending, State::Delayed, State::Retrying];
    let deleted = t.queue.purge_queue("default", &states).await.expect("purged");

    assert_eq!(deleted, 2);
    for id in [waiting, delayed] {
        assert!(t.queue.get(id).await.is_err());
    }
    assert_eq!(t.get(cancelled).await.state, State::Cancelled);
    assert!(matches!(t.queue.purge_queue("none", &states).await, Err(Error::NotFound { .. })));
}

async fn bad_settings_are_named(t: &Harness) {
    let settings = QueueSettings { max_depth: Some(0), ..QueueSettings::default() };

    let error = t.queue.create_queue("no spaces", settings).await.expect_err("refused");

    let Error::Invalid(broken) = error else { panic!("{error}") };
    let pointers: Vec<&str> = broken.iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(pointers, ["/name", "/max_depth"]);
    assert!(t.queue.queues("").await.expect("queues").is_empty());
}
