//! Several processes on one database: they see each other's jobs and never share one.

use std::time::Duration;

use windlass::{NewJob, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_worker_runs_what_another_process_enqueued,
    a_cancel_from_another_process_reaches_the_handler,
    two_processes_enqueue_at_once_without_a_clash,
    what_was_acknowledged_is_there_after_reopening,
);

async fn a_worker_runs_what_another_process_enqueued(t: &Harness) {
    let Some(other) = t.reopen().await else { return };
    let script = Script::completing();
    let worker = t.start(&script).await;

    let job = other.enqueue_new(NewJob::new("mail", "1")).await.expect("a job");
    t.reaches(job.id(), State::Completed).await;

    let seen = other.wait(job.id(), Duration::from_secs(60)).await.expect("a job");
    assert_eq!(seen.state, State::Completed);
    worker.stop().await;
}

async fn a_cancel_from_another_process_reaches_the_handler(t: &Harness) {
    let Some(other) = t.reopen().await else { return };
    let script = Script::new([Act::WaitForStop]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    other.cancel(id, None).await.expect("asked");

    t.reaches(id, State::Cancelled).await;
    worker.stop().await;
}

async fn two_processes_enqueue_at_once_without_a_clash(t: &Harness) {
    let Some(other) = t.reopen().await else { return };
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..16 {
        let queue = if caller % 2 == 0 { t.queue.clone() } else { other.clone() };
        callers.spawn(async move {
            for _ in 0..20 {
                queue.enqueue_new(NewJob::new("mail", "1")).await.expect("a job");
            }
        });
    }

    callers.join_all().await;

    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.jobs(State::Pending), 320);
}

async fn what_was_acknowledged_is_there_after_reopening(t: &Harness) {
    if !t.is_shared() {
        return;
    }
    let id = t.job("mail").await;
    t.queue.close().await;

    let closed = t.queue.enqueue_new(NewJob::new("mail", "2")).await;
    let again = t.reopen().await.expect("a file");

    assert!(closed.is_err());
    assert_eq!(again.get(id).await.expect("a job").payload, b"null");
}
