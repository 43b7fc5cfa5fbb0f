//! Completion: results, waiting for them, late ones.

use windlass::State;
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(a_job_completes_with_its_result);

async fn a_job_completes_with_its_result(t: &Harness) {
    let script = Script::new([Act::Complete(r#"{"sent": 9007199254740993}"#)]);
    let worker = t.start(&script).await;

    let id = t.job("mail").await;
    let job = t.reaches(id, State::Completed).await;

    assert_eq!(job.result.as_deref(), Some(&br#"{"sent": 9007199254740993}"#[..]));
    assert_eq!((job.attempt, job.crashes, job.progress), (1, 0, 100.0));
    worker.stop().await;
}
