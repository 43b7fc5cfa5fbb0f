//! Events: what happens is told in one order to everyone who looks, and nobody pays while nobody does.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use windlass::{
    EventFilter, EventName, EventStream, JobId, NewJob, Observed, PauseOptions, PauseScope, Queue,
    QueueEvent, RetryOptions, Schedule, State,
};
use windlass_testkit::{Act, Harness, Script, every_backend};

use crate::lease::Doomed;

every_backend!(
    a_job_tells_its_life,
    what_is_done_to_jobs_is_told,
    every_reader_sees_the_same_in_one_order,
    a_late_commit_comes_after_what_was_read,
    a_reader_goes_on_where_it_was_after_a_restart,
    what_nobody_watched_is_not_written_down,
    old_events_are_forgotten,
    filters_show_what_they_name,
    queues_schedules_and_workers_are_told_of,
    a_lost_worker_is_told_once,
    a_job_says_what_happened_to_it,
    a_closed_queue_ends_its_streams,
);

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

async fn watch(queue: &Queue, filter: EventFilter) -> EventStream {
    queue.events(filter).await.expect("a stream")
}

/// What a stream shows next; time goes on meanwhile, for databases in which one has to look.
async fn observed(t: &Harness, stream: &mut EventStream) -> Observed {
    t.until_after("something is told", SECOND, async || stream.ready()).await
}

async fn next(t: &Harness, stream: &mut EventStream) -> Arc<QueueEvent> {
    match observed(t, stream).await {
        Observed::Event(event) => event,
        Observed::Resync(id) => panic!("resync at {id}"),
    }
}

/// The next events, by name.
async fn names(t: &Harness, stream: &mut EventStream, count: usize) -> Vec<&'static str> {
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(next(t, stream).await.name.as_str());
    }
    names
}

/// Lets time pass until a job has completed.
async fn completes(t: &Harness, job: JobId) {
    let done = async || (t.get(job).await.state == State::Completed).then_some(());
    t.until_after("completed", SECOND, done).await;
}

/// Jobs' events alone.
fn of(job: JobId) -> EventFilter {
    EventFilter::new().job(job)
}

async fn a_job_tells_its_life(t: &Harness) {
    let mut all = watch(&t.queue, EventFilter::new().kind("mail")).await;
    let acts = [Act::Snooze(SECOND), Act::Fail("no"), Act::Complete("1")];
    let script = Script::new(acts);
    let worker = t.start(&script).await;

    let id = t.job("mail").await;
    completes(t, id).await;

    let told = names(t, &mut all, 9).await;
    let wanted = [
        "job.created",
        "job.started",
        "job.delayed",
        "job.pending",
        "job.started",
        "job.retrying",
        "job.pending",
        "job.started",
        "job.completed",
    ];
    assert_eq!(told, wanted);
    worker.stop().await;
}

async fn what_is_done_to_jobs_is_told(t: &Harness) {
    let mut all = watch(&t.queue, EventFilter::new()).await;
    let id = t.job("mail").await;
    t.queue.cancel(id, Some("enough")).await.expect("cancelled");
    t.queue.retry(id, RetryOptions::default()).await.expect("retried");
    t.queue.delete(id, false).await.expect("deleted");

    let told = names(t, &mut all, 3).await;
    let gone = next(t, &mut all).await;

    assert_eq!(told, ["job.created", "job.cancelled", "job.retried"]);
    assert_eq!(
        (gone.name, gone.job, gone.record.is_none()),
        (EventName::JobDeleted, Some(id), true)
    );
    assert_eq!((gone.queue.as_deref(), gone.kind.as_deref()), (Some("default"), Some("mail")));
    let json: serde_json::Value = serde_json::from_str(gone.json()).expect("JSON");
    assert_eq!((&json["id"], &json["type"]), (&id.to_string().into(), &"mail".into()));
}

async fn every_reader_sees_the_same_in_one_order(t: &Harness) {
    let other = t.reopen().await.unwrap_or_else(|| t.queue.clone());
    let mut here = watch(&t.queue, EventFilter::new()).await;
    let mut there = watch(&other, EventFilter::new()).await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let queue = if caller % 2 == 0 { t.queue.clone() } else { other.clone() };
        callers.spawn(async move {
            for _ in 0..10 {
                let job = queue.enqueue_new(NewJob::new("mail", "1")).await.expect("a job");
                queue.cancel(job.id(), None).await.expect("cancelled");
            }
        });
    }

    let (mut seen, mut seen_there) = (Vec::new(), Vec::new());
    for _ in 0..160 {
        let event = next(t, &mut here).await;
        seen.push((event.id, event.name, event.job));
        let event = next(t, &mut there).await;
        seen_there.push((event.id, event.name, event.job));
    }
    callers.join_all().await;

    assert_eq!(seen, seen_there);
    assert!(seen.windows(2).all(|two| two[0].0 < two[1].0), "{seen:?}");
    for (place, (_, name, job)) in seen.iter().enumerate() {
        if *name == EventName::JobCancelled {
            let created =
                seen[..place].iter().any(|it| it.1 == EventName::JobCreated && it.2 == *job);
            assert!(created, "job {job:?} was cancelled before it was created");
        }
    }
    if t.is_shared() {
        other.close().await;
    }
}

