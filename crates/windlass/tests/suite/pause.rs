//! Pause: nothing of what is paused is claimed; what runs goes on.

use std::time::Duration;

use windlass::{Error, JobId, PauseOptions, PauseScope, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_paused_queue_gives_no_jobs_until_it_is_resumed,
    a_kind_is_paused_in_one_queue_or_in_all,
    what_runs_goes_on,
    a_pause_ends_by_itself,
    a_pause_holds_for_other_processes_at_once,
    a_pause_says_why_until_when_and_who,
    bad_pauses_are_refused,
);

const MINUTE: Duration = Duration::from_secs(60);

fn queue(name: &str) -> PauseScope {
    PauseScope::Queue(name.to_owned())
}

async fn put(t: &Harness, queue: &str, kind: &str) -> JobId {
    t.job(kind).with(|job| job.queue(queue)).await
}

async fn a_paused_queue_gives_no_jobs_until_it_is_resumed(t: &Harness) {
    let held = put(t, "a", "mail").await;
    t.queue.pause(queue("a"), PauseOptions::default()).await.expect("paused");
    let script = Script::completing();
    let worker = t.start(&script).await;

    let free = put(t, "b", "mail").await;
    t.reaches(free, State::Completed).await;
    assert_eq!(t.get(held).await.state, State::Pending);

    assert!(t.queue.resume(queue("a")).await.expect("resumed"));
    t.reaches(held, State::Completed).await;
    assert!(!t.queue.resume(queue("a")).await.expect("nothing to resume"));
    worker.stop().await;
}

async fn a_kind_is_paused_in_one_queue_or_in_all(t: &Harness) {
    let ids = [
        put(t, "a", "mail").await,
        put(t, "a", "other").await,
        put(t, "b", "mail").await,
        put(t, "b", "other").await,
    ];
    let in_a = PauseScope::KindInQueue { queue: "a".to_owned(), kind: "mail".to_owned() };
    let everywhere = PauseScope::Kind("other".to_owned());
    for scope in [&in_a, &everywhere] {
        t.queue.pause(scope.clone(), PauseOptions::default()).await.expect("paused");
    }
    let script = Script::completing();
    let worker = t.start(&script).await;

    t.reaches(ids[2], State::Completed).await;
    for id in [ids[0], ids[1], ids[3]] {
        assert_eq!(t.get(id).await.state, State::Pending);
    }
    let kinds = t.queue.kinds("").await.expect("kinds");
    let paused: Vec<_> = kinds.iter().map(|it| (it.name.as_str(), it.paused.is_some())).collect();
    assert_eq!(paused, [("mail", false), ("other", true)]);
    let a = t.queue.queue("a").await.expect("a queue");
    assert!(a.paused.is_none() && a.paused_kinds[0].0 == "mail");

    for scope in [in_a, everywhere] {
        assert!(t.queue.resume(scope).await.expect("resumed"));
    }
    for id in ids {
        t.reaches(id, State::Completed).await;
    }
    worker.stop().await;
}

async fn what_runs_goes_on(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let id = put(t, "a", "mail").await;
    script.started(1).await;

    t.queue.pause(queue("a"), PauseOptions::default()).await.expect("paused");
    script.release();

    t.reaches(id, State::Completed).await;
    worker.stop().await;
}

async fn a_pause_ends_by_itself(t: &Harness) {
    let id = put(t, "a", "mail").await;
    let until = Some(t.clock.now() + MINUTE);
    let options = PauseOptions { until, ..PauseOptions::default() };
    t.queue.pause(queue("a"), options).await.expect("paused");
    let script = Script::completing();
    let worker = t.start(&script).await;
    t.reaches(put(t, "b", "mail").await, State::Completed).await;
    assert_eq!(t.get(id).await.state, State::Pending);

    let done = t.until_after("the pause is over", Duration::from_secs(5), async || {
        let job = t.get(id).await;
        (job.state == State::Completed).then_some(job)
    });
    let job = done.await;

    assert!(job.started_at >= until, "{:?} before {until:?}", job.started_at);
    assert!(t.queue.queue("a").await.expect("a queue").paused.is_none());
    worker.stop().await;
}

async fn a_pause_holds_for_other_processes_at_once(t: &Harness) {
    let Some(other) = t.reopen().await else { return };
    let script = Script::completing();
    let worker = windlass_testkit::scripted(other.worker(), &script).start().await.expect("worker");
    t.reaches(put(t, "a", "mail").await, State::Completed).await;

    t.queue.pause(queue("a"), PauseOptions::default()).await.expect("paused");
    let held = put(t, "a", "mail").await;
    // Jobs of another queue show that the worker has claimed since.
    for _ in 0..3 {
        t.reaches(put(t, "b", "mail").await, State::Completed).await;
    }

    assert_eq!(t.get(held).await.state, State::Pending);
    worker.stop().await;
    other.close().await;
}

async fn a_pause_says_why_until_when_and_who(t: &Harness) {
    put(t, "a", "mail").await;
    let options = PauseOptions {
        reason: Some("the mail server is away".to_owned()),
        until: Some(t.clock.now() + MINUTE),
        by: Some("ada".to_owned()),
    };

    let told = t.queue.pause(queue("a"), options.clone()).await.expect("paused");
    let record = t.queue.queue("a").await.expect("a queue");

    assert_eq!(record.paused, Some(told.clone()));
    assert_eq!(record.version, 1);
    assert_eq!((told.since, told.until), (t.clock.now(), options.until));
    assert_eq!((told.reason, told.by), (options.reason, options.by));
    if let Some(other) = t.reopen().await {
        assert_eq!(other.queue("a").await.expect("a queue"), record);
        other.close().await;
    }
}

async fn bad_pauses_are_refused(t: &Harness) {
    put(t, "a", "mail").await;
    let nobody = [queue("none"), PauseScope::Kind("none".to_owned())];
    for scope in nobody {
        let error = t.queue.pause(scope, PauseOptions::default()).await.expect_err("unknown");
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }

    let options = PauseOptions {
        reason: Some("x".repeat(1025)),
        until: Some(t.clock.now()),
        by: Some("y".repeat(1025)),
    };
    let error = t.queue.pause(queue("a"), options).await.expect_err("refused");

    let Error::Invalid(broken) = error else { panic!("{error}") };
    let pointers: Vec<&str> = broken.iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(pointers, ["/reason", "/by", "/until"]);
}
