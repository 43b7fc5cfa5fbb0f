//! Namespaces: the same names in two of them never meet.

use std::time::Duration;

use windlass::{
    Error, JobFilter, NewJob, PauseOptions, PauseScope, Queue, QueueSettings, RetryOptions, State,
};
use windlass_testkit::{Harness, Script, every_backend, scripted};

every_backend!(
    namespaces_are_created_listed_and_deleted,
    a_namespace_with_queues_is_deleted_by_force_only,
    nothing_of_one_is_seen_or_steered_from_another,
    a_worker_of_one_takes_nothing_of_another,
    settings_and_pauses_of_one_leave_another_alone,
    a_new_namespace_of_an_old_name_is_empty,
);

async fn two(t: &Harness) -> (Queue, Queue) {
    for name in ["one", "two"] {
        t.queue.create_namespace(name).await.expect("created");
    }
    let of = |name| t.queue.in_namespace(name).expect("a name");
    (of("one"), of("two"))
}

fn job() -> NewJob {
    NewJob::new("mail", "1").queue("q").idempotency_key("k")
}

async fn namespaces_are_created_listed_and_deleted(t: &Harness) {
    two(t).await;

    let twice = t.queue.create_namespace("one").await.expect_err("it exists");
    let bad = t.queue.create_namespace("no spaces").await.expect_err("no name");
    t.queue.delete_namespace("two", false).await.expect("deleted");
    let unknown = t.queue.delete_namespace("two", false).await.expect_err("gone");
    let default = t.queue.delete_namespace("default", true).await.expect_err("always there");

    assert!(matches!(twice, Error::Conflict { .. }), "{twice}");
    assert!(matches!(bad, Error::Invalid(_)), "{bad}");
    assert!(matches!(unknown, Error::NotFound { .. }), "{unknown}");
    assert!(matches!(default, Error::Conflict { .. }), "{default}");
    assert_eq!(t.queue.namespaces("").await.expect("names"), ["default", "one"]);
    assert_eq!(t.queue.namespaces("default").await.expect("names"), ["one"]);
}

async fn a_namespace_with_queues_is_deleted_by_force_only(t: &Harness) {
    let (one, _) = two(t).await;
    let id = one.enqueue_new(job()).await.expect("stored").id();

    let refused = t.queue.delete_namespace("one", false).await.expect_err("not empty");
    assert!(one.get(id).await.is_ok());
    t.queue.delete_namespace("one", true).await.expect("deleted");

    assert!(refused.to_string().contains("holds queues"), "{refused}");
    let gone = [
        one.get(id).await.expect_err("gone"),
        one.enqueue_new(job()).await.expect_err("gone"),
        one.stats().await.expect_err("gone"),
    ];
    assert!(gone.iter().all(|error| matches!(error, Error::NotFound { .. })), "{gone:?}");
    assert_eq!(t.queue.namespaces("").await.expect("names"), ["default", "two"]);
}

async fn nothing_of_one_is_seen_or_steered_from_another(t: &Harness) {
    let (one, two) = two(t).await;
    let a = one.enqueue_new(job()).await.expect("stored");
    let b = two.enqueue_new(job()).await.expect("stored");
    assert!(a.is_new() && b.is_new());
    let a = a.id();

    let listed = two.list(JobFilter::new().queue("q").kind("mail")).await.expect("a page");
    let steered = [
        two.get(a).await.err(),
        two.attempts(a).await.err(),
        two.cancel(a, None).await.err(),
        two.cancel_by_force(a, None).await.err(),
        two.retry(a, RetryOptions::default()).await.err(),
        two.delete(a, true).await.err(),
        two.wait(a, Duration::ZERO).await.err(),
    ];
    let purged = two.purge_queue("q", &State::ALL).await.expect("purged");
    two.delete_queue("q", false, None).await.expect("deleted");

    let ids: Vec<_> = listed.jobs.iter().map(|job| job.id).collect();
    assert_eq!(ids, [b.id()]);
    let is_hidden = |error: &Option<Error>| matches!(error, Some(Error::NotFound { .. }));
    assert!(steered.iter().all(is_hidden), "{steered:?}");
    assert_eq!(purged, 1);
    assert_eq!(one.get(a).await.expect("still there").state, State::Pending);
    assert_eq!(one.stats().await.expect("stats").jobs(State::Pending), 1);
    assert_eq!(two.stats().await.expect("stats").jobs(State::Pending), 0);
    assert!(two.get_many(vec![a]).await.expect("a read").is_empty());
}

async fn a_worker_of_one_takes_nothing_of_another(t: &Harness) {
    let (one, two) = two(t).await;
    let script = Script::completing();
    let a = one.enqueue_new(job()).await.expect("stored").id();
    let b = two.enqueue_new(job()).await.expect("stored").id();

    let worker = scripted(two.worker(), &script).start().await.expect("a worker");
    let done = two.wait(b, Duration::from_secs(30)).await.expect("waited");
    worker.stop().await;

    assert_eq!(done.state, State::Completed);
    assert_eq!(one.get(a).await.expect("a job").state, State::Pending);
}

async fn settings_and_pauses_of_one_leave_another_alone(t: &Harness) {
    let (one, two) = two(t).await;
    let settings = QueueSettings { retries: Some(1), ..QueueSettings::default() };
    one.create_queue("q", settings).await.expect("created");
    let a = one.enqueue_new(job()).await.expect("stored").id();
    let b = two.enqueue_new(job()).await.expect("stored").id();
    for scope in [PauseScope::Queue("q".to_owned()), PauseScope::Kind("mail".to_owned())] {
        one.pause(scope, PauseOptions::default()).await.expect("paused");
    }

    let script = Script::completing();
    let worker = scripted(two.worker(), &script).start().await.expect("a worker");
    let done = two.wait(b, Duration::from_secs(30)).await.expect("waited");
    worker.stop().await;

    assert_eq!((done.state, done.max_attempts), (State::Completed, 20));
    assert_eq!(one.get(a).await.expect("a job").max_attempts, 2);
    assert!(two.queue("q").await.expect("a queue").paused.is_none());
    assert!(two.kinds("").await.expect("kinds")[0].paused.is_none());
}

async fn a_new_namespace_of_an_old_name_is_empty(t: &Harness) {
    let (one, _) = two(t).await;
    one.create_queue("q", QueueSettings::default()).await.expect("created");
    one.enqueue_new(job()).await.expect("stored");
    let other = t.reopen().await.map(|queue| queue.in_namespace("one").expect("a name"));
    if let Some(other) = &other {
        other.enqueue_new(job()).await.expect("the same job");
    }

    t.queue.delete_namespace("one", true).await.expect("deleted");
    t.queue.create_namespace("one").await.expect("created again");
    t.advance(Duration::from_secs(1));

    for queue in std::iter::once(&one).chain(&other) {
        assert!(queue.kinds("").await.expect("kinds").is_empty());
        assert!(queue.queues("").await.expect("queues").is_empty());
    }
    assert!(other.as_ref().unwrap_or(&one).enqueue_new(job()).await.expect("stored").is_new());
    assert_eq!(one.stats().await.expect("stats").jobs(State::Pending), 1);
    if let Some(other) = other {
        other.close().await;
    }
}
