//! Export and import: a namespace moves from one database to another, and nothing of it runs twice.

use std::time::Duration;

use windlass::{
    Ctx, ExportLine, Imported, JobError, JobFilter, JobId, JobRecord, NewJob, PauseOptions,
    PauseScope, Queue, QueueSettings, Schedule, State, Unique,
};
use windlass_testkit::{Harness, every_backend};

use crate::gate::Gate;

every_backend!(
    jobs_of_every_state_stand_where_they_stood,
    what_was_imported_is_never_imported_again,
    a_job_whose_unique_key_is_held_is_refused,
);

const HOUR: Duration = Duration::from_secs(3600);

/// Another database, on the same clock.
async fn elsewhere(t: &Harness) -> Queue {
    let queue = Queue::builder().clock(t.queue.clock().clone());
    queue.open("memory:").await.expect("a database in memory")
}

async fn put(queue: &Queue, job: NewJob) -> JobId {
    queue.enqueue_new(job).await.expect("stored").id()
}

async fn exported(queue: &Queue) -> Vec<ExportLine> {
    let mut lines = queue.export_settings().await.expect("settings");
    let mut after = None;
    loop {
        let (more, last) = queue.export_jobs(after).await.expect("jobs");
        lines.extend(more);
        after = last;
        if last.is_none() {
            return lines.iter().map(|line| ExportLine::read(line).expect("a line")).collect();
        }
    }
}

async fn import(queue: &Queue, lines: &[ExportLine]) -> Vec<Imported> {
    queue.import("e1", lines.to_vec(), false).await.expect("imported")
}

fn handlers(worker: windlass::Worker<Gate>) -> windlass::Worker<Gate> {
    worker
        .handle_raw("done", async |_, _| windlass::Ok(b"{\n\"n\": 1.50}".to_vec()))
        .handle_raw("never", async |_, _| Err::<Vec<u8>, _>(JobError::permanent("no such file")))
        .handle_raw("again", async |_, ctx: Ctx<Gate>| {
            ctx.checkpoint(&ctx.info().attempt).await?;
            Err::<Vec<u8>, _>(JobError::retry_after(HOUR, "not yet"))
        })
        .handle_raw("runs", async |payload, ctx: Ctx<Gate>| {
            ctx.state().note("runs");
            ctx.state().pass().await;
            windlass::Ok(payload)
        })
}

/// A database with jobs in every state, one of them running.
async fn source(t: &Harness, gate: &Gate) -> (Queue, windlass::RunningWorker) {
    let queue = elsewhere(t).await;
    let settings = QueueSettings { retries: Some(7), ..QueueSettings::default() };
    queue.create_queue("mail", settings).await.expect("a queue");
    queue
        .pause(PauseScope::Queue("mail".to_owned()), PauseOptions::default())
        .await
        .expect("paused");
    let every = Schedule::every(HOUR).job(NewJob::new("tick", "1"));
    queue.create_schedule("hourly", every).await.expect("a schedule");
    queue.pause_schedule("hourly", PauseOptions::default()).await.expect("paused");
    let worker = handlers(queue.worker().state(gate.clone())).start().await.expect("a worker");
    let runs = put(&queue, NewJob::new("runs", "5")).await;
    for kind in ["done", "never", "again"] {
        put(&queue, NewJob::new(kind, "{\"a\":\n1}").tag("k", kind).idempotency_key(kind)).await;
    }
    put(&queue, NewJob::new("child", "1").after(runs)).await;
    put(&queue, NewJob::new("later", "1").delay(HOUR)).await;
    put(&queue, NewJob::new("alone", "1").unique(Unique::key("u"))).await;
    put(&queue, NewJob::new("keyed", "1").concurrency_key("c").rate_key("r")).await;
    let gone = put(&queue, NewJob::new("gone", "1")).await;
    queue.cancel(gone, Some("why")).await.expect("cancelled");
    gate.reached(1).await;
    for (kind, state) in [("done", State::Completed), ("never", State::Failed)] {
        let job = only(&queue, kind).await;
        assert_eq!(queue.wait(job.id, HOUR).await.expect("a job").state, state);
    }
    t.until("a retry", async || {
        (only(&queue, "again").await.state == State::Retrying).then_some(())
    })
    .await;
    (queue, worker)
}

async fn only(queue: &Queue, kind: &str) -> JobRecord {
    let page = queue.list(JobFilter::new().kind(kind)).await.expect("a page");
    page.jobs.into_iter().next().expect("a job")
}

