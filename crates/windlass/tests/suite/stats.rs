//! Counts: maintained, never recounted, always right.

use windlass::State;
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(counts_follow_every_transition, live_workers_are_listed);

async fn counts_follow_every_transition(t: &Harness) {
    let acts = [Act::Complete("1"), Act::Fail("no"), Act::FailForGood("no")];
    let script = Script::new(acts);
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    for state in [State::Completed, State::Retrying, State::Failed] {
        t.reaches(t.job("mail").await, state).await;
    }
    let cancelled = t.job("unknown").await;
    t.queue.cancel(cancelled, None).await.expect("cancelled");

    let stats = t.queue.stats().await.expect("stats");

    for state in [State::Completed, State::Retrying, State::Failed, State::Cancelled] {
        assert_eq!(stats.jobs(state), 1, "{state}");
    }
    assert_eq!((stats.jobs(State::Pending), stats.jobs(State::Running)), (0, 0));
    let mail = stats.kinds.iter().find(|kind| kind.kind == "mail").expect("counts of mail");
    assert_eq!((mail.enqueues, mail.claims, mail.completions), (3, 3, 1));
    assert_eq!((mail.failed_attempts, mail.retries, mail.failures), (2, 1, 1));
    assert!(stats.storage_bytes > 0);
    worker.stop().await;
}

async fn live_workers_are_listed(t: &Harness) {
    let script = Script::completing();
    let worker = t.worker(&script).name("w1").queues(["a", "b"]).concurrency(3);
    let worker = worker.start().await.expect("a worker");

    let during = t.queue.stats().await.expect("stats").workers;
    worker.stop().await;
    let after = t.queue.stats().await.expect("stats").workers;

    assert_eq!((during[0].name.as_str(), during[0].slots), ("w1", 3));
    assert_eq!((during[0].queues.len(), during[0].kinds.len()), (2, 2));
    assert!(after.is_empty());
}
