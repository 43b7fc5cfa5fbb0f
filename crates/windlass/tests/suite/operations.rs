//! Operations (D2) and groups of dead letters (C7): the same is done to many jobs, step by step, once each,
//! whoever is killed meanwhile.

use std::time::Duration;

use windlass::{
    Error, JobFilter, JobId, Operation, OperationRecord, OperationState, Priority, RetryOptions,
    State, Unique,
};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    dead_letters_are_retried_by_filter,
    only_what_the_filter_means_is_touched,
    jobs_stored_later_are_left_alone,
    many_jobs_are_cancelled_in_steps,
    jobs_are_deleted_moved_and_given_another_priority_and_time,
    a_rate_paces_an_operation,
    an_operation_is_stopped,
    what_cannot_be_done_is_told_job_by_job,
    a_key_held_by_another_job_refuses_one_retry_only,
    a_preview_changes_nothing,
    an_empty_filter_is_refused,
    two_nodes_do_each_job_once,
    operations_are_listed_and_forgotten,
    dead_letters_are_grouped_by_what_they_died_of,
    a_group_is_retried,
    tags_are_a_filter,
);

const SECOND: Duration = Duration::from_secs(1);

fn dead() -> JobFilter {
    JobFilter::new().state(State::DeadLetter)
}

async fn start(t: &Harness, operation: Operation) -> OperationRecord {
    t.queue.start_operation(operation).await.expect("begun")
}

/// Carries an operation out in this process.
async fn done(t: &Harness, operation: Operation) -> OperationRecord {
    let begun = start(t, operation).await;
    t.queue.carry_out(begun.id).await.expect("carried out")
}

/// Stores jobs that die of these messages, and lets them.
async fn bury(t: &Harness, messages: &[&'static str]) -> Vec<JobId> {
    let mut ids = Vec::new();
    for message in messages {
        let id = t.job("mail").with(|job| job.max_attempts(1).tag("text", *message)).await;
        let worker = t.start(&Script::new([Act::Fail(message)])).await;
        t.reaches(id, State::DeadLetter).await;
        worker.stop().await;
        ids.push(id);
    }
    ids
}

async fn state(t: &Harness, id: JobId) -> State {
    t.get(id).await.state
}

async fn dead_letters_are_retried_by_filter(t: &Harness) {
    let ids = bury(t, &["a", "b", "c"]).await;

    let begun = start(t, Operation::retry(dead(), RetryOptions::default())).await;
    let worker = t.start(&Script::completing()).await;
    for id in &ids {
        t.reaches(*id, State::Completed).await;
    }
    let ended = t
        .until("the operation ends", async || {
            let now = t.queue.operation(begun.id).await.expect("an operation");
            now.state.is_terminal().then_some(now)
        })
        .await;
    worker.stop().await;

    assert_eq!((begun.state, begun.matched), (OperationState::Counting, 0));
    assert_eq!((ended.state, ended.matched, ended.done), (OperationState::Completed, 3, 3));
    assert_eq!((ended.failed, ended.failures.len()), (0, 0));
    assert!(ended.finished_at.is_some());
}

async fn only_what_the_filter_means_is_touched(t: &Harness) {
    let ids = bury(t, &["a"]).await;
    let other = t.job("other").await;
    let cancelled = t.job("mail").await;
    t.queue.cancel(cancelled, None).await.expect("cancelled");
    let completed = t.job("mail").await;
    let worker = t.worker(&Script::completing()).start().await.expect("a worker");
    t.reaches(completed, State::Completed).await;
    worker.stop().await;

    let filter = JobFilter::new().kind("mail");
    let ended = done(t, Operation::retry(filter, RetryOptions::default())).await;

    assert_eq!((ended.matched, ended.done), (2, 2), "completed jobs are not meant");
    assert_eq!(state(t, ids[0]).await, State::Pending);
    assert_eq!(state(t, cancelled).await, State::Pending);
    assert_eq!(state(t, completed).await, State::Completed);
    assert_eq!(t.get(other).await.attempt, 1);
}

async fn jobs_stored_later_are_left_alone(t: &Harness) {
    let first = t.job("mail").await;
    t.advance(SECOND);
    let begun = start(t, Operation::cancel(JobFilter::new().kind("mail"), Some("no"))).await;
    t.advance(SECOND);
    let later = t.job("mail").await;

    let ended = t.queue.carry_out(begun.id).await.expect("carried out");

    assert_eq!((ended.matched, ended.done), (1, 1));
    assert_eq!(state(t, first).await, State::Cancelled);
    assert_eq!(t.get(first).await.last_error.as_deref(), Some("no"));
    assert_eq!(state(t, later).await, State::Pending);
}

async fn many_jobs_are_cancelled_in_steps(t: &Harness) {
    let jobs = (0..120).map(|_| windlass::NewJob::new("mail", "1")).collect();
    t.queue.enqueue_batch(jobs, true).await.expect("stored");

    let ended = done(t, Operation::cancel(JobFilter::new().kind("mail"), None)).await;

    assert_eq!((ended.matched, ended.done, ended.failed), (120, 120, 0));
    let counts = t.queue.stats().await.expect("counts");
    assert_eq!((counts.jobs(State::Cancelled), counts.jobs(State::Pending)), (120, 0));
}

async fn jobs_are_deleted_moved_and_given_another_priority_and_time(t: &Harness) {
    let (one, two) = (t.job("mail").await, t.job("other").await);
    let both = || JobFilter::new().queue("default");

    done(t, Operation::set_priority(both(), Priority::BULK)).await;
    done(t, Operation::reschedule([two], t.clock.now() + SECOND)).await;
    done(t, Operation::move_to(both(), "attic")).await;
    let (first, second) = (t.get(one).await, t.get(two).await);
    let deleted = done(t, Operation::delete(JobFilter::new().queue("attic"))).await;

    assert_eq!((first.priority, second.priority), (Priority::BULK, Priority::BULK));
    assert_eq!((first.queue.as_str(), second.queue.as_str()), ("attic", "attic"));
    assert_eq!((first.state, second.state), (State::Pending, State::Delayed));
    assert_eq!(deleted.done, 2);
    assert!(matches!(t.queue.get(one).await, Err(Error::NotFound { .. })));
}

async fn a_rate_paces_an_operation(t: &Harness) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(t.job("other").with(|job| job.delay(3600 * SECOND)).await);
    }
    // Carried out by the upkeep of a process whose worker has nothing to run.
    let worker = t.worker(&Script::completing()).start().await.expect("a worker");
    let operation = Operation::cancel(JobFilter::new().kind("other"), None).rate(0.5);
    let (begun, mut seen) = (start(t, operation).await, Vec::new());
    let since = t.clock.now();
    t.until_after("all are done", SECOND, async || {
        let now = t.queue.operation(begun.id).await.expect("an operation");
        seen.push((now.done, t.clock.now().since(since).as_secs()));
        now.state.is_terminal().then_some(())
    })
    .await;
    worker.stop().await;

    let early = seen.iter().find(|(done, seconds)| *done > 1 + seconds / 2);
    assert_eq!(early, None, "at most one every two seconds");
    assert!(seen.iter().any(|(done, _)| *done == 2), "{seen:?}");
    for id in ids {
        assert_eq!(state(t, id).await, State::Cancelled);
    }
}

