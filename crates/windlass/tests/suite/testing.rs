//! The kit for tests of applications (H8): nothing happens by itself, and everything in its order.

use std::time::Duration;

use windlass::testing::{TestQueue, TestWorker};
use windlass::{
    Ctx, Dependency, Error, Job, JobError, JobFilter, NewJob, Operation, Schedule, State,
};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, Job)]
struct Count {
    down_from: u32,
}

async fn count(job: Count, ctx: Ctx<()>) -> windlass::Result {
    if job.down_from > 0 {
        ctx.enqueue(Count { down_from: job.down_from - 1 }).await?;
    }
    Ok(())
}

async fn open() -> TestQueue {
    TestQueue::open().await.expect("a queue in memory")
}

async fn counting(test: &TestQueue) -> TestWorker<()> {
    TestWorker::new(test.worker().handle(count)).await.expect("a worker")
}

#[tokio::test]
async fn a_drain_runs_what_jobs_enqueue() {
    let test = open().await;
    let mut worker = counting(&test).await;
    test.enqueue(Count { down_from: 3 }).await.expect("stored");

    let ran = worker.drain().await.expect("drained");

    assert_eq!(ran.len(), 4);
    assert!(ran.iter().all(|job| job.state == State::Completed), "{ran:?}");
    test.assert_none_enqueued::<Count>().await;
}

#[tokio::test]
async fn nothing_runs_before_its_time() {
    let test = open().await;
    let mut worker = counting(&test).await;
    let parent = test.enqueue(Count { down_from: 0 }).delay(SECOND).await.expect("stored").id();
    let child = NewJob::new("count", r#"{"down_from":0}"#).depends_on(Dependency::on(parent));
    let child = test.enqueue_new(child).await.expect("stored").id();

    let early = worker.drain().await.expect("drained");
    test.advance(SECOND);
    let late = worker.drain().await.expect("drained");

    assert_eq!(early.len(), 0);
    assert_eq!(late.iter().map(|job| job.id).collect::<Vec<_>>(), [parent, child]);
}

#[tokio::test]
async fn schedules_and_operations_are_carried_out() {
    let test = open().await;
    let every = Schedule::every(60 * SECOND).job(NewJob::new("count", r#"{"down_from":0}"#));
    let worker = test.worker().handle(count).schedule("tick", every);
    let mut worker = TestWorker::new(worker).await.expect("a worker");
    let held = test.enqueue(Count { down_from: 9 }).delay(3600 * SECOND).await.expect("stored");
    let cancel = Operation::cancel(JobFilter::new().state(State::Delayed), None);
    let cancel = test.start_operation(cancel).await.expect("begun");

    test.advance(60 * SECOND);
    let ran = worker.drain().await.expect("drained");

    assert_eq!(ran.len(), 1, "{ran:?}");
    assert_eq!(ran[0].schedule.as_ref().map(|of| of.schedule.as_str()), Some("tick"));
    assert_eq!(test.operation(cancel.id).await.expect("an operation").done, 1);
    assert_eq!(test.get(held.id()).await.expect("a job").state, State::Cancelled);
}

#[tokio::test]
async fn failures_and_panics_are_told() {
    let test = open().await;
    let worker = test
        .worker()
        .handle_raw("fail", async |_, _| Err::<Vec<u8>, _>(JobError::from("no")))
        .handle_raw("panic", async |_, _| -> Result<Vec<u8>, JobError> { panic!("ouch") });
    let mut worker = TestWorker::new(worker).await.expect("a worker");
    test.enqueue_new(NewJob::new("fail", "1")).await.expect("stored");
    test.enqueue_new(NewJob::new("panic", "1").max_attempts(1)).await.expect("stored");

    let ran = worker.drain().await.expect("drained");

    let ends: Vec<_> = ran.iter().map(|job| (job.state, job.last_error.as_deref())).collect();
    assert_eq!(ends[0], (State::Retrying, Some("no")));
    assert!(ends[1].0 == State::DeadLetter && ends[1].1.is_some_and(|text| text.contains("ouch")));
}

#[tokio::test]
async fn a_crash_is_a_crash_and_is_made_good_after_the_lease() {
    let test = open().await;
    let mut worker = counting(&test).await;
    let id = test.enqueue(Count { down_from: 0 }).await.expect("stored").id();

    let first = worker.crash_before_next().await.expect("claimed").expect("a job");
    let none = worker.run_next().await.expect("nothing");
    test.advance(31 * SECOND);
    let second = worker.crash_after_next().await.expect("run").expect("a job");
    test.advance(31 * SECOND);
    let waiting = worker.run_next().await.expect("it waits after its second crash");
    test.advance(31 * SECOND);
    let third = worker.run_next().await.expect("run").expect("a job");

    assert_eq!((first.id, first.state, none), (id, State::Running, None));
    assert_eq!((second.state, second.attempt, second.crashes), (State::Running, 1, 1));
    assert_eq!(waiting, None);
    assert_eq!((third.state, third.attempt, third.crashes), (State::Completed, 1, 2));
    assert_eq!(test.verify().await.expect("checked"), Vec::<String>::new());
}

#[tokio::test]
async fn a_worker_outlives_any_jump_of_the_clock() {
    let test = open().await;
    let mut worker = counting(&test).await;
    for _ in 0..3 {
        test.enqueue(Count { down_from: 0 }).await.expect("stored");
        test.advance(24 * 3600 * SECOND);
        assert!(worker.run_next().await.expect("run").is_some());
    }
}

#[tokio::test]
async fn enqueues_fail_on_demand() {
    let test = open().await;
    let keyed = || NewJob::new("count", r#"{"down_from":0}"#).idempotency_key("k");

    test.fail_enqueues(1);
    let refused = test.enqueue_new(keyed()).await;
    test.assert_none_enqueued::<Count>().await;
    test.lose_enqueue_answers(1);
    let lost = test.enqueue_new(keyed()).await;
    let again = test.enqueue_new(keyed()).await.expect("stored before");

    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    assert!(matches!(lost, Err(Error::Unavailable { .. })), "{lost:?}");
    assert!(!again.is_new());
    test.assert_enqueued(|job: &Count| job.down_from == 0).await;
}

#[tokio::test]
#[should_panic(expected = "no such job of kind `count` waits; there are 1 ({\"down_from\":2})")]
async fn an_assertion_that_fails_shows_what_is_there() {
    let test = open().await;
    test.enqueue(Count { down_from: 2 }).await.expect("stored");
    test.assert_enqueued(|job: &Count| job.down_from == 3).await;
}
