//! Rates by key and queue, and concurrency by queue (F4, F5): what comes too early waits.

use std::time::Duration;

use windlass::{JobId, JobRecord, Limit, NewJob, QueueSettings, Rate, Reason, State, Timestamp};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    jobs_of_a_rate_key_start_at_its_rate,
    a_burst_starts_at_once,
    a_changed_rate_holds_for_jobs_that_wait_already,
    a_job_says_until_when_its_rate_holds_it_up,
    a_handler_shuts_a_key_for_all,
    jobs_of_a_queue_start_at_its_rate,
    so_many_jobs_of_a_queue_run_at_a_time,
    a_limited_queue_holds_no_other_up,
    a_job_may_have_to_pass_several_limits,
);

const SECOND: Duration = Duration::from_secs(1);

async fn rated(t: &Harness, count: usize) -> Vec<JobId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(t.enqueue(NewJob::new("mail", "1").rate_key("api")).await);
    }
    ids
}

async fn limit(t: &Harness, name: &str, limit: Limit) {
    t.queue.set_limit(name, limit, None).await.expect("a limit");
}

/// Waits until all have completed, moving the clock by `step`, and returns when each has started.
async fn starts(t: &Harness, ids: &[JobId], step: Duration) -> Vec<Timestamp> {
    let records: Vec<JobRecord> = t
        .until_after("all have completed", step, async || {
            let records = t.queue.get_many(ids.to_vec()).await.expect("jobs");
            let done = records.iter().all(|job| job.state == State::Completed);
            done.then_some(records)
        })
        .await;
    let mut starts: Vec<Timestamp> = records.iter().filter_map(|job| job.started_at).collect();
    starts.sort_unstable();
    starts
}

/// That the job after so many others started no earlier than their share of time after `from`.
fn not_before(starts: &[Timestamp], from: Timestamp, each: Duration, burst: u32) {
    for (before, start) in (0_u32..).zip(starts) {
        let earliest = from + each * (before + 1).saturating_sub(burst);
        assert!(*start >= earliest, "start {before} at {start}, before {earliest}: {starts:?}");
    }
}

async fn jobs_of_a_rate_key_start_at_its_rate(t: &Harness) {
    limit(t, "api", Limit::rate(Rate::new(2, SECOND))).await;
    let (from, ids) = (t.clock.now(), rated(t, 6).await);
    let script = Script::completing();

    let worker = t.start(&script).await;

    let starts = starts(t, &ids, SECOND / 10).await;
    not_before(&starts, from, SECOND / 2, 1);
    assert_eq!(script.order(), ids);
    worker.stop().await;
}

async fn a_burst_starts_at_once(t: &Harness) {
    limit(t, "api", Limit::rate(Rate::new(1, SECOND).burst(3))).await;
    let (from, ids) = (t.clock.now(), rated(t, 4).await);

    let worker = t.start(&Script::completing()).await;

    for id in &ids[..3] {
        t.reaches(*id, State::Completed).await;
    }
    assert_eq!(t.get(ids[3]).await.state, State::Pending);
    let starts = starts(t, &ids, SECOND / 10).await;
    not_before(&starts, from, SECOND, 3);
    worker.stop().await;
}

async fn a_changed_rate_holds_for_jobs_that_wait_already(t: &Harness) {
    let hour = Duration::from_secs(3600);
    limit(t, "api", Limit::rate(Rate::new(1, hour))).await;
    let ids = rated(t, 3).await;
    let worker = t.start(&Script::completing()).await;
    t.reaches(ids[0], State::Completed).await;

    t.queue.delete_limit("api", None).await.expect("deleted");

    for id in ids {
        t.reaches(id, State::Completed).await;
    }
    worker.stop().await;
}

async fn a_job_says_until_when_its_rate_holds_it_up(t: &Harness) {
    limit(t, "api", Limit::rate(Rate::new(1, SECOND * 20))).await;
    let ids = rated(t, 2).await;
    let worker = t.start(&Script::completing()).await;
    let first = t.reaches(ids[0], State::Completed).await;

    let blocker = t
        .until("it is held up", async || {
            let explained = t.queue.explain(ids[1]).await.expect("explained");
            explained.blockers.into_iter().find(|blocker| blocker.code == "rate")
        })
        .await;

    assert_eq!(t.get(ids[1]).await.reason, Some(Reason::Throttled));
    let wait = blocker.until.expect("an end").since(first.started_at.expect("a start"));
    assert!(wait <= SECOND * 20 && wait > SECOND * 19, "{wait:?}");
    worker.stop().await;
}