/// A transaction of the application that began first and commits last.
async fn a_late_commit_comes_after_what_was_read(t: &Harness) {
    macro_rules! late {
        ($connection:ty) => {{
            let mut connection = <$connection>::connect(t.app_url()).await.expect("a connection");
            let mut all = watch(&t.queue, EventFilter::new()).await;
            let mut tx = connection.begin().await.expect("a transaction");
            let job = NewJob::new("mail", "1");
            let late = t.queue.enqueue_new_within(job, &mut tx).await.expect("a job");

            let early = t.job("mail").await;
            let first = next(t, &mut all).await;
            tx.commit().await.expect("a commit");
            let second = next(t, &mut all).await;

            assert_eq!((first.job, second.job), (Some(early), Some(late.id())));
            assert!(first.id < second.id);
        }};
    }
    if t.app_url().starts_with("mysql") {
        late!(sqlx::MySqlConnection);
    } else if t.app_url().starts_with("postgres") && !t.url().contains("pooled") {
        late!(sqlx::PgConnection);
    }
}

async fn a_reader_goes_on_where_it_was_after_a_restart(t: &Harness) {
    let Some(other) = t.reopen().await else { return };
    let mut before = watch(&other, EventFilter::new()).await;
    let mut here = watch(&t.queue, EventFilter::new()).await;
    let first = t.job("mail").await;
    assert_eq!(next(t, &mut before).await.job, Some(first));
    assert_eq!(next(t, &mut here).await.job, Some(first));
    let position = before.position();
    drop(before);
    other.close().await;

    let missed = t.job("mail").await;
    let again = t.reopen().await.expect("the same database");
    let mut after = watch(&again, EventFilter::new().since(position)).await;

    let event = next(t, &mut after).await;
    assert_eq!((event.job, event.name), (Some(missed), EventName::JobCreated));
    let mut from_the_start = watch(&again, EventFilter::new().since(0)).await;
    assert!(matches!(observed(t, &mut from_the_start).await, Observed::Resync(_)));
    again.close().await;
}

async fn what_nobody_watched_is_not_written_down(t: &Harness) {
    let before = t.job("mail").await;

    let mut all = watch(&t.queue, EventFilter::new()).await;
    let start = all.position();
    let id = t.job("mail").await;

    assert_eq!(next(t, &mut all).await.job, Some(id));
    let mut earlier = watch(&t.queue, EventFilter::new().since(start)).await;
    assert_eq!(next(t, &mut earlier).await.job, Some(id));
    let mut too_early = watch(&t.queue, of(before).since(start - 1)).await;
    assert!(matches!(observed(t, &mut too_early).await, Observed::Resync(_)));
}

async fn old_events_are_forgotten(t: &Harness) {
    let mut all = watch(&t.queue, EventFilter::new()).await;
    let start = all.position();
    let first = t.job("mail").await;
    assert_eq!(next(t, &mut all).await.job, Some(first));
    drop(all);
    t.advance(2 * windlass::EVENTS_KEPT);

    let again = t.reopen().await.unwrap_or_else(|| t.queue.clone());
    t.job("mail").await;
    let mut after = watch(&again, EventFilter::new().since(start)).await;

    let mut shown = observed(t, &mut after).await;
    // The reader of this process may still have been there, with what it remembers.
    if !t.is_shared() && matches!(&shown, Observed::Event(event) if event.job == Some(first)) {
        shown = observed(t, &mut after).await;
    }
    assert!(matches!(shown, Observed::Resync(_)), "{shown:?}");
    if t.is_shared() {
        again.close().await;
    }
}