async fn jobs_of_every_state_stand_where_they_stood(t: &Harness) {
    let gate = Gate::new();
    let (from, worker) = source(t, &gate).await;
    let lines = exported(&from).await;
    let would = t.queue.import("e1", lines.clone(), true).await.expect("compared");

    let answers = import(&t.queue, &lines).await;

    assert!(would.iter().chain(&answers).all(|answer| *answer == Imported::New), "{answers:?}");
    for kind in ["done", "never", "again", "later", "alone", "keyed", "gone"] {
        let (there, here) = (only(&from, kind).await, only(&t.queue, kind).await);
        assert_eq!((here.id, here.state, here.attempt), (there.id, there.state, there.attempt));
        assert_eq!((&here.payload, &here.result), (&there.payload, &there.result), "{kind}");
        assert_eq!((&here.tags, &here.last_error), (&there.tags, &there.last_error), "{kind}");
        assert_eq!(
            (here.scheduled_at, here.completed_at),
            (there.scheduled_at, there.completed_at)
        );
        assert_eq!(here.unique(), there.unique(), "{kind}");
        assert_eq!((here.rate_key(), &here.backoff), (there.rate_key(), &there.backoff), "{kind}");
    }
    let again = only(&t.queue, "again").await.id;
    assert_eq!(t.queue.checkpoint(again).await.expect("a job").as_deref(), Some(&b"1"[..]));
    assert_eq!(t.queue.attempts(again).await.expect("a job")[0].class, "retryable");
    // One that ran is given back, uncounted; who waits for it waits.
    let runs = only(&t.queue, "runs").await;
    assert_eq!((runs.state, runs.attempt), (State::Pending, 0));
    assert_eq!(t.get(only(&t.queue, "child").await.id).await.blocked_by, [runs.id]);
    let mail = t.queue.queue("mail").await.expect("a queue");
    assert_eq!((mail.settings.retries, mail.paused.is_some()), (Some(7), true));
    let hourly = t.queue.schedule("hourly").await.expect("a schedule");
    assert_eq!((hourly.paused.is_some(), hourly.next_at), (true, None));
    let again = put(&t.queue, NewJob::new("alone", "1").unique(Unique::key("u"))).await;
    assert_eq!(again, only(&t.queue, "alone").await.id);
    let known = put(&t.queue, NewJob::new("done", "{\"a\":\n1}").idempotency_key("done")).await;
    assert_eq!(known, only(&t.queue, "done").await.id);
    gate.open();
    worker.stop().await;
}

async fn what_was_imported_is_never_imported_again(t: &Harness) {
    let gate = Gate::new();
    let (from, there) = source(t, &gate).await;
    let lines = exported(&from).await;
    gate.open();
    gate.open();
    there.stop().await;
    // It broke off.
    import(&t.queue, &lines[..6]).await;

    let answers = import(&t.queue, &lines).await;
    let worker = handlers(t.queue.worker().state(gate))
        .handle_raw("child", async |_, _| windlass::Ok(Vec::new()));
    let worker = worker.start().await.expect("a worker");
    let child = only(&t.queue, "child").await.id;
    t.reaches(child, State::Completed).await;
    t.queue.delete(child, false).await.expect("deleted");
    let third = import(&t.queue, &lines).await;

    let known = answers.iter().take_while(|answer| **answer == Imported::Known).count();
    assert_eq!(
        (known, answers.iter().filter(|it| **it == Imported::New).count()),
        (6, lines.len() - 6)
    );
    assert!(third.iter().all(|answer| *answer == Imported::Known), "{third:?}");
    assert!(t.queue.get(child).await.is_err());
    assert_eq!(only(&t.queue, "done").await.attempt, 1);
    worker.stop().await;
}

async fn a_job_whose_unique_key_is_held_is_refused(t: &Harness) {
    let from = elsewhere(t).await;
    let new = || NewJob::new("alone", "1").unique(Unique::key("u"));
    put(&from, new()).await;
    // So that the two have ids of their own.
    t.advance(HOUR);
    let holder = put(&t.queue, new()).await;

    let answers = import(&t.queue, &exported(&from).await).await;

    let refused = |answer: &Imported| matches!(answer, Imported::Refused(why) if why.contains(&holder.to_string()));
    assert_eq!(answers.iter().filter(|answer| refused(answer)).count(), 1, "{answers:?}");
}