async fn an_operation_is_stopped(t: &Harness) {
    let ids = [t.job("mail").await, t.job("mail").await];
    let begun = start(t, Operation::cancel(ids, None).rate(0.001)).await;

    let stopped = t.queue.cancel_operation(begun.id).await.expect("stopped");
    let again = t.queue.cancel_operation(begun.id).await;
    let ended = t.queue.carry_out(begun.id).await.expect("nothing to do");

    assert_eq!((stopped.state, stopped.matched), (OperationState::Cancelled, 2));
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    assert_eq!((ended.done, ended.state), (0, OperationState::Cancelled));
    assert_eq!(state(t, ids[0]).await, State::Pending);
}

async fn what_cannot_be_done_is_told_job_by_job(t: &Harness) {
    let waiting = t.job("mail").await;
    let gone: JobId = "812".parse().expect("an id");
    let ended = t.job("mail").await;
    t.queue.cancel(ended, None).await.expect("cancelled");

    let record = done(t, Operation::cancel([ended, gone, waiting], None)).await;

    assert_eq!((record.matched, record.done, record.failed), (3, 1, 2));
    let why: Vec<(JobId, &str)> =
        record.failures.iter().map(|one| (one.job, one.detail.as_str())).collect();
    assert_eq!(why.len(), 2);
    assert_eq!(why[0], (gone, "job 812 not found"));
    assert!(why[1].0 == ended && why[1].1.contains("already ended"), "{why:?}");
    assert_eq!(state(t, waiting).await, State::Cancelled);
}

async fn a_key_held_by_another_job_refuses_one_retry_only(t: &Harness) {
    let keyed = || windlass::NewJob::new("mail", "1").unique(Unique::key("k"));
    let first = t.enqueue(keyed()).await;
    let free = t.job("mail").await;
    for id in [first, free] {
        t.queue.cancel(id, None).await.expect("cancelled");
    }
    let holder = t.enqueue(keyed()).await;

    let record = done(t, Operation::retry([first, free], RetryOptions::default())).await;

    assert_eq!((record.done, record.failed), (1, 1));
    assert!(record.failures[0].detail.contains(&format!("job {holder} holds")), "{record:?}");
    assert_eq!(state(t, first).await, State::Cancelled);
    assert_eq!(state(t, free).await, State::Pending);
}

async fn a_preview_changes_nothing(t: &Harness) {
    for _ in 0..12 {
        t.job("mail").await;
    }
    let operation = Operation::delete(JobFilter::new().kind("mail"));

    let preview = t.queue.preview_operation(&operation).await.expect("a preview");

    assert_eq!((preview.count, preview.complete, preview.sample.len()), (12, true, 10));
    assert_eq!(t.queue.operations(None).await.expect("a list").len(), 0);
    assert_eq!(t.queue.stats().await.expect("counts").jobs(State::Pending), 12);
}

