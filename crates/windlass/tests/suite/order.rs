//! Order and turns by key (F6): one after another through retries, and nobody waits for all of another.

use std::time::Duration;

use windlass::{Fairness, JobId, Limit, NewJob, Priority, QueueSettings, Reason, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    ordered_jobs_run_in_the_order_in_which_they_came,
    a_retry_keeps_its_turn,
    an_ended_job_makes_room_for_the_next,
    a_large_key_does_not_hold_a_small_one_up,
    turns_go_by_weight,
    an_unfair_queue_lets_everybody_in,
);

async fn all_complete(t: &Harness, ids: &[JobId]) {
    for id in ids {
        t.reaches(*id, State::Completed).await;
    }
}

async fn ordered_jobs_run_in_the_order_in_which_they_came(t: &Harness) {
    t.queue.set_limit("account", Limit::ordered(), None).await.expect("a limit");
    let job = |key: &str| NewJob::new("mail", "1").concurrency_key(format!("account:{key}"));
    let mut ids = Vec::new();
    for priority in [Priority::LOW, Priority::NORMAL, Priority::CRITICAL, Priority::HIGH] {
        ids.push(t.enqueue(job("a").priority(priority)).await);
    }
    let script = Script::completing();

    let worker = t.start(&script).await;

    all_complete(t, &ids).await;
    assert_eq!(script.order(), ids);
    worker.stop().await;
}

async fn a_retry_keeps_its_turn(t: &Harness) {
    t.queue.set_limit("account", Limit::ordered(), None).await.expect("a limit");
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(t.enqueue(NewJob::new("mail", "1").concurrency_key("account:a")).await);
    }
    let other = t.enqueue(NewJob::new("other", "1").concurrency_key("account:b")).await;
    let minute = Duration::from_secs(60);
    let script = Script::new([Act::Wait]);
    let worker = t.worker(&script).lease(Duration::from_secs(7200)).queues(["elsewhere"]);
    let idle = worker.start().await.expect("a worker");
    let script = Script::new([Act::RetryAfter(minute), Act::Complete("1"), Act::Snooze(minute)]);
    let worker = t.worker(&script).lease(Duration::from_secs(7200)).concurrency(1);

    let worker = worker.start().await.expect("a worker");

    t.reaches(other, State::Completed).await;
    t.until("the second waits in line", async || {
        let explained = t.queue.explain(ids[1]).await.expect("explained");
        let held = explained.blockers.iter().find(|blocker| blocker.code == "limit")?;
        format!("{held:?}").contains(&ids[0].to_string()).then_some(())
    })
    .await;
    t.until_after("all have completed", Duration::from_secs(10), async || {
        let jobs = t.queue.get_many(ids.clone()).await.expect("jobs");
        jobs.iter().all(|job| job.state == State::Completed).then_some(())
    })
    .await;
    let order: Vec<JobId> = script.order().into_iter().filter(|id| *id != other).collect();
    let mut runs = order.clone();
    runs.dedup();
    assert_eq!(runs, ids, "{order:?}");
    assert_eq!(order.len(), 5);
    worker.stop().await;
    idle.stop().await;
}

async fn an_ended_job_makes_room_for_the_next(t: &Harness) {
    t.queue.set_limit("account", Limit::ordered(), None).await.expect("a limit");
    let job = || NewJob::new("mail", "1").concurrency_key("account");
    let script = Script::new([Act::FailForGood("no"), Act::RetryAfter(Duration::from_secs(60))]);
    let worker = t.start(&script).await;
    let failed = t.enqueue(job()).await;
    t.reaches(failed, State::Failed).await;
    let waiting = t.enqueue(job()).await;
    t.reaches(waiting, State::Retrying).await;
    let next = t.enqueue(job()).await;

    t.queue.cancel(waiting, None).await.expect("cancelled");

    t.reaches(next, State::Completed).await;
    worker.stop().await;
}

/// A queue with turns of so many jobs.
async fn fair(t: &Harness, fair: Fairness) {
    let settings = QueueSettings { fair: Some(fair), ..QueueSettings::default() };
    t.queue.create_queue("fair", settings).await.expect("created");
}

async fn tenant(t: &Harness, key: &str, count: usize) -> Vec<JobId> {
    let job = || NewJob::new("mail", "1").queue("fair").fairness_key(key);
    let jobs = std::iter::repeat_with(job).take(count).collect();
    let stored = t.queue.enqueue_batch(jobs, true).await.expect("stored");
    stored.into_iter().map(|stored| stored.expect("a valid job").id()).collect()
}

async fn a_large_key_does_not_hold_a_small_one_up(t: &Harness) {
    fair(t, Fairness { window: 5, ..Fairness::default() }).await;
    let large = tenant(t, "large", 100).await;
    let small = tenant(t, "small", 1).await;
    let script = Script::completing();

    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");

    all_complete(t, &[large, small.clone()].concat()).await;
    let place = script.order().iter().position(|id| *id == small[0]).expect("it ran");
    assert!(place <= 10, "it ran after {place} others");
    worker.stop().await;
}

async fn turns_go_by_weight(t: &Harness) {
    let weights = [("heavy".to_owned(), 3)].into();
    fair(t, Fairness { window: 4, weights }).await;
    let (light, heavy) = (tenant(t, "light", 60).await, tenant(t, "heavy", 60).await);
    let script = Script::completing();

    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");

    all_complete(t, &[light, heavy.clone()].concat()).await;
    let first = &script.order()[..60];
    let share = first.iter().filter(|id| heavy.contains(id)).count();
    assert!((35..=55).contains(&share), "{share} of 60 were of the heavy key");
    worker.stop().await;
}

async fn an_unfair_queue_lets_everybody_in(t: &Harness) {
    fair(t, Fairness { window: 1, ..Fairness::default() }).await;
    let idle = t.worker(&Script::completing()).queues(["elsewhere"]).start().await;
    let idle = idle.expect("a worker");
    let ids = tenant(t, "a", 3).await;
    t.until("the last waits in line", async || {
        (t.get(ids[2]).await.reason == Some(Reason::Throttled)).then_some(())
    })
    .await;

    let settings = QueueSettings::default();
    t.queue.configure_queue("fair", settings, None).await.expect("changed");

    for id in &ids {
        t.until("nothing holds it up", async || {
            (t.get(*id).await.reason == Some(Reason::NoWorker)).then_some(())
        })
        .await;
    }
    idle.stop().await;
}
