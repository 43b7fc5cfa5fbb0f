//! Idempotency keys: same key, same job, whoever asks and however often.

use windlass::{Error, NewJob, State};
use windlass_testkit::{Harness, Script, every_backend};

every_backend!(
    the_same_key_returns_the_first_job,
    a_key_with_another_payload_or_kind_is_a_conflict,
    the_key_outlives_the_end_of_the_job_and_goes_with_it,
    keys_repeat_within_a_batch,
    an_atomic_batch_with_a_conflict_stores_nothing,
    sixty_four_callers_with_one_key_make_one_job,
);

fn keyed(payload: &str) -> NewJob {
    NewJob::new("mail", payload).idempotency_key("k")
}

async fn the_same_key_returns_the_first_job(t: &Harness) {
    let first = t.queue.enqueue_new(keyed("1")).await.expect("new");
    let second = t.queue.enqueue_new(keyed("1").queue("elsewhere")).await.expect("the same");

    assert_eq!(first.id(), second.id());
    assert_eq!((first.is_new(), second.is_new()), (true, false));
}

async fn a_key_with_another_payload_or_kind_is_a_conflict(t: &Harness) {
    let id = t.enqueue(keyed("1")).await;

    for other in [keyed("2"), NewJob::new("other", "1").idempotency_key("k")] {
        let error = t.queue.enqueue_new(other).await.expect_err("a mismatch");
        let Error::Conflict { code, message } = error else { panic!("{error}") };
        assert_eq!(code, "idempotency_mismatch");
        assert!(message.contains(&id.to_string()), "{message}");
    }
}

async fn the_key_outlives_the_end_of_the_job_and_goes_with_it(t: &Harness) {
    let script = Script::completing();
    let worker = t.start(&script).await;
    let id = t.enqueue(keyed("1")).await;
    t.reaches(id, State::Completed).await;

    let again = t.queue.enqueue_new(keyed("1")).await.expect("the same");
    t.queue.delete(id, false).await.expect("deleted");
    let fresh = t.queue.enqueue_new(keyed("1")).await.expect("new");

    assert_eq!((again.id(), again.is_new()), (id, false));
    assert!(fresh.is_new());
    worker.stop().await;
}

async fn keys_repeat_within_a_batch(t: &Harness) {
    let jobs = vec![keyed("1"), NewJob::new("mail", "x"), keyed("1"), keyed("2")];

    let replies = t.queue.enqueue_batch(jobs, false).await.expect("a batch");

    let ids: Vec<_> = replies.iter().flatten().map(|job| (job.id(), job.is_new())).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[2], (ids[0].0, false));
    assert!(matches!(replies[3], Err(Error::Conflict { .. })));
}

async fn an_atomic_batch_with_a_conflict_stores_nothing(t: &Harness) {
    t.enqueue(keyed("1")).await;

    let jobs = vec![NewJob::new("mail", "x"), keyed("2")];
    let refused = t.queue.enqueue_batch(jobs, true).await.expect_err("a conflict");

    let Error::Invalid(broken) = refused else { panic!("{refused}") };
    assert_eq!(broken[0].pointer, "/jobs/1/idempotency_key");
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.jobs(State::Pending), 1);
}

async fn sixty_four_callers_with_one_key_make_one_job(t: &Harness) {
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let queue = t.queue.clone();
        callers.spawn(async move { queue.enqueue_new(keyed("1")).await.expect("a job") });
    }

    let replies = callers.join_all().await;

    assert_eq!(replies.iter().filter(|job| job.is_new()).count(), 1);
    assert!(replies.iter().all(|job| job.id() == replies[0].id()));
}
