//! Limits of concurrency by key (F4): never more than allowed, whatever happens to jobs and limits.

use std::time::Duration;

use windlass::{
    Dependency, Error, JobFilter, JobId, Limit, LimitOverride, NewJob, Reason, RetryOptions, State,
};
use windlass_testkit::{Act, Harness, Script, every_backend};

use crate::lease::Doomed;

every_backend!(
    so_many_jobs_of_a_key_run_at_a_time,
    keys_do_not_hold_each_other_up,
    a_key_without_a_limit_is_not_limited,
    a_limit_holds_for_jobs_that_wait_already,
    jobs_that_run_count_for_a_limit_that_is_set_later,
    many_jobs_of_a_full_key_are_in_nobodys_way,
    a_raised_limit_lets_more_in,
    a_lowered_limit_lets_nobody_in_until_there_are_fewer,
    a_deleted_limit_lets_everybody_in,
    a_key_may_have_a_limit_of_its_own,
    the_most_urgent_job_of_a_key_comes_first,
    a_job_that_is_put_off_gives_its_slot_back,
    a_job_that_is_given_back_keeps_its_slot,
    every_way_into_ready_is_limited,
    a_throttled_job_can_be_cancelled_and_deleted,
    a_throttled_job_ends_at_its_deadline,
    a_throttled_job_is_listed_and_explained,
    limits_are_read_changed_and_deleted,
    a_limit_of_another_namespace_does_not_count,
    a_slot_of_a_crashed_worker_comes_back,
    a_slot_that_nobody_gave_back_is_found,
    a_key_above_its_limit_is_reported,
);

/// So many jobs with this key.
async fn jobs(t: &Harness, key: &str, count: usize) -> Vec<JobId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(t.enqueue(NewJob::new("mail", "1").concurrency_key(key)).await);
    }
    ids
}

async fn limit(t: &Harness, name: &str, limit: Limit) {
    t.queue.set_limit(name, limit, None).await.expect("a limit");
}

/// How many of these jobs are in a state.
async fn count(t: &Harness, ids: &[JobId], state: State) -> usize {
    let records = t.queue.get_many(ids.to_vec()).await.expect("jobs");
    records.iter().filter(|job| job.state == state).count()
}

async fn all_complete(t: &Harness, ids: &[JobId]) {
    for id in ids {
        t.reaches(*id, State::Completed).await;
    }
}

/// Waits until a job stands so.
async fn stands(t: &Harness, job: JobId, state: State, reason: Reason) {
    t.until(&format!("job {job} is {state} ({reason})"), async || {
        let record = t.get(job).await;
        (record.state == state && record.reason == Some(reason)).then_some(())
    })
    .await;
}

async fn so_many_jobs_of_a_key_run_at_a_time(t: &Harness) {
    limit(t, "host", Limit::concurrency(2)).await;
    let ids = jobs(t, "host:a", 5).await;
    let script = Script::new(vec![Act::Wait; 5]);

    let worker = t.start(&script).await;

    script.started(2).await;
    for id in &ids[2..] {
        stands(t, *id, State::Pending, Reason::Throttled).await;
    }
    assert_eq!(script.order(), ids[..2]);
    for done in 1..=5 {
        script.release();
        t.until("one more has completed", async || {
            let (running, completed) =
                (count(t, &ids, State::Running).await, count(t, &ids, State::Completed).await);
            assert!(running <= 2, "{running} jobs run");
            (completed == done).then_some(())
        })
        .await;
    }
    assert_eq!(script.order(), ids);
    worker.stop().await;
}

async fn keys_do_not_hold_each_other_up(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let (slow, fast) = (jobs(t, "host:slow", 3).await, jobs(t, "host:fast", 1).await);
    let script = Script::new([Act::Wait]);

    let worker = t.start(&script).await;

    t.reaches(fast[0], State::Completed).await;
    assert_eq!(count(t, &slow, State::Running).await, 1);
    script.release();
    all_complete(t, &slow).await;
    worker.stop().await;
}

