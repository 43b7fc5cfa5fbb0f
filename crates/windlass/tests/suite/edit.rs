//! Changes of stored jobs (D2, PATCH): what waits or has ended is changed, what runs is not.

use std::time::Duration;

use windlass::{Dependency, Error, JobEdit, JobId, NewJob, Priority, Reason, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_waiting_job_is_changed,
    a_job_is_moved_to_another_queue,
    a_more_urgent_class_is_claimed_first,
    a_pending_job_is_put_off_and_called_back,
    a_job_that_is_retried_keeps_its_reason,
    a_blocked_job_goes_where_it_was_moved_to,
    an_ended_job_is_mended_and_retried,
    a_running_job_is_not_changed,
    what_breaks_a_rule_changes_nothing,
);

const HOUR: Duration = Duration::from_secs(3600);

async fn edit(t: &Harness, id: JobId, edit: JobEdit) -> windlass::JobRecord {
    t.queue.edit(id, edit).await.expect("changed")
}

async fn a_waiting_job_is_changed(t: &Harness) {
    let id = t.job("mail").with(|job| job.tag("a", "1").tag("b", "2")).await;
    let before = t.get(id).await;

    t.advance(HOUR);
    let all = JobEdit::new().payload("{}").priority(Priority::HIGH).max_attempts(7);
    let changed = edit(t, id, all.tags([("c", "3")])).await;
    let untouched = edit(t, id, JobEdit::new().max_attempts(7)).await;

    assert_eq!((changed.payload.as_slice(), changed.priority), (&b"{}"[..], Priority::HIGH));
    assert_eq!((changed.max_attempts, changed.tags.len()), (7, 1));
    assert_eq!((changed.state, changed.attempt), (State::Pending, 0));
    assert_eq!((changed.queue, changed.created_at), (before.queue, before.created_at));
    assert!(changed.updated_at >= before.updated_at + HOUR);
    assert_eq!((untouched.payload, untouched.tags), (changed.payload, changed.tags));
    assert_eq!(untouched.priority, Priority::HIGH);
}

async fn a_job_is_moved_to_another_queue(t: &Harness) {
    let pending = t.job("mail").await;
    let delayed = t.job("mail").with(|job| job.delay(HOUR)).await;

    edit(t, pending, JobEdit::new().queue("other")).await;
    edit(t, delayed, JobEdit::new().queue("other")).await;
    let counts = t.queue.stats().await.expect("counts");
    let worker = t.worker(&Script::completing()).queues(["other"]).start().await;
    let worker = worker.expect("a worker");
    t.reaches(pending, State::Completed).await;
    t.advance(HOUR);
    t.reaches(delayed, State::Completed).await;
    worker.stop().await;

    let of = |queue: &str, state| {
        let kinds = counts.kinds.iter().filter(|kind| kind.queue == queue);
        kinds.map(|kind| kind.jobs.get(&state).copied().unwrap_or(0)).sum::<u64>()
    };
    assert_eq!((of("default", State::Pending), of("other", State::Pending)), (0, 1));
    assert_eq!((of("default", State::Delayed), of("other", State::Delayed)), (0, 1));
}

async fn a_more_urgent_class_is_claimed_first(t: &Harness) {
    let first = t.job("mail").await;
    let second = t.job("mail").await;
    edit(t, second, JobEdit::new().priority(Priority::CRITICAL)).await;

    let script = Script::completing();
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    t.reaches(first, State::Completed).await;
    t.reaches(second, State::Completed).await;
    worker.stop().await;

    assert_eq!(script.order(), [second, first]);
}

async fn a_pending_job_is_put_off_and_called_back(t: &Harness) {
    let id = t.job("mail").await;
    let (now, later) = (t.clock.now(), t.clock.now() + HOUR);

    let off = edit(t, id, JobEdit::new().at(later)).await;
    let further = edit(t, id, JobEdit::new().at(later + HOUR)).await;
    let back = edit(t, id, JobEdit::new().at(now)).await;

    assert_eq!((off.state, off.reason), (State::Delayed, Some(Reason::Scheduled)));
    assert_eq!((off.scheduled_at, further.scheduled_at), (Some(later), Some(later + HOUR)));
    assert_eq!(further.state, State::Delayed);
    assert_eq!((back.state, back.scheduled_at), (State::Pending, Some(now)));
}

