//! Claim: order, turns, and only what the worker serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use windlass::{JobError, NewJob, Priority, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    priority_comes_before_age,
    kinds_of_one_queue_are_merged_in_claim_order,
    the_limit_of_a_claim_cuts_the_merged_order,
    with_aging_an_old_job_passes_a_younger_more_urgent_one,
    queues_take_turns,
    jobs_that_became_due_keep_the_order_of_their_times,
    a_worker_leaves_other_kinds_alone,
    a_worker_leaves_other_queues_alone,
    a_kind_with_its_own_limit_does_not_hold_up_others,
    a_queue_with_its_own_limit_runs_no_more_than_that,
    a_queue_limit_holds_across_kinds,
    a_free_slot_is_used_while_others_are_busy,
    jobs_of_one_claim_start_in_claim_order,
    every_job_of_a_large_backlog_runs_once,
);

async fn priority_comes_before_age(t: &Harness) {
    let script = Script::completing();
    let mut ids = Vec::new();
    for class in [Priority::BULK, Priority::NORMAL, Priority::CRITICAL, Priority::NORMAL] {
        ids.push(t.job("mail").with(|job| job.priority(class)).await);
    }

    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    script.started(4).await;

    assert_eq!(script.order(), [ids[2], ids[1], ids[3], ids[0]]);
    worker.stop().await;
}

async fn the_limit_of_a_claim_cuts_the_merged_order(t: &Harness) {
    let urgent = t.job("mail").with(|job| job.priority(Priority::CRITICAL)).await;
    let mut order = vec![urgent];
    for kind in ["mail", "other", "mail", "other", "mail", "other"] {
        order.push(t.job(kind).await);
    }
    let script = Script::completing();
    let worker = t.worker(&script).concurrency(1).prefetch(2).claim_batch(3);

    let worker = worker.start().await.expect("a worker");

    script.started(order.len()).await;
    assert_eq!(script.order(), order);
    worker.stop().await;
}

async fn kinds_of_one_queue_are_merged_in_claim_order(t: &Harness) {
    let script = Script::completing();
    let mut ids = Vec::new();
    for kind in ["mail", "other", "other", "mail", "other"] {
        ids.push(t.job(kind).await);
    }
    let urgent = t.job("other").with(|job| job.priority(Priority::HIGH)).await;

    let worker = t.worker(&script).concurrency(1).prefetch(9).start().await.expect("a worker");
    script.started(6).await;

    assert_eq!(script.order()[0], urgent);
    assert_eq!(script.order()[1..], ids);
    worker.stop().await;
}

async fn with_aging_an_old_job_passes_a_younger_more_urgent_one(t: &Harness) {
    let script = Script::completing();
    let bulk = t.job("mail").with(|job| job.priority(Priority::BULK)).await;
    t.advance(Duration::from_secs(25));
    let normal = t.job("other").await;
    t.advance(Duration::from_secs(1));
    let high = t.job("mail").with(|job| job.priority(Priority::HIGH)).await;

    // Bulk is 2 classes behind normal and 3 behind high, of 10 s each.
    let worker = t.worker(&script).concurrency(1).prefetch(9).aging(Duration::from_secs(10));
    let worker = worker.start().await.expect("a worker");
    script.started(3).await;

    assert_eq!(script.order(), [high, bulk, normal]);
    worker.stop().await;
}

async fn queues_take_turns(t: &Harness) {
    let script = Script::completing();
    let queue_of = |n: usize| if n < 4 { "first" } else { "second" };
    for n in 0..8 {
        t.job("mail").with(|job| job.queue(queue_of(n))).await;
    }

    let worker = t.worker(&script).queues(["first", "second"]).concurrency(1);
    let worker = worker.start().await.expect("a worker");
    script.started(8).await;

    let mut queues = Vec::new();
    for id in script.order() {
        queues.push(t.get(id).await.queue);
    }
    let halves = queues.chunks(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(halves, 4, "{queues:?}");
    worker.stop().await;
}

async fn jobs_that_became_due_keep_the_order_of_their_times(t: &Harness) {
    let script = Script::completing();
    let seconds = |n| Duration::from_secs(n);
    let third = t.job("mail").with(|job| job.delay(seconds(3))).await;
    let first = t.job("mail").with(|job| job.delay(seconds(1))).await;
    let second = t.job("mail").with(|job| job.delay(seconds(2))).await;

    t.advance(seconds(10));
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    script.started(3).await;

    assert_eq!(script.order(), [first, second, third]);
    worker.stop().await;
}

async fn a_worker_leaves_other_kinds_alone(t: &Harness) {
    let script = Script::completing();
    let foreign = t.job("unknown").await;
    let own = t.job("mail").await;

    let worker = t.start(&script).await;
    t.reaches(own, State::Completed).await;

    let foreign = t.get(foreign).await;
    assert_eq!((foreign.state, foreign.attempt), (State::Pending, 0));
    worker.stop().await;
}

async fn a_worker_leaves_other_queues_alone(t: &Harness) {
    let script = Script::completing();
    let foreign = t.job("mail").with(|job| job.queue("slow")).await;
    let own = t.job("mail").with(|job| job.queue("fast")).await;

    let worker = t.worker(&script).queues(["fast"]).start().await.expect("a worker");
    t.reaches(own, State::Completed).await;

    assert_eq!(t.get(foreign).await.state, State::Pending);
    worker.stop().await;
}

async fn a_kind_with_its_own_limit_does_not_hold_up_others(t: &Harness) {
    #[derive(serde::Serialize, serde::Deserialize, windlass::Job)]
    struct Heavy;
    async fn heavy(_: Heavy, ctx: windlass::Ctx<Script>) -> windlass::Result {
        ctx.cancelled().await;
        Err(JobError::from("stopped"))
    }
    let script = Script::completing();
    let mut heavies = Vec::new();
    for _ in 0..20 {
        heavies.push(t.enqueue(NewJob::of(&Heavy).expect("a job")).await);
    }
    let light = t.job("mail").await;

    let worker = t.worker(&script).concurrency(4).handle_with(heavy, |it| it.concurrency(1));
    let worker = worker.start().await.expect("a worker");
    t.reaches(light, State::Completed).await;
    t.reaches(heavies[0], State::Running).await;

    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.jobs(State::Running), 1);
    worker.stop_now().await;
}