async fn a_key_without_a_limit_is_not_limited(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let ids = jobs(t, "hosts:a", 4).await;
    let script = Script::new(vec![Act::Wait; 4]);

    let worker = t.start(&script).await;

    script.started(4).await;
    (0..4).for_each(|_| script.release());
    all_complete(t, &ids).await;
    worker.stop().await;
}

async fn a_limit_holds_for_jobs_that_wait_already(t: &Harness) {
    let ids = jobs(t, "host", 4).await;
    // Someone lets them into ready, where nobody claims them.
    let idle = t.queue.worker().handle_raw("nothing", nothing).start().await.expect("a worker");
    stands(t, ids[3], State::Pending, Reason::NoWorker).await;

    limit(t, "host", Limit::concurrency(1)).await;

    let script = Script::new(vec![Act::Wait; 4]);
    let worker = t.start(&script).await;
    for done in 1..=4 {
        script.started(done).await;
        assert_eq!(count(t, &ids, State::Running).await, 1);
        script.release();
    }
    all_complete(t, &ids).await;
    worker.stop().await;
    idle.stop().await;
}

async fn jobs_that_run_count_for_a_limit_that_is_set_later(t: &Harness) {
    let running = jobs(t, "host", 2).await;
    let script = Script::new(vec![Act::Wait; 3]);
    let worker = t.start(&script).await;
    script.started(2).await;

    limit(t, "host", Limit::concurrency(2)).await;
    let next = jobs(t, "host", 1).await;

    stands(t, next[0], State::Pending, Reason::Throttled).await;
    script.release();
    script.started(3).await;
    (0..2).for_each(|_| script.release());
    all_complete(t, &[running, next].concat()).await;
    worker.stop().await;
}

async fn many_jobs_of_a_full_key_are_in_nobodys_way(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let job = |_| NewJob::new("mail", "1").concurrency_key("host");
    let stored = t.queue.enqueue_batch((0..700).map(job).collect(), true).await.expect("stored");
    let ids: Vec<JobId> = stored.into_iter().map(|job| job.expect("a valid job").id()).collect();
    let other = t.job("mail").await;
    let script = Script::new([Act::Wait]);

    let worker = t.worker(&script).concurrency(2).start().await.expect("a worker");

    t.reaches(other, State::Completed).await;
    stands(t, ids[1], State::Pending, Reason::Throttled).await;
    stands(t, ids[699], State::Pending, Reason::Throttled).await;
    assert_eq!(count(t, &ids, State::Running).await, 1);
    script.release();
    worker.stop().await;
}

async fn nothing(_: Vec<u8>, _: windlass::Ctx<()>) -> windlass::Result<Vec<u8>> {
    windlass::Ok(Vec::new())
}

async fn a_raised_limit_lets_more_in(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let ids = jobs(t, "host", 4).await;
    let script = Script::new(vec![Act::Wait; 4]);
    let worker = t.start(&script).await;
    script.started(1).await;

    limit(t, "host", Limit::concurrency(3)).await;

    script.started(3).await;
    stands(t, ids[3], State::Pending, Reason::Throttled).await;
    (0..4).for_each(|_| script.release());
    all_complete(t, &ids).await;
    worker.stop().await;
}

async fn a_lowered_limit_lets_nobody_in_until_there_are_fewer(t: &Harness) {
    limit(t, "host", Limit::concurrency(3)).await;
    let ids = jobs(t, "host", 6).await;
    let script = Script::new(vec![Act::Wait; 6]);
    let worker = t.start(&script).await;
    script.started(3).await;

    limit(t, "host", Limit::concurrency(1)).await;

    for done in 1..=2 {
        script.release();
        t.until("one has completed", async || {
            (count(t, &ids, State::Completed).await == done).then_some(())
        })
        .await;
    }
    for done in 3..=6 {
        assert_eq!(count(t, &ids, State::Running).await, 1);
        script.release();
        t.until("one more has completed", async || {
            let running = count(t, &ids, State::Running).await;
            assert!(running <= 1, "{running} jobs run");
            (count(t, &ids, State::Completed).await == done).then_some(())
        })
        .await;
        if done < 6 {
            script.started(done + 1).await;
        }
    }
    worker.stop().await;
}

