//! Durable steps, sleeps and signals: what a handler has done is not done again.

use std::time::Duration;

use windlass::{Ctx, Error, JobError, Reason, State};
use windlass_testkit::{Harness, every_backend};

use crate::gate::Gate;

every_backend!(
    a_handler_that_is_killed_after_each_step_goes_on_at_the_next,
    a_failed_step_is_run_again_and_a_done_one_is_not,
    steps_that_change_their_order_end_the_job,
    two_steps_of_one_name_end_the_job,
    a_sleep_frees_the_slot_and_burns_no_attempt,
    a_signal_wakes_the_job_that_waits_for_it,
    a_signal_may_come_before_it_is_waited_for,
    a_signal_that_comes_while_the_attempt_ends_is_not_missed,
    a_wait_for_a_signal_ends_with_its_time,
    a_job_that_sleeps_is_not_woken_by_a_signal,
    signals_are_checked,
);

const NAP: Duration = Duration::from_secs(60);

/// Five steps, and a wait for ever after one of them.
async fn five(_: Vec<u8>, ctx: Ctx<(Gate, u32)>) -> Result<Vec<u8>, JobError> {
    let (gate, hang_after) = ctx.state();
    let mut sum = 0;
    for number in 1..=5_u32 {
        let name = format!("step{number}");
        let step = ctx.step(&name, async || {
            gate.note(format!("step {number}"));
            windlass::Ok(number)
        });
        sum += step.await?;
        if number == *hang_after {
            gate.note(format!("killed after {number}"));
            std::future::pending::<()>().await;
        }
    }
    Ok(sum.to_string().into())
}

async fn a_handler_that_is_killed_after_each_step_goes_on_at_the_next(t: &Harness) {
    let gate = Gate::new();
    let id = t.job("five").await;

    let mut expected = Vec::new();
    for number in 1..=5 {
        let worker = t.queue.worker().state((gate.clone(), number)).handle_raw("five", five);
        let worker = worker.start().await.expect("a worker");
        expected.extend([format!("step {number}"), format!("killed after {number}")]);
        gate.reached(expected.len()).await;
        worker.stop_now().await;
    }
    let worker = t.queue.worker().state((gate.clone(), 0)).handle_raw("five", five);
    let worker = worker.start().await.expect("a worker");
    let done = t.reaches(id, State::Completed).await;

    assert_eq!(gate.notes(), expected);
    assert_eq!(done.result.as_deref(), Some(&b"15"[..]));
    worker.stop().await;
}

async fn a_failed_step_is_run_again_and_a_done_one_is_not(t: &Harness) {
    let gate = Gate::new();
    let worker =
        t.queue.worker().state(gate.clone()).handle_raw("pay", async |_, ctx: Ctx<Gate>| {
            let attempt = ctx.info().attempt;
            let card = ctx.step("card", async || {
                ctx.state().note(format!("card {attempt}"));
                windlass::Ok(format!("receipt {attempt}"))
            });
            let card: String = card.await?;
            let mail = ctx.step("mail", async || {
                ctx.state().note(format!("mail {card}"));
                if attempt < 3 { Err(JobError::retry_after(Duration::ZERO, "no")) } else { Ok(()) }
            });
            mail.await?;
            windlass::Ok(Vec::new())
        });
    let worker = worker.start().await.expect("a worker");

    let job = t.reaches(t.job("pay").await, State::Completed).await;

    let mail = "mail receipt 1";
    assert_eq!(gate.notes(), ["card 1", mail, mail, mail]);
    assert_eq!(job.attempt, 3);
    worker.stop().await;
}

/// Fails after steps whose order depends on the attempt.
async fn shuffled(_: Vec<u8>, ctx: Ctx) -> Result<Vec<u8>, JobError> {
    let names = if ctx.info().attempt == 1 { ["first", "second"] } else { ["second", "first"] };
    for name in names {
        ctx.step(name, async || windlass::Ok(())).await?;
    }
    Err(JobError::retry_after(Duration::ZERO, "again"))
}