async fn a_job_that_is_retried_keeps_its_reason(t: &Harness) {
    let script = Script::new([Act::Fail("no")]);
    let id = t.job("mail").await;
    let worker = t.start(&script).await;
    let waiting = t.reaches(id, State::Retrying).await;

    let later = edit(t, id, JobEdit::new().at(t.clock.now() + HOUR)).await;
    let moved = edit(t, id, JobEdit::new().queue("other")).await;
    t.advance(HOUR);
    let done = t.reaches(id, State::Completed).await;
    worker.stop().await;

    assert_eq!((later.state, later.reason), (State::Retrying, waiting.reason));
    assert_eq!((moved.state, moved.scheduled_at), (State::Retrying, later.scheduled_at));
    assert_eq!((done.attempt, done.queue.as_str()), (2, "other"));
}

async fn a_blocked_job_goes_where_it_was_moved_to(t: &Harness) {
    let parent = t.job("mail").await;
    let child = t.job("mail").with(|job| job.depends_on(Dependency::on(parent))).await;

    let moved = edit(t, child, JobEdit::new().queue("other").priority(Priority::LOW)).await;
    let worker = t.start(&Script::completing()).await;
    let done = t.reaches(child, State::Completed).await;
    worker.stop().await;

    assert_eq!((moved.state, moved.reason), (State::Pending, Some(Reason::Blocked)));
    assert_eq!((done.queue.as_str(), done.priority), ("other", Priority::LOW));
}

async fn an_ended_job_is_mended_and_retried(t: &Harness) {
    let script = Script::new([Act::Fail("bad payload")]);
    let id = t.job("mail").with(|job| job.max_attempts(1)).await;
    let worker = t.start(&script).await;
    t.reaches(id, State::DeadLetter).await;

    let timed = t.queue.edit(id, JobEdit::new().at(t.clock.now())).await;
    let mended = edit(t, id, JobEdit::new().payload("2").queue("other")).await;
    t.queue.retry(id, windlass::RetryOptions::default()).await.expect("retried");
    let done = t.reaches(id, State::Completed).await;
    worker.stop().await;

    assert!(matches!(timed, Err(Error::Conflict { .. })), "{timed:?}");
    assert_eq!((mended.state, mended.attempt), (State::DeadLetter, 1));
    assert_eq!((done.payload.as_slice(), done.queue.as_str()), (&b"2"[..], "other"));
}

async fn a_running_job_is_not_changed(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let id = t.job("mail").await;
    let worker = t.start(&script).await;
    t.reaches(id, State::Running).await;

    let refused = t.queue.edit(id, JobEdit::new().priority(Priority::HIGH)).await;
    script.release();
    let done = t.reaches(id, State::Completed).await;
    worker.stop().await;

    let Err(Error::Conflict { message, .. }) = refused else { panic!("{refused:?}") };
    assert!(message.contains("is running"), "{message}");
    assert_eq!(done.priority, Priority::NORMAL);
}

async fn what_breaks_a_rule_changes_nothing(t: &Harness) {
    let id = t.enqueue(NewJob::new("mail", "1")).await;

    let wrong = JobEdit::new().payload("2").queue("no queue").max_attempts(0);
    let refused = t.queue.edit(id, wrong).await.expect_err("refused");
    let unknown =
        t.queue.edit("812".parse::<JobId>().expect("an id"), JobEdit::new().payload("2")).await;

    let Error::Invalid(broken) = refused else { panic!("{refused}") };
    let pointers: Vec<&str> = broken.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(pointers, ["/queue", "/max_attempts"]);
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");
    assert_eq!(t.get(id).await.payload, b"1");
}