async fn a_deleted_limit_lets_everybody_in(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let ids = jobs(t, "host", 4).await;
    let script = Script::new(vec![Act::Wait; 4]);
    let worker = t.start(&script).await;
    script.started(1).await;

    t.queue.delete_limit("host", None).await.expect("deleted");

    script.started(4).await;
    (0..4).for_each(|_| script.release());
    all_complete(t, &ids).await;
    worker.stop().await;
}

async fn a_key_may_have_a_limit_of_its_own(t: &Harness) {
    let own = LimitOverride { concurrency: Some(3), rate: None };
    limit(t, "host", Limit::concurrency(1).with_override("big", own)).await;
    let (small, big) = (jobs(t, "host:small", 2).await, jobs(t, "host:big", 4).await);
    let script = Script::new(vec![Act::Wait; 6]);

    let worker = t.start(&script).await;

    script.started(4).await;
    stands(t, big[3], State::Pending, Reason::Throttled).await;
    stands(t, small[1], State::Pending, Reason::Throttled).await;
    (0..6).for_each(|_| script.release());
    all_complete(t, &[small, big].concat()).await;
    worker.stop().await;
}

async fn the_most_urgent_job_of_a_key_comes_first(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let first = jobs(t, "host", 1).await[0];
    script.started(1).await;
    let usual = jobs(t, "host", 1).await[0];
    let job = NewJob::new("mail", "1").concurrency_key("host");
    let urgent = t.enqueue(job.priority(windlass::Priority::HIGH)).await;
    stands(t, urgent, State::Pending, Reason::Throttled).await;

    script.release();

    all_complete(t, &[first, usual, urgent]).await;
    assert_eq!(script.order(), [first, urgent, usual]);
    worker.stop().await;
}

async fn a_job_that_is_put_off_gives_its_slot_back(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let ids = jobs(t, "host", 3).await;
    let hour = Duration::from_secs(3600);
    let script = Script::new([Act::Snooze(hour), Act::RetryAfter(hour)]);

    // Not to expire when the clock jumps.
    let worker = t.worker(&script).lease(Duration::from_secs(7200));
    let worker = worker.start().await.expect("a worker");

    t.reaches(ids[2], State::Completed).await;
    assert_eq!(script.order(), ids);
    t.until_after("all have completed", Duration::from_secs(600), async || {
        (count(t, &ids, State::Completed).await == 3).then_some(())
    })
    .await;
    worker.stop().await;
}

async fn a_job_that_is_given_back_keeps_its_slot(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let ids = jobs(t, "host", 2).await;
    let script = Script::new([Act::Hang, Act::Hang]);
    let first = t.start(&script).await;
    script.started(1).await;

    first.stop_now().await;

    let record = t.get(ids[0]).await;
    let next = Script::new([Act::Wait]);
    let worker = t.start(&next).await;
    next.started(1).await;
    assert_eq!((record.state, record.attempt), (State::Pending, 0));
    assert_eq!(next.order(), ids[..1]);
    assert_eq!(count(t, &ids, State::Running).await, 1);
    next.release();
    all_complete(t, &ids).await;
    worker.stop().await;
}