async fn a_handler_shuts_a_key_for_all(t: &Harness) {
    let script = Script::new([Act::Slow("api", SECOND * 20)]);
    let worker = t.start(&script).await;
    let first = rated(t, 1).await[0];
    t.reaches(first, State::Delayed).await;
    let later = rated(t, 2).await;
    let free = t.job("mail").await;
    t.reaches(free, State::Completed).await;

    let waiting = t.get(first).await;
    let starts = starts(t, &later, SECOND).await;

    assert_eq!((waiting.reason, waiting.attempt), (Some(Reason::RateLimited), 0));
    let until = waiting.scheduled_at.expect("a time");
    assert!(starts.iter().all(|start| *start >= until), "{starts:?} before {until}");
    t.reaches(first, State::Completed).await;
    worker.stop().await;
}

async fn jobs_of_a_queue_start_at_its_rate(t: &Harness) {
    let settings = QueueSettings { rate: Some(Rate::new(2, SECOND)), ..QueueSettings::default() };
    t.queue.create_queue("slow", settings).await.expect("created");
    let (from, mut ids) = (t.clock.now(), Vec::new());
    for _ in 0..6 {
        ids.push(t.enqueue(NewJob::new("mail", "1").queue("slow")).await);
    }

    let worker = t.start(&Script::completing()).await;

    let starts = starts(t, &ids, SECOND / 10).await;
    not_before(&starts, from, SECOND / 2, 1);
    worker.stop().await;
}

async fn so_many_jobs_of_a_queue_run_at_a_time(t: &Harness) {
    let settings = QueueSettings { concurrency: Some(2), ..QueueSettings::default() };
    t.queue.create_queue("narrow", settings.clone()).await.expect("created");
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(t.enqueue(NewJob::new("mail", "1").queue("narrow")).await);
    }
    let script = Script::new(vec![Act::Wait; 5]);

    let worker = t.start(&script).await;

    for done in 0..3 {
        script.started(done + 2).await;
        let running = t.queue.get_many(ids.clone()).await.expect("jobs");
        let running = running.iter().filter(|job| job.state == State::Running).count();
        assert!(running <= 2, "{running} jobs run");
        if done == 0 {
            let explained = t.queue.explain(ids[4]).await.expect("explained");
            let codes: Vec<_> = explained.blockers.iter().map(|blocker| blocker.code).collect();
            assert_eq!(codes, ["queue_limit"]);
        }
        script.release();
    }
    let settings = QueueSettings { concurrency: None, ..settings };
    t.queue.configure_queue("narrow", settings, None).await.expect("changed");
    (0..2).for_each(|_| script.release());
    for id in ids {
        t.reaches(id, State::Completed).await;
    }
    worker.stop().await;
}

async fn a_limited_queue_holds_no_other_up(t: &Harness) {
    let settings = QueueSettings { concurrency: Some(1), ..QueueSettings::default() };
    t.queue.create_queue("narrow", settings).await.expect("created");
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(t.enqueue(NewJob::new("mail", "1").queue("narrow")).await);
    }
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    script.started(1).await;

    let other = t.job("mail").await;

    t.reaches(other, State::Completed).await;
    script.release();
    for id in ids {
        t.reaches(id, State::Completed).await;
    }
    worker.stop().await;
}

async fn a_job_may_have_to_pass_several_limits(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    limit(t, "api", Limit::rate(Rate::new(1, SECOND * 10))).await;
    let both = || NewJob::new("mail", "1").concurrency_key("host").rate_key("api");
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let first = t.enqueue(both()).await;
    script.started(1).await;
    let second = t.enqueue(both()).await;
    let third = t.enqueue(NewJob::new("mail", "1").concurrency_key("host")).await;

    script.release();

    // The second waits for the rate and holds no slot meanwhile.
    t.reaches(third, State::Completed).await;
    assert_eq!(t.get(second).await.reason, Some(Reason::Throttled));
    let starts = starts(t, &[first, second], SECOND).await;
    assert!(starts[1].since(starts[0]) >= SECOND * 10, "{starts:?}");
    worker.stop().await;
}
