//! Delete: everything of a job goes, and a running one only by force.

use windlass::{Error, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_deleted_job_is_gone_with_its_history,
    a_running_job_needs_force,
    another_namespace_cannot_delete_it,
);

async fn a_deleted_job_is_gone_with_its_history(t: &Harness) {
    let script = Script::new([Act::Fail("no")]);
    let worker = t.start(&script).await;
    let pending = t.job("unknown").await;
    let ended = t.job("mail").with(|job| job.max_attempts(1)).await;
    t.reaches(ended, State::DeadLetter).await;

    for id in [pending, ended] {
        t.queue.delete(id, false).await.expect("deleted");
        assert!(matches!(t.queue.get(id).await, Err(Error::NotFound { .. })));
        assert!(matches!(t.queue.attempts(id).await, Err(Error::NotFound { .. })));
    }
    worker.stop().await;
}

async fn a_running_job_needs_force(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    let refused = t.queue.delete(id, false).await.expect_err("running");
    t.queue.delete(id, true).await.expect("deleted");
    script.release();
    worker.stop().await;

    assert!(refused.to_string().contains("is running"), "{refused}");
    assert!(matches!(t.queue.get(id).await, Err(Error::NotFound { .. })));
}

async fn another_namespace_cannot_delete_it(t: &Harness) {
    let id = t.job("mail").await;
    let other = t.queue.in_namespace("elsewhere").expect("a name");

    let refused = other.delete(id, true).await.expect_err("another namespace");

    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
    assert_eq!(t.get(id).await.state, State::Pending);
}
