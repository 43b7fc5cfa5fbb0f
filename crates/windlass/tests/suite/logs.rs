//! Log lines of handlers: kept with the job, by attempt, up to a limit that the log tells.

use std::time::Duration;

use windlass::{Ctx, JobError, LogLevel, State};
use windlass_testkit::{Harness, every_backend};

use crate::gate::Gate;

every_backend!(
    lines_of_all_attempts_are_kept_in_order,
    lines_are_stored_while_the_handler_runs,
    a_log_that_is_full_says_so,
    lines_under_a_lost_lease_are_not_kept,
    a_deleted_job_leaves_no_lines,
);

async fn twice(_: Vec<u8>, ctx: Ctx) -> Result<Vec<u8>, JobError> {
    ctx.log(LogLevel::Info, format!("attempt {}", ctx.info().attempt));
    ctx.log(LogLevel::Warn, "a\0b");
    if ctx.info().attempt == 1 {
        return Err(JobError::retry_after(Duration::ZERO, "not yet"));
    }
    Ok(Vec::new())
}

async fn lines(t: &Harness, id: windlass::JobId) -> Vec<(u32, LogLevel, String)> {
    let lines = t.queue.logs(id).await.expect("a job");
    lines.into_iter().map(|line| (line.attempt, line.level, line.text)).collect()
}

async fn lines_of_all_attempts_are_kept_in_order(t: &Harness) {
    let worker = t.queue.worker().handle_raw("twice", twice).start().await.expect("a worker");
    let id = t.job("twice").await;
    let other = t.job("mail").await;

    t.reaches(id, State::Completed).await;

    let expected = [
        (1, LogLevel::Info, "attempt 1"),
        (1, LogLevel::Warn, "a?b"),
        (2, LogLevel::Info, "attempt 2"),
        (2, LogLevel::Warn, "a?b"),
    ];
    let expected = expected.map(|(attempt, level, text)| (attempt, level, text.to_owned()));
    assert_eq!(lines(t, id).await, expected);
    assert!(lines(t, other).await.is_empty());
    worker.stop().await;
}

async fn lines_are_stored_while_the_handler_runs(t: &Harness) {
    let gate = Gate::new();
    let worker = t.queue.worker().state(gate.clone()).handle_raw("slow", slow);
    let worker = worker.start().await.expect("a worker");
    let id = t.job("slow").await;
    gate.reached(1).await;

    let step = Duration::from_millis(500);
    t.until_after("a line", step, async || (lines(t, id).await.len() == 1).then_some(())).await;

    gate.open();
    t.reaches(id, State::Completed).await;
    assert_eq!(lines(t, id).await.len(), 2);
    worker.stop().await;
}

async fn slow(_: Vec<u8>, ctx: Ctx<Gate>) -> Result<Vec<u8>, JobError> {
    ctx.log(LogLevel::Debug, "begun");
    ctx.state().note("begun");
    ctx.state().pass().await;
    ctx.log(LogLevel::Error, "done");
    ctx.state().note("done");
    Ok(Vec::new())
}

async fn a_log_that_is_full_says_so(t: &Harness) {
    let worker = t.queue.worker().handle_raw("lines", async |payload: Vec<u8>, ctx: Ctx| {
        let many = payload == b"many";
        let (count, text) = if many { (1500, "x".to_owned()) } else { (70, "y".repeat(9000)) };
        (0..count).for_each(|_| ctx.log(LogLevel::Info, text.as_str()));
        windlass::Ok(Vec::new())
    });
    let worker = worker.start().await.expect("a worker");

    let many = t.enqueue(windlass::NewJob::new("lines", "many")).await;
    let long = t.enqueue(windlass::NewJob::new("lines", "long")).await;
    t.reaches(many, State::Completed).await;
    t.reaches(long, State::Completed).await;

    let full = "no more lines are kept (at most 1000 lines and 256 KiB per job)".to_owned();
    let (many, long) = (lines(t, many).await, lines(t, long).await);
    assert_eq!((many.len(), long.len()), (1001, 65));
    for lines in [many, long] {
        assert_eq!(lines.last(), Some(&(1, LogLevel::Warn, full.clone())));
    }
    worker.stop().await;
}

async fn lines_under_a_lost_lease_are_not_kept(t: &Harness) {
    let gate = Gate::new();
    let worker = t.queue.worker().state(gate.clone()).handle_raw("slow", slow);
    let worker = worker.start().await.expect("a worker");
    let id = t.job("slow").await;
    gate.reached(1).await;

    t.queue.cancel_by_force(id, None).await.expect("cancelled");
    gate.open();
    gate.reached(2).await;
    worker.stop().await;

    assert!(lines(t, id).await.is_empty());
}

async fn a_deleted_job_leaves_no_lines(t: &Harness) {
    let worker = t.queue.worker().handle_raw("twice", twice).start().await.expect("a worker");
    let id = t.job("twice").await;
    t.reaches(id, State::Completed).await;

    t.queue.delete(id, false).await.expect("deleted");

    t.queue.logs(id).await.expect_err("no job");
    worker.stop().await;
}