async fn steps_that_change_their_order_end_the_job(t: &Harness) {
    let worker = t.queue.worker().handle_raw("shuffled", shuffled).start().await.expect("a worker");

    let job = t.reaches(t.job("shuffled").await, State::Failed).await;

    let expected = "step 1 was `first` in an earlier attempt and is `second` now: steps must keep \
                    their order";
    assert_eq!(job.last_error.as_deref(), Some(expected));
    worker.stop().await;
}

async fn two_steps_of_one_name_end_the_job(t: &Harness) {
    let worker = t.queue.worker().handle_raw("twice", async |_, ctx: Ctx| {
        ctx.step("one", async || windlass::Ok(())).await?;
        ctx.step("one", async || windlass::Ok(())).await?;
        windlass::Ok(Vec::new())
    });
    let worker = worker.start().await.expect("a worker");

    let job = t.reaches(t.job("twice").await, State::Failed).await;

    let error = job.last_error.expect("an error");
    assert_eq!(error, "two steps are named `one`: each needs a name of its own");
    worker.stop().await;
}

async fn a_sleep_frees_the_slot_and_burns_no_attempt(t: &Harness) {
    let gate = Gate::new();
    let worker = t.queue.worker().state(gate.clone()).concurrency(1);
    let worker = worker.handle_raw("nap", async |_, ctx: Ctx<Gate>| {
        for number in 1..=2 {
            ctx.sleep(NAP).await?;
            ctx.state().note(format!("slept {number}"));
        }
        windlass::Ok(Vec::new())
    });
    let worker = worker.handle_raw("mail", async |payload, _| windlass::Ok(payload));
    let worker = worker.start().await.expect("a worker");

    let id = t.job("nap").with(|job| job.max_attempts(1)).await;
    let asleep = t.reaches(id, State::Delayed).await;
    t.reaches(t.job("mail").await, State::Completed).await;
    t.advance(NAP);
    gate.reached(1).await;
    t.reaches(id, State::Delayed).await;
    t.advance(NAP);
    let done = t.reaches(id, State::Completed).await;

    assert_eq!((asleep.reason, asleep.attempt), (Some(Reason::Snoozed), 0));
    assert_eq!((done.attempt, done.snoozes), (1, 2));
    assert_eq!(gate.notes(), ["slept 1", "slept 1", "slept 2"]);
    worker.stop().await;
}

/// Waits for approval, and completes with it.
async fn approve(_: Vec<u8>, ctx: Ctx<Gate>) -> Result<Vec<u8>, JobError> {
    if ctx.info().tags.contains_key("late") && ctx.info().snoozes == 0 {
        ctx.state().note("begun");
        ctx.state().pass().await;
    }
    let waited = ctx.wait_signal::<String>("approval", NAP).await;
    if ctx.info().tags.contains_key("slow") && waited.is_err() {
        ctx.state().note("looked");
        ctx.state().pass().await;
    }
    let who = waited?;
    ctx.step("after", async || windlass::Ok(())).await?;
    Ok(format!("{who:?}").into())
}

