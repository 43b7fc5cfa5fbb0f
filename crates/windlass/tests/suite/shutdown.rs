//! Stop: no more claims, running handlers finish, the rest goes back uncounted.

use std::time::Duration;

use windlass::{Error, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_stop_waits_for_running_handlers,
    a_stop_gives_back_what_has_not_started,
    a_stop_cancels_handlers_after_the_grace_time_and_counts_nothing,
    a_handler_that_ignores_everything_does_not_hold_up_the_stop,
    a_stop_now_gives_everything_back_at_once,
    a_stop_ends_although_the_database_is_closed,
    a_worker_without_handlers_or_with_two_for_one_kind_is_refused,
);

async fn a_stop_waits_for_running_handlers(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    let stopping = tokio::spawn(worker.stop());
    script.release();
    stopping.await.expect("no panic");

    assert_eq!(t.get(id).await.state, State::Completed);
}

async fn a_stop_gives_back_what_has_not_started(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.worker(&script).concurrency(1).prefetch(10).start().await.expect("a worker");
    let first = t.job("mail").await;
    script.started(1).await;
    let second = t.job("mail").await;
    t.reaches(second, State::Running).await;

    let stopping = tokio::spawn(worker.stop());
    t.reaches(second, State::Pending).await;
    script.release();
    stopping.await.expect("no panic");

    assert_eq!(t.get(first).await.state, State::Completed);
    let second = t.get(second).await;
    assert_eq!((second.attempt, second.crashes), (0, 0));
}

async fn a_stop_cancels_handlers_after_the_grace_time_and_counts_nothing(t: &Harness) {
    let script = Script::new([Act::WaitForStop]);
    let worker = t.worker(&script).grace(Duration::from_secs(20)).start().await.expect("a worker");
    let id = t.job("mail").await;
    script.started(1).await;

    let stopping = tokio::spawn(worker.stop());
    let step = Duration::from_secs(5);
    t.until_after("stopped", step, async || stopping.is_finished().then_some(())).await;

    let job = t.get(id).await;
    assert_eq!((job.state, job.attempt, job.crashes), (State::Pending, 0, 0));
    assert!(t.queue.attempts(id).await.expect("attempts").is_empty());
}

async fn a_handler_that_ignores_everything_does_not_hold_up_the_stop(t: &Harness) {
    let script = Script::new([Act::Hang]);
    let worker = t.worker(&script).grace(Duration::from_secs(1)).start().await.expect("a worker");
    let id = t.job("mail").await;
    script.started(1).await;

    let stopping = tokio::spawn(worker.stop());
    let step = Duration::from_secs(1);
    t.until_after("stopped", step, async || stopping.is_finished().then_some(())).await;

    let job = t.get(id).await;
    assert_eq!((job.state, job.attempt, job.crashes), (State::Pending, 0, 0));
}

async fn a_stop_now_gives_everything_back_at_once(t: &Harness) {
    let script = Script::new([Act::Hang, Act::WaitForStop]);
    let worker = t.start(&script).await;
    let ids = [t.job("mail").await, t.job("mail").await];
    script.started(2).await;

    worker.stop_now().await;

    for id in ids {
        let job = t.get(id).await;
        assert_eq!((job.state, job.attempt), (State::Pending, 0));
    }
}

async fn a_stop_ends_although_the_database_is_closed(t: &Harness) {
    let Some(queue) = t.reopen().await else { return };
    let script = Script::new([Act::WaitForStop]);
    let worker = queue.worker().state(script.clone()).handle_raw("mail", wait_for_stop);
    let worker = worker.start().await.expect("a worker");
    t.job("mail").await;
    t.until("running", async || {
        let running = t.queue.stats().await.expect("stats").jobs(State::Running);
        (running == 1).then_some(())
    })
    .await;

    queue.close().await;
    let stopping = tokio::spawn(worker.stop_now());

    let step = Duration::from_secs(1);
    t.until_after("stopped", step, async || stopping.is_finished().then_some(())).await;
}

async fn wait_for_stop(
    _: Vec<u8>,
    ctx: windlass::Ctx<Script>,
) -> Result<Vec<u8>, windlass::JobError> {
    ctx.cancelled().await;
    Err("stopped".into())
}

async fn a_worker_without_handlers_or_with_two_for_one_kind_is_refused(t: &Harness) {
    let none = t.queue.worker().start().await.expect_err("no handler");
    let script = Script::completing();
    let twice = t.worker(&script).with(|worker| {
        worker.handle_raw("mail", async |_, _| Ok::<_, windlass::JobError>(Vec::new()))
    });
    let twice = twice.concurrency(0).start().await.expect_err("two handlers");

    assert!(none.to_string().contains("at least one handler"), "{none}");
    let Error::Invalid(broken) = twice else { panic!("{twice}") };
    let texts: Vec<String> = broken.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["handlers: has two handlers for kind `mail`", "concurrency: is 0 (1 to 10000 allowed)"]
    );
}
