//! Admission: a queue with a limit refuses what is too much for it.

use windlass::{Error, JobId, NewJob, QueueSettings, State};
use windlass_testkit::{Harness, Script, every_backend};

every_backend!(
    a_full_queue_refuses_and_says_so,
    a_batch_is_refused_whole_or_item_by_item,
    a_refused_job_leaves_its_key_free,
    what_runs_or_has_ended_does_not_count,
    many_callers_of_one_process_never_exceed_the_limit,
);

async fn limit(t: &Harness, max_depth: u32) {
    let settings = QueueSettings { max_depth: Some(max_depth), ..QueueSettings::default() };
    t.queue.create_queue("q", settings).await.expect("created");
}

fn job() -> NewJob {
    NewJob::new("mail", "1").queue("q")
}

async fn waiting(t: &Harness) -> u64 {
    t.queue.stats().await.expect("stats").jobs(State::Pending)
}

async fn a_full_queue_refuses_and_says_so(t: &Harness) {
    limit(t, 2).await;
    let first = t.queue.enqueue_new(job()).await.expect("room").pressure().expect("a limit");
    let last = t.queue.enqueue_new(job()).await.expect("room").pressure().expect("a limit");

    let full = t.queue.enqueue_new(job()).await.expect_err("full");

    assert_eq!((first.depth, first.max_depth), (1, 2));
    assert!((last.fraction() - 1.0).abs() < f64::EPSILON);
    assert!(matches!(full, Error::Full { .. }) && full.is_transient(), "{full}");
    assert!(full.to_string().contains("queue `q` is full: 2 jobs wait (at most 2)"), "{full}");
    assert!(
        t.queue.enqueue_new(NewJob::new("mail", "1")).await.expect("free").pressure().is_none()
    );
}

async fn a_batch_is_refused_whole_or_item_by_item(t: &Harness) {
    limit(t, 2).await;
    let jobs = || vec![job(), NewJob::new("mail", "1"), job(), job()];

    let whole = t.queue.enqueue_batch(jobs(), true).await.expect_err("one too many");
    assert!(matches!(whole, Error::Full { .. }), "{whole}");
    assert_eq!(waiting(t).await, 0);

    let each = t.queue.enqueue_batch(jobs(), false).await.expect("answers");
    let stored: Vec<bool> = each.iter().map(Result::is_ok).collect();
    assert_eq!(stored, [true, true, true, false]);
    assert_eq!(waiting(t).await, 3);
}

async fn a_refused_job_leaves_its_key_free(t: &Harness) {
    limit(t, 1).await;
    let keyed = || job().idempotency_key("k");
    let first = t.queue.enqueue_new(job()).await.expect("room").id();

    let batch = vec![keyed(), keyed()];
    let refused = t.queue.enqueue_batch(batch, false).await.expect("answers");
    t.queue.cancel(first, None).await.expect("cancelled");
    let stored = t.queue.enqueue_new(keyed()).await.expect("room");
    let again = t.queue.enqueue_new(keyed()).await.expect("the same, also when full");

    assert!(refused.iter().all(|one| matches!(one, Err(Error::Full { .. }))), "{refused:?}");
    assert!(stored.is_new() && !again.is_new());
    assert_eq!(stored.id(), again.id());
}

async fn what_runs_or_has_ended_does_not_count(t: &Harness) {
    limit(t, 1).await;
    let script = Script::completing();
    let worker = t.start(&script).await;

    for _ in 0..3 {
        let id = t.queue.enqueue_new(job()).await.expect("room").id();
        t.reaches(id, State::Completed).await;
    }
    worker.stop().await;
}

async fn many_callers_of_one_process_never_exceed_the_limit(t: &Harness) {
    limit(t, 10).await;
    let callers: Vec<_> = (0..40)
        .map(|_| {
            let queue = t.queue.clone();
            tokio::spawn(async move { queue.enqueue_new(job()).await.map(|stored| stored.id()) })
        })
        .collect();
    let mut stored: Vec<JobId> = Vec::new();
    for caller in callers {
        match caller.await.expect("a caller") {
            Ok(id) => stored.push(id),
            Err(error) => assert!(matches!(error, Error::Full { .. }), "{error}"),
        }
    }

    assert_eq!(stored.len(), 10);
    assert_eq!(waiting(t).await, 10);
}