async fn an_empty_filter_is_refused(t: &Harness) {
    let everything = Operation::delete(JobFilter::new().oldest_first());
    let wrong = Operation::move_to(JobFilter::new().kind("mail"), "no queue").rate(0.0);

    let refused = t.queue.start_operation(everything).await.expect_err("refused");
    let wrong = t.queue.start_operation(wrong).await.expect_err("refused");

    let pointers = |error| match error {
        Error::Invalid(broken) => broken.into_iter().map(|one| one.pointer).collect::<Vec<_>>(),
        other => panic!("{other}"),
    };
    assert_eq!(pointers(refused), ["/filter"]);
    assert_eq!(pointers(wrong), ["/rate", "/params/queue"]);
}

async fn two_nodes_do_each_job_once(t: &Harness) {
    let jobs = (0..110).map(|_| windlass::NewJob::new("mail", "1")).collect();
    t.queue.enqueue_batch(jobs, true).await.expect("stored");
    let cancelled = done(t, Operation::cancel(JobFilter::new().kind("mail"), None)).await;
    let other = t.reopen().await.unwrap_or_else(|| t.queue.clone());
    let retry = Operation::retry(JobFilter::new().kind("mail"), RetryOptions::default());
    let begun = start(t, retry).await;

    let (one, two) = tokio::join!(t.queue.carry_out(begun.id), other.carry_out(begun.id));

    let (one, two) = (one.expect("carried out"), two.expect("carried out"));
    assert_eq!((cancelled.done, one.done, one.failed), (110, 110, 0));
    assert_eq!(one, two);
}

async fn operations_are_listed_and_forgotten(t: &Harness) {
    let id = t.job("mail").await;
    let first = done(t, Operation::cancel([id], None)).await;
    t.advance(SECOND);
    let second = start(t, Operation::cancel([id], None)).await;

    let list = t.queue.operations(None).await.expect("a list");
    let older = t.queue.operations(Some(second.id)).await.expect("a list");
    t.advance(31 * 24 * 3600 * SECOND);
    let worker = t.start(&Script::completing()).await;
    t.until("the old one is gone", async || {
        matches!(t.queue.operation(first.id).await, Err(Error::NotFound { .. })).then_some(())
    })
    .await;
    worker.stop().await;

    let ids = |list: &[OperationRecord]| list.iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(ids(&list), [second.id, first.id]);
    assert_eq!(ids(&older), [first.id]);
}

async fn dead_letters_are_grouped_by_what_they_died_of(t: &Harness) {
    let ids = bury(t, &["no user 1", "no user 22", "connection refused"]).await;

    let dead = t.queue.dead_groups().await.expect("groups");

    assert!(dead.complete);
    assert_eq!(dead.groups.len(), 2);
    let (users, refused) = (&dead.groups[0], &dead.groups[1]);
    assert_eq!((users.count, users.kind.as_str()), (2, "mail"));
    assert_eq!((users.error_class.as_str(), users.message.as_str()), ("retryable", "no user 22"));
    assert_eq!((users.sample, users.queues.as_slice()), (ids[1], &["default".to_owned()][..]));
    assert_eq!((refused.count, refused.sample), (1, ids[2]));
    assert_eq!(t.get(ids[0]).await.fingerprint().as_ref(), Some(&users.fingerprint));
}

async fn a_group_is_retried(t: &Harness) {
    let ids = bury(t, &["no user 1", "connection refused", "no user 3"]).await;
    let dead = t.queue.dead_groups().await.expect("groups");

    let filter = JobFilter::new().fingerprint(&dead.groups[0].fingerprint);
    let listed = t.queue.list(filter.clone()).await.expect("a list");
    let ended = done(t, Operation::retry(filter, RetryOptions::default())).await;

    assert_eq!(listed.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[2], ids[0]]);
    assert_eq!((ended.matched, ended.done), (2, 2));
    assert_eq!(state(t, ids[0]).await, State::Pending);
    assert_eq!(state(t, ids[1]).await, State::DeadLetter);
    assert_eq!(state(t, ids[2]).await, State::Pending);
}

async fn tags_are_a_filter(t: &Harness) {
    let red = t.job("mail").with(|job| job.tag("colour", "red")).await;
    let both = t.job("mail").with(|job| job.tag("colour", "red").tag("size", "xl")).await;
    t.job("mail").with(|job| job.tag("colour", "blue")).await;

    let of_red = || JobFilter::new().tag("colour", "red");
    let list = t.queue.list(of_red()).await.expect("a list");
    let page = t.queue.list(of_red().limit(1)).await.expect("a list");
    let large = t.queue.list(of_red().tag("size", "xl")).await.expect("a list");

    let ids = |page: &windlass::Page| page.jobs.iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(ids(&list), [both, red]);
    assert_eq!((ids(&page), page.next_cursor), (vec![both], Some(both)));
    assert_eq!((ids(&large), large.complete), (vec![both], true));
}
