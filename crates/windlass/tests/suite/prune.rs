//! Prune: ended jobs go when their queue keeps them no longer, and nothing else ever does.

use std::time::Duration;

use windlass::{Error, JobId, Keep, QueueSettings, Retention, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    each_state_is_kept_for_its_time,
    a_queue_says_how_long_it_keeps,
    live_jobs_stay_however_old_they_are,
    a_pruned_job_leaves_nothing_behind,
    a_job_that_got_another_life_stays,
    a_worker_prunes_by_itself,
    many_jobs_go_batch_by_batch,
    two_processes_prune_beside_each_other,
);

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Jobs that ended completed, failed, dead letter and cancelled, in this queue.
async fn one_of_each(t: &Harness, queue: &str) -> [JobId; 4] {
    let acts = [Act::Complete("1"), Act::FailForGood("no"), Act::Fail("no")];
    let script = Script::new(acts);
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    let mut ids = Vec::new();
    for state in [State::Completed, State::Failed, State::DeadLetter] {
        let id = t.job("mail").with(|job| job.queue(queue).max_attempts(1)).await;
        t.reaches(id, state).await;
        ids.push(id);
    }
    worker.stop().await;
    let id = t.job("unknown").with(|job| job.queue(queue)).await;
    t.queue.cancel(id, None).await.expect("cancelled");
    [ids[0], ids[1], ids[2], id]
}

async fn present(t: &Harness, ids: &[JobId]) -> Vec<bool> {
    let mut found = Vec::new();
    for id in ids {
        found.push(t.queue.get(*id).await.is_ok());
    }
    found
}

async fn each_state_is_kept_for_its_time(t: &Harness) {
    let ids = one_of_each(t, "default").await;

    t.advance(DAY - HOUR);
    assert_eq!(t.queue.prune().await.expect("pruned"), 0);
    for (after, left) in [
        (2 * HOUR, [false, true, true, true]),
        (6 * DAY, [false, true, true, false]),
        (22 * DAY, [false, true, true, false]),
        (2 * DAY, [false, false, false, false]),
    ] {
        t.advance(after);
        t.queue.prune().await.expect("pruned");
        assert_eq!(present(t, &ids).await, left, "after {after:?} more");
    }

    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.sum(|kind| kind.prunes), 4);
    assert_eq!(stats.sum(|kind| kind.completions), 1);
}

async fn a_queue_says_how_long_it_keeps(t: &Harness) {
    let retention = Retention {
        completed: Some(Keep::Forever),
        failed: Some(Keep::For(Duration::ZERO)),
        dead_letter: Some(Keep::For(HOUR)),
        cancelled: None,
    };
    let settings = QueueSettings { retention, ..QueueSettings::default() };
    t.queue.create_queue("q", settings).await.expect("created");
    let usual = one_of_each(t, "default").await;
    let own = one_of_each(t, "q").await;

    // A worker that stops may have pruned the first one already.
    t.queue.prune().await.expect("pruned");
    assert_eq!(present(t, &own).await, [true, false, true, true]);
    t.advance(HOUR);
    assert_eq!(t.queue.prune().await.expect("pruned"), 1);
    assert_eq!(present(t, &usual).await, [true; 4]);
    t.advance(100 * DAY);
    t.queue.prune().await.expect("pruned");

    assert_eq!(present(t, &usual).await, [false; 4]);
    assert_eq!(present(t, &own).await, [true, false, false, false]);
}

async fn live_jobs_stay_however_old_they_are(t: &Harness) {
    let script = Script::new([Act::Fail("no")]);
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    let retrying = t.job("mail").await;
    t.reaches(retrying, State::Retrying).await;
    worker.stop().await;
    let pending = t.job("unknown").await;
    let delayed = t.job("unknown").with(|job| job.delay(365 * DAY)).await;

    t.advance(300 * DAY);

    assert_eq!(t.queue.prune().await.expect("pruned"), 0);
    assert_eq!(present(t, &[retrying, pending, delayed]).await, [true; 3]);
}

async fn a_pruned_job_leaves_nothing_behind(t: &Harness) {
    let script = Script::new([Act::Fail("no")]);
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    let keyed = |job: windlass::NewJob| job.idempotency_key("k").max_attempts(1);
    let first = t.job("mail").with(keyed).await;
    t.reaches(first, State::DeadLetter).await;
    worker.stop().await;

    t.advance(31 * DAY);
    assert_eq!(t.queue.prune().await.expect("pruned"), 1);

    assert!(matches!(t.queue.attempts(first).await, Err(Error::NotFound { .. })));
    let second = t.job("mail").with(keyed).await;
    assert_ne!(first, second);
}

async fn a_job_that_got_another_life_stays(t: &Harness) {
    let ids = one_of_each(t, "default").await;
    t.advance(31 * DAY);

    let options = windlass::RetryOptions::default();
    t.queue.retry(ids[2], options).await.expect("retried");
    assert_eq!(t.queue.prune().await.expect("pruned"), 3);

    assert_eq!(t.get(ids[2]).await.state, State::Pending);
}

async fn a_worker_prunes_by_itself(t: &Harness) {
    let completed = Some(Keep::For(Duration::from_secs(10)));
    let retention = Retention { completed, ..Retention::default() };
    let settings = QueueSettings { retention, ..QueueSettings::default() };
    t.queue.create_queue("default", settings).await.expect("created");
    let script = Script::completing();
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    t.reaches(id, State::Completed).await;

    let step = Duration::from_secs(5);
    t.until_after("the job is gone", step, async || t.queue.get(id).await.err()).await;

    worker.stop().await;
}

async fn many_jobs_go_batch_by_batch(t: &Harness) {
    let jobs = (0..600).map(|_| windlass::NewJob::new("unknown", "1")).collect();
    let stored = t.queue.enqueue_batch(jobs, true).await.expect("stored");
    let kept = stored[520].as_ref().expect("stored").id();
    let retention =
        Retention { cancelled: Some(Keep::For(Duration::ZERO)), ..Retention::default() };
    let settings = QueueSettings { retention, ..QueueSettings::default() };
    t.queue.configure_queue("default", settings, None).await.expect("changed");
    for job in stored.iter().flatten().filter(|job| job.id() != kept) {
        t.queue.cancel(job.id(), None).await.expect("cancelled");
    }

    assert_eq!(t.queue.prune().await.expect("pruned"), 599);

    assert_eq!(t.get(kept).await.state, State::Pending);
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!((stats.jobs(State::Cancelled), stats.jobs(State::Pending)), (0, 1));
}

async fn two_processes_prune_beside_each_other(t: &Harness) {
    let Some(other) = t.reopen().await else { return };
    let job = |n: usize| windlass::NewJob::new("unknown", "1").idempotency_key(n.to_string());
    let jobs = (0..200).map(job).collect();
    for stored in t.queue.enqueue_batch(jobs, true).await.expect("stored") {
        t.queue.cancel(stored.expect("stored").id(), None).await.expect("cancelled");
    }
    t.advance(8 * DAY);

    let (one, two) = tokio::join!(t.queue.prune(), other.prune());
    let rest = t.queue.prune().await.expect("what one left to the other");

    assert_eq!(one.expect("pruned") + two.expect("pruned") + rest, 200);
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!((stats.sum(|kind| kind.prunes), stats.jobs(State::Cancelled)), (200, 0));
    other.close().await;
}