async fn every_way_into_ready_is_limited(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let minute = Duration::from_secs(60);
    let job = || NewJob::new("mail", "1").concurrency_key("host");
    let script = Script::new([Act::FailForGood("no"), Act::Complete("1"), Act::Wait]);
    // Not to expire when the clock jumps.
    let worker = t.worker(&script).lease(Duration::from_secs(7200));
    let worker = worker.start().await.expect("a worker");
    let failed = t.enqueue(job()).await;
    t.reaches(failed, State::Failed).await;
    let parent = t.enqueue(NewJob::new("mail", "1").delay(minute)).await;
    let child = t.enqueue(job().depends_on(Dependency::on(parent))).await;
    let delayed = t.enqueue(job().delay(minute)).await;
    let late = t.enqueue(job().delay(minute * 60)).await;
    t.queue.retry(parent, RetryOptions::default()).await.expect("run now");
    t.reaches(parent, State::Completed).await;
    script.started(3).await;

    t.advance(minute * 2);
    t.queue.retry(failed, RetryOptions::default()).await.expect("retried");
    t.queue.retry(late, RetryOptions::default()).await.expect("run now");

    for id in [delayed, failed, late] {
        stands(t, id, State::Pending, Reason::Throttled).await;
    }
    assert_eq!(t.get(child).await.state, State::Running);
    script.release();
    all_complete(t, &[child, delayed, failed, late]).await;
    worker.stop().await;
}

async fn a_throttled_job_can_be_cancelled_and_deleted(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let ids = jobs(t, "host", 4).await;
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    script.started(1).await;
    stands(t, ids[3], State::Pending, Reason::Throttled).await;

    t.queue.cancel(ids[1], None).await.expect("cancelled");
    t.queue.delete(ids[2], false).await.expect("deleted");
    let refused = t.queue.retry(ids[3], RetryOptions::default()).await;

    script.release();
    t.reaches(ids[3], State::Completed).await;
    assert_eq!(t.get(ids[1]).await.state, State::Cancelled);
    assert!(matches!(t.queue.get(ids[2]).await, Err(Error::NotFound { .. })));
    assert!(matches!(refused, Err(Error::Conflict { .. })));
    assert_eq!(script.order(), [ids[0], ids[3]]);
    worker.stop().await;
}

async fn a_throttled_job_ends_at_its_deadline(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let minute = Duration::from_secs(60);
    let script = Script::new([Act::Wait]);
    // Not to expire when the clock jumps.
    let worker = t.worker(&script).lease(Duration::from_secs(7200));
    let worker = worker.start().await.expect("a worker");
    let first = jobs(t, "host", 1).await[0];
    script.started(1).await;
    let job = NewJob::new("mail", "1").concurrency_key("host").deadline_in(minute);
    let late = t.enqueue(job).await;
    stands(t, late, State::Pending, Reason::Throttled).await;

    t.advance(minute * 2);

    t.reaches(late, State::DeadLetter).await;
    script.release();
    t.reaches(first, State::Completed).await;
    worker.stop().await;
}

async fn a_throttled_job_is_listed_and_explained(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let ids = jobs(t, "host:a", 3).await;
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    script.started(1).await;
    stands(t, ids[2], State::Pending, Reason::Throttled).await;

    let pending = t.queue.list(JobFilter::new().state(State::Pending)).await.expect("a list");
    let explained = t.queue.explain(ids[2]).await.expect("explained");

    let mut listed: Vec<JobId> = pending.jobs.iter().map(|job| job.id).collect();
    listed.sort_unstable();
    assert_eq!(listed, ids[1..]);
    assert_eq!(t.get(ids[2]).await.concurrency_key(), Some("host:a"));
    let blockers: Vec<_> = explained.blockers.iter().map(|blocker| blocker.code).collect();
    assert_eq!(blockers, ["limit", "order"]);
    assert!(format!("{:?}", explained.blockers[0]).contains(&ids[0].to_string()));
    assert!(format!("{:?}", explained.blockers[1]).contains(&ids[1].to_string()));
    script.release();
    all_complete(t, &ids).await;
    worker.stop().await;
}