async fn a_queue_with_its_own_limit_runs_no_more_than_that(t: &Harness) {
    let script = Script::new(vec![Act::Wait; 9]);
    for _ in 0..9 {
        t.job("mail").with(|job| job.queue("narrow")).await;
    }

    let worker = t.worker(&script).queue_concurrency("narrow", 2);
    let worker = worker.start().await.expect("a worker");
    for round in 1..=9 {
        script.started(round.min(8) + 1).await;
        // One handler was released per round before this one.
        let running = script.order().len() + 1 - round;
        assert!(running <= 2, "{running} run at once");
        script.release();
    }

    t.until("all ended", async || {
        let done = t.queue.stats().await.expect("stats").jobs(State::Completed);
        (done == 9).then_some(())
    })
    .await;
    worker.stop().await;
}

async fn a_queue_limit_holds_across_kinds(t: &Harness) {
    let script = Script::new(vec![Act::Wait; 4]);
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let worker = t.worker(&script).queue_concurrency("narrow", 1);
    let worker = worker.handle_with(wait_narrow, |options| options.concurrency(3));
    let worker = worker.on_event(move |event| {
        if matches!(event, windlass::Event::Started(info) if &*info.queue == "narrow") {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    for _ in 0..2 {
        t.job("mail").with(|job| job.queue("narrow")).await;
        t.job("narrow_kind").with(|job| job.queue("narrow")).await;
    }

    let worker = worker.start().await.expect("a worker");
    t.until("one started", async || (started.load(Ordering::Relaxed) > 0).then_some(())).await;
    let witness = t.job("other").with(|job| job.queue("wide")).await;
    t.until("the witness runs", async || script.order().contains(&witness).then_some(())).await;

    assert_eq!(started.load(Ordering::Relaxed), 1);
    worker.stop_now().await;
}

#[derive(serde::Serialize, serde::Deserialize, windlass::Job)]
struct NarrowKind;

async fn wait_narrow(_: NarrowKind, ctx: windlass::Ctx<Script>) -> windlass::Result {
    ctx.cancelled().await;
    Err(JobError::from("stopped"))
}

async fn a_free_slot_is_used_while_others_are_busy(t: &Harness) {
    let script = Script::new([Act::Wait, Act::Wait, Act::Wait]);
    let worker = t.worker(&script).concurrency(4).start().await.expect("a worker");
    for _ in 0..3 {
        t.job("mail").await;
    }
    script.started(3).await;

    let quick = t.job("mail").await;
    t.reaches(quick, State::Completed).await;

    worker.stop_now().await;
}

async fn jobs_of_one_claim_start_in_claim_order(t: &Harness) {
    let script = Script::completing();
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(t.job("mail").await);
    }

    let worker = t.worker(&script).concurrency(1).prefetch(100).start().await.expect("a worker");
    script.started(40).await;

    assert_eq!(script.order(), ids);
    worker.stop().await;
}

async fn every_job_of_a_large_backlog_runs_once(t: &Harness) {
    let script = Script::completing();
    let jobs = (0..3000).map(|n| NewJob::new(if n % 3 == 0 { "mail" } else { "other" }, "1"));
    t.queue.enqueue_batch(jobs.collect(), true).await.expect("a batch");

    let first = t.worker(&script).prefetch(300).start().await.expect("a worker");
    let second = t.worker(&script).prefetch(300).start().await.expect("a worker");
    t.until("all completed", async || {
        let done = t.queue.stats().await.expect("stats").jobs(State::Completed);
        (done == 3000).then_some(())
    })
    .await;

    let mut order = script.order();
    order.sort_unstable();
    order.dedup();
    assert_eq!((order.len(), script.ran().len()), (3000, 3000));
    first.stop().await;
    second.stop().await;
}