async fn a_signal_wakes_the_job_that_waits_for_it(t: &Harness) {
    let worker = t.queue.worker().state(Gate::new()).handle_raw("approve", approve);
    let worker = worker.start().await.expect("a worker");
    let id = t.job("approve").await;
    let waiting = t.reaches(id, State::Delayed).await;

    let other = t.queue.signal(id, "other", "1").await.expect("a signal");
    let again = t.queue.signal(id, "other", "2").await.expect("a signal");
    let unmoved = t.get(id).await;
    let first = t.queue.signal(id, "approval", r#""Ada""#).await.expect("a signal");
    let done = t.reaches(id, State::Completed).await;

    assert_eq!(waiting.scheduled_at, Some(t.clock.now() + NAP));
    assert_eq!((other, again, unmoved.state, first), (true, false, State::Delayed, true));
    assert_eq!(done.result.as_deref(), Some(&br#"Some("Ada")"#[..]));
    assert_eq!((done.attempt, done.snoozes), (1, 1));
    worker.stop().await;
}

async fn a_signal_may_come_before_it_is_waited_for(t: &Harness) {
    let gate = Gate::new();
    let pending = t.job("approve").await;
    t.queue.signal(pending, "approval", r#""Ada""#).await.expect("a signal");
    let worker = t.queue.worker().state(gate.clone()).handle_raw("approve", approve);
    let worker = worker.start().await.expect("a worker");
    let running = t.job("approve").with(|job| job.tag("late", "1")).await;
    gate.reached(1).await;
    t.queue.signal(running, "approval", r#""Bob""#).await.expect("a signal");
    gate.open();

    let pending = t.reaches(pending, State::Completed).await;
    let running = t.reaches(running, State::Completed).await;

    assert_eq!(pending.result.as_deref(), Some(&br#"Some("Ada")"#[..]));
    assert_eq!(running.result.as_deref(), Some(&br#"Some("Bob")"#[..]));
    assert_eq!((pending.snoozes, running.snoozes), (0, 0));
    worker.stop().await;
}

async fn a_signal_that_comes_while_the_attempt_ends_is_not_missed(t: &Harness) {
    let gate = Gate::new();
    let worker = t.queue.worker().state(gate.clone()).handle_raw("approve", approve);
    let worker = worker.start().await.expect("a worker");
    let id = t.job("approve").with(|job| job.tag("slow", "1")).await;
    gate.reached(1).await;

    t.queue.signal(id, "approval", r#""Ada""#).await.expect("a signal");
    gate.open();
    let done = t.reaches(id, State::Completed).await;

    assert_eq!(done.result.as_deref(), Some(&br#"Some("Ada")"#[..]));
    worker.stop().await;
}

async fn a_wait_for_a_signal_ends_with_its_time(t: &Harness) {
    let worker = t.queue.worker().state(Gate::new()).handle_raw("approve", approve);
    let worker = worker.start().await.expect("a worker");
    let id = t.job("approve").await;
    t.reaches(id, State::Delayed).await;

    t.advance(NAP);
    let done = t.reaches(id, State::Completed).await;

    assert_eq!(done.result.as_deref(), Some(&b"None"[..]));
    worker.stop().await;
}

async fn a_job_that_sleeps_is_not_woken_by_a_signal(t: &Harness) {
    let worker = t.queue.worker().handle_raw("nap", async |_, ctx: Ctx| {
        ctx.wait_signal::<u32>("go", NAP).await?;
        ctx.sleep(NAP).await?;
        windlass::Ok(Vec::new())
    });
    let worker = worker.start().await.expect("a worker");
    let id = t.job("nap").await;
    t.queue.signal(id, "go", "1").await.expect("a signal");
    let asleep = t.until("asleep", async || {
        let job = t.get(id).await;
        (job.state == State::Delayed).then_some(job)
    });
    asleep.await;

    assert!(!t.queue.signal(id, "go", "2").await.expect("no news"));
    t.queue.signal(id, "other", "1").await.expect("a signal");

    assert_eq!(t.get(id).await.state, State::Delayed);
    worker.stop().await;
}

async fn signals_are_checked(t: &Harness) {
    let id = t.job("mail").await;

    let broken = t.queue.signal(id, "no name", vec![b'1'; (1 << 20) + 1]).await;
    let broken = broken.expect_err("refused");
    t.queue.cancel(id, None).await.expect("cancelled");
    let ended = t.queue.signal(id, "go", "1").await.expect_err("refused");
    t.queue.delete(id, false).await.expect("deleted");
    let gone = t.queue.signal(id, "go", "1").await.expect_err("refused");

    let Error::Invalid(broken) = broken else { panic!("{broken}") };
    let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
    assert_eq!(
        broken,
        [
            "name: may only contain letters, digits and . _ : -",
            "payload: is 1048577 bytes long (at most 1048576)"
        ]
    );
    assert!(matches!(ended, Error::Conflict { .. }), "{ended}");
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
}
