//! What protocols without tokens need: ends by the job's id alone, and ticks that need their queue.

use std::time::Duration;

use windlass::remote::{ClaimRequest, PassingClaim, RemoteWorkers, ReportReply};
use windlass::{
    Error, NEEDS_QUEUE, NewJob, QueueSettings, Schedule, ScheduleRecord, State, TickEnd,
};
use windlass_testkit::{Harness, every_backend};

every_backend!(
    a_claim_is_ended_by_the_id_of_its_job,
    nobody_ends_what_is_held_otherwise,
    ticks_are_skipped_while_their_queue_is_missing,
);

const LEASE: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);

async fn claim(remote: &RemoteWorkers) {
    let claim = ClaimRequest::default();
    let wanted = PassingClaim { worker: "w".to_owned(), lease: LEASE, claim };
    let handed = remote.claim_passing(wanted).await.expect("a claim");
    assert_eq!(handed.jobs().len(), 1);
    handed.received();
}

async fn a_claim_is_ended_by_the_id_of_its_job(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let job = t.job("mail").await;
    claim(&remote).await;

    let other = remote.settle_held(job, Some("other"), Ok(None)).await;
    let failed = remote.settle_held(job, Some("w"), Err("no".to_owned())).await;
    let again = remote.settle_held(job, None, Ok(None)).await;

    assert!(matches!(other, Err(Error::NotFound { .. })), "{other:?}");
    assert!(matches!(failed, Ok(ReportReply::Applied(State::Retrying))), "{failed:?}");
    assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
    assert_eq!(t.get(job).await.last_error.as_deref(), Some("no"));
    t.queue.retry(job, windlass::RetryOptions::default()).await.expect("it runs now");
    claim(&remote).await;
    let done = remote.settle_held(job, None, Ok(Some(b"7".to_vec()))).await;
    assert!(matches!(done, Ok(ReportReply::Applied(State::Completed))), "{done:?}");
    assert_eq!(t.get(job).await.result.as_deref(), Some(&b"7"[..]));
    remote.stop().await;
}

async fn nobody_ends_what_is_held_otherwise(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let waiting = t.job("mail").await;
    t.queue.create_namespace("other").await.expect("a namespace");
    let elsewhere = remote.of(&t.queue.in_namespace("other").expect("a name"));

    let unheld = remote.settle_held(waiting, None, Ok(None)).await;
    claim(&remote).await;
    let foreign = elsewhere.settle_held(waiting, None, Ok(None)).await;

    assert!(matches!(unheld, Err(Error::NotFound { .. })), "{unheld:?}");
    assert!(matches!(foreign, Err(Error::NotFound { .. })), "{foreign:?}");
    assert_eq!(t.get(waiting).await.state, State::Running);
    remote.settle_held(waiting, None, Ok(None)).await.expect("it ends");
    remote.stop().await;
}

async fn ticks_are_skipped_while_their_queue_is_missing(t: &Harness) {
    let job = NewJob::new("mail", "1").queue("later").metadata(NEEDS_QUEUE, "true");
    let schedule = Schedule::every(MINUTE).job(job);
    t.queue.create_schedule("s", schedule).await.expect("a schedule");
    let worker = t.queue.worker().handle_raw("nothing", async |_, _| windlass::Ok(Vec::new()));
    let worker = worker.start().await.expect("a worker");

    t.advance(MINUTE);
    let first = until_after(t, None).await;
    t.queue.create_queue("later", QueueSettings::default()).await.expect("a queue");
    t.advance(MINUTE);
    until_after(t, first.last_tick).await;

    let ticks = t.queue.schedule_ticks("s", None, 10).await.expect("ticks");
    let ends: Vec<TickEnd> = ticks.iter().map(|tick| tick.end).collect();
    assert_eq!(ends, [TickEnd::Fired, TickEnd::Skipped]);
    worker.stop().await;
}

/// Waits for a tick after the one that is known.
async fn until_after(t: &Harness, known: Option<windlass::Timestamp>) -> ScheduleRecord {
    t.until("another tick", async || {
        let schedule = t.queue.schedule("s").await.expect("a schedule");
        (schedule.last_tick > known).then_some(schedule)
    })
    .await
}