async fn filters_show_what_they_name(t: &Harness) {
    t.queue.create_namespace("elsewhere").await.expect("a namespace");
    let elsewhere = t.queue.in_namespace("elsewhere").expect("a name");
    let mut foreign = watch(&elsewhere, EventFilter::new()).await;
    let created = EventFilter::new().name(EventName::JobCreated);
    let mut of_a = watch(&t.queue, created.clone().queue("a")).await;
    let mut of_b = watch(&t.queue, created.kind("other").queue("b").queue("c")).await;
    let a = t.job("mail").with(|job| job.queue("a")).await;
    t.queue.cancel(a, None).await.expect("cancelled");
    t.job("mail").with(|job| job.queue("b")).await;
    let c = t.job("other").with(|job| job.queue("c")).await;
    let mut of_job = watch(&t.queue, of(c).name(EventName::JobDeleted)).await;
    let last = t.job("other").with(|job| job.queue("a")).await;
    t.queue.delete(c, false).await.expect("deleted");
    let there = elsewhere.enqueue_new(NewJob::new("mail", "1")).await.expect("a job");

    assert_eq!(next(t, &mut of_a).await.job, Some(a));
    assert_eq!(next(t, &mut of_a).await.job, Some(last));
    assert_eq!(next(t, &mut of_b).await.job, Some(c));
    assert_eq!(next(t, &mut of_job).await.name, EventName::JobDeleted);
    assert_eq!(next(t, &mut foreign).await.job, Some(there.id()));
    assert!(of_a.ready().is_none() && of_b.ready().is_none());
    let nowhere = t.queue.in_namespace("nowhere").expect("a name");
    assert!(nowhere.events(EventFilter::new()).await.is_err());
}

async fn queues_schedules_and_workers_are_told_of(t: &Harness) {
    t.job("mail").await;
    // A day: it is triggered by hand, and the clock moves while this waits.
    let schedule = Schedule::every(1440 * MINUTE).job(NewJob::new("mail", "1"));
    t.queue.create_schedule("tick", schedule).await.expect("a schedule");
    let wanted = [
        EventName::QueuePaused,
        EventName::QueueResumed,
        EventName::ScheduleFired,
        EventName::WorkerJoined,
        EventName::WorkerLeft,
        EventName::JobProgress,
    ];
    let filter = wanted.iter().fold(EventFilter::new(), |filter, name| filter.name(*name));
    let mut all = watch(&t.queue, filter).await;
    let queue = PauseScope::Queue("default".to_owned());
    let why = PauseOptions { reason: Some("stocktaking".to_owned()), ..PauseOptions::default() };

    t.queue.pause(queue.clone(), why).await.expect("paused");
    t.queue.resume(queue).await.expect("resumed");
    t.queue.trigger_schedule("tick").await.expect("a job");
    let script = Script::new([Act::Wait]);
    let worker = t.worker(&script).name("w1").concurrency(1).start().await.expect("a worker");

    let paused = next(t, &mut all).await;
    assert_eq!(paused.name, EventName::QueuePaused);
    assert!(
        paused.json().contains(r#""queue":"default","reason":"stocktaking""#),
        "{}",
        paused.json()
    );
    assert_eq!(names(t, &mut all, 3).await, ["queue.resumed", "schedule.fired", "worker.joined"]);
    assert_eq!(next(t, &mut all).await.name, EventName::JobProgress);
    script.release();
    worker.stop().await;
    let left = next(t, &mut all).await;
    assert!(left.json().contains(r#""worker":"w1""#), "{}", left.json());
}

async fn a_lost_worker_is_told_once(t: &Harness) {
    let lost = EventFilter::new().name(EventName::WorkerLost);
    let mut all = watch(&t.queue, lost).await;
    let script = Script::new([Act::Wait]);
    let doomed = Doomed::start(t, &script);
    let id = t.job("mail").await;
    t.reaches(id, State::Running).await;
    doomed.die();
    let worker = t.start(&Script::completing()).await;

    let first = next(t, &mut all).await;

    assert!(first.json().contains(r#""worker":"#), "{}", first.json());
    t.reaches(id, State::Completed).await;
    worker.stop().await;
    assert!(all.ready().is_none());
}

async fn a_job_says_what_happened_to_it(t: &Harness) {
    let script = Script::new([Act::Fail("no"), Act::Complete("1")]);
    let worker = t.worker(&script).name("w1").start().await.expect("a worker");
    let id = t.job("mail").await;
    completes(t, id).await;
    worker.stop().await;

    let history = t.queue.history(id).await.expect("a history");

    let told: Vec<_> = history.iter().map(|entry| entry.event.as_str()).collect();
    let wanted = ["job.created", "job.started", "job.retrying", "job.started", "job.completed"];
    assert_eq!(told, wanted);
    assert_eq!(history[2].reason.as_deref(), Some("retryable"));
    assert_eq!(history[4].actor.as_deref(), Some("w1"));
    assert!(history.windows(2).all(|two| two[0].at <= two[1].at && two[0].id < two[1].id));
}

async fn a_closed_queue_ends_its_streams(t: &Harness) {
    let mut all = watch(&t.queue, EventFilter::new()).await;

    t.queue.close().await;

    assert!(all.next().await.is_none());
    assert!(t.queue.events(EventFilter::new()).await.is_err());
}