async fn limits_are_read_changed_and_deleted(t: &Harness) {
    let made = t.queue.set_limit("b", Limit::concurrency(1), None).await.expect("made");
    limit(t, "a", Limit::ordered()).await;
    let changed = t.queue.set_limit("b", Limit::concurrency(2), Some(1)).await.expect("changed");

    let stale = t.queue.set_limit("b", Limit::concurrency(3), Some(1)).await;
    let broken = t.queue.set_limit("b:c", Limit::concurrency(0), None).await;
    let unknown = t.queue.delete_limit("c", None).await;
    let names: Vec<_> = t.queue.limits("").await.expect("limits");
    t.queue.delete_limit("a", Some(1)).await.expect("deleted");

    assert_eq!((made.version, changed.version), (1, 2));
    let names: Vec<_> = names.iter().map(|limit| limit.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(t.queue.limit("b").await.expect("a limit").limit, Limit::concurrency(2));
    assert!(matches!(stale, Err(Error::Conflict { code: "precondition_failed", .. })));
    assert!(matches!(broken, Err(Error::Invalid(broken)) if broken.len() == 2));
    assert!(matches!(unknown, Err(Error::NotFound { .. })));
    assert!(matches!(t.queue.limit("a").await, Err(Error::NotFound { .. })));
}

async fn a_limit_of_another_namespace_does_not_count(t: &Harness) {
    t.queue.create_namespace("other").await.expect("made");
    let other = t.queue.in_namespace("other").expect("a name");
    other.set_limit("host", Limit::concurrency(1), None).await.expect("a limit");
    let ids = jobs(t, "host", 2).await;
    let script = Script::new([Act::Wait, Act::Wait]);

    let worker = t.start(&script).await;

    script.started(2).await;
    (0..2).for_each(|_| script.release());
    all_complete(t, &ids).await;
    worker.stop().await;
}

async fn a_slot_of_a_crashed_worker_comes_back(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let job = NewJob::new("mail", "1").concurrency_key("host").max_crashes(1);
    let lost = t.enqueue(job).await;
    let next = jobs(t, "host", 1).await[0];
    let doomed = Doomed::start(t, &Script::new([Act::Hang]));
    let step = Duration::from_secs(1);
    t.until_after("running", step, async || {
        (t.get(lost).await.state == State::Running).then_some(())
    })
    .await;

    doomed.die();

    let worker = t.start(&Script::completing()).await;
    t.until_after("the other one has completed", step, async || {
        (t.get(next).await.state == State::Completed).then_some(())
    })
    .await;
    assert_eq!(t.get(lost).await.reason, Some(Reason::CrashLoop));
    worker.stop().await;
}

async fn a_slot_that_nobody_gave_back_is_found(t: &Harness) {
    limit(t, "host", Limit::concurrency(1)).await;
    let script = Script::new([Act::Hang]);
    let worker = t.start(&script).await;
    let ids = jobs(t, "host", 2).await;
    script.started(1).await;
    stands(t, ids[1], State::Pending, Reason::Throttled).await;
    worker.stop_now().await;
    // Nobody admits while the job ends: as when a process dies just after its commit.
    t.queue.cancel(ids[0], None).await.expect("cancelled");

    let worker = t.start(&Script::completing()).await;

    t.reaches(ids[1], State::Completed).await;
    worker.stop().await;
}

async fn a_key_above_its_limit_is_reported(t: &Harness) {
    limit(t, "host", Limit::concurrency(3)).await;
    let ids = jobs(t, "host:a", 3).await;
    let script = Script::new(vec![Act::Wait; 3]);
    let worker = t.start(&script).await;
    script.started(3).await;
    t.check().await;

    limit(t, "host", Limit::concurrency(1)).await;

    let found = t.queue.verify().await.expect("a check");
    let wanted = "3 jobs hold slots of line `c:1:host:a`, which has 1";
    assert!(matches!(&found[..], [one] if one.starts_with(wanted)), "{found:?}");
    (0..3).for_each(|_| script.release());
    all_complete(t, &ids).await;
    worker.stop().await;
}
