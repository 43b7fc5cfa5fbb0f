//! Completion: results, progress, waiting for the end.

use std::time::Duration;

use windlass::{Error, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_job_completes_with_its_result,
    a_result_that_is_too_large_fails_for_good,
    progress_is_stored_while_the_handler_runs,
    a_wait_ends_with_the_job,
    a_wait_ends_at_its_timeout,
    a_wait_for_a_deleted_job_says_so,
);

async fn a_job_completes_with_its_result(t: &Harness) {
    let script = Script::new([Act::Complete(r#"{"sent": 9007199254740993}"#)]);
    let worker = t.start(&script).await;

    let id = t.job("mail").await;
    let job = t.reaches(id, State::Completed).await;

    assert_eq!(job.result.as_deref(), Some(&br#"{"sent": 9007199254740993}"#[..]));
    assert_eq!((job.attempt, job.crashes, job.progress), (1, 0, 100.0));
    assert_eq!((job.reason, job.last_error), (None, None));
    assert_eq!(job.completed_at, Some(t.clock.now()));
    let attempts = t.queue.attempts(id).await.expect("attempts");
    assert_eq!((attempts.len(), attempts[0].class.as_str()), (1, "completed"));
    worker.stop().await;
}

async fn a_result_that_is_too_large_fails_for_good(t: &Harness) {
    let large = String::leak("x".repeat(windlass::PAYLOAD_BYTES_MAX + 1));
    let script = Script::new([Act::Complete(large)]);
    let worker = t.start(&script).await;

    let job = t.reaches(t.job("mail").await, State::Failed).await;

    assert!(job.last_error.expect("an error").contains("bytes long (at most 1048576)"));
    worker.stop().await;
}

async fn progress_is_stored_while_the_handler_runs(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    let step = Duration::from_secs(1);
    let job = t
        .until_after("progress", step, async || {
            let job = t.get(id).await;
            (job.progress > 0.0).then_some(job)
        })
        .await;

    assert_eq!((job.state, job.progress), (State::Running, 50.0));
    assert_eq!(job.progress_message.as_deref(), Some("half way"));
    script.release();
    t.reaches(id, State::Completed).await;
    worker.stop().await;
}

async fn a_wait_ends_with_the_job(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    let (job, ()) = tokio::join!(t.queue.wait(id, Duration::from_secs(60)), async {
        script.release();
    });

    assert_eq!(job.expect("a job").state, State::Completed);
    worker.stop().await;
}

async fn a_wait_ends_at_its_timeout(t: &Harness) {
    let id = t.job("mail").await;
    let queue = t.queue.clone();

    let waiting = tokio::spawn(async move { queue.wait(id, Duration::from_secs(60)).await });
    let step = Duration::from_secs(10);
    t.until_after("the timeout", step, async || waiting.is_finished().then_some(())).await;

    let job = waiting.await.expect("no panic").expect("a job");
    assert_eq!(job.state, State::Pending);
}

async fn a_wait_for_a_deleted_job_says_so(t: &Harness) {
    let id = t.job("mail").await;

    let (waited, deleted) =
        tokio::join!(t.queue.wait(id, Duration::from_secs(60)), t.queue.delete(id, false));

    assert!(matches!(waited, Err(Error::NotFound { .. })), "{waited:?}");
    deleted.expect("deleted");
}
