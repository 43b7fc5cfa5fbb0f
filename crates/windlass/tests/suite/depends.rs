//! Dependencies (F1): a job waits for others, and runs or ends with them.

use std::time::Duration;

use windlass::{Dependency, Error, JobFilter, JobId, NewJob, Reason, RetryOptions, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_child_runs_after_its_parent,
    a_child_of_several_waits_for_all,
    a_parent_that_has_ended_already_holds_nothing_up,
    a_failed_parent_takes_its_descendants_along,
    a_cancelled_parent_cancels_its_children,
    an_edge_may_ignore_failure_or_take_any_end,
    a_parent_that_fails_and_recovers_is_waited_for,
    an_unknown_parent_is_refused,
    a_parent_in_another_namespace_is_unknown,
    a_blocked_job_can_be_cancelled_and_deleted,
    a_deleted_parent_cancels_its_children,
    a_blocked_job_ends_at_its_deadline,
    a_delayed_child_waits_for_both,
    a_blocked_job_says_what_it_waits_for,
    a_diamond_runs_in_order,
    many_children_of_one_parent_are_all_released,
);

async fn child(t: &Harness, parents: &[JobId]) -> JobId {
    let job = parents.iter().fold(NewJob::new("mail", "1"), |job, parent| job.after(*parent));
    t.enqueue(job).await
}

async fn a_child_runs_after_its_parent(t: &Harness) {
    let parent = t.job("mail").await;
    let child = child(t, &[parent]).await;
    let before = t.get(child).await;
    let script = Script::completing();

    let worker = t.start(&script).await;

    t.reaches(child, State::Completed).await;
    assert_eq!((before.state, before.reason), (State::Pending, Some(Reason::Blocked)));
    assert_eq!(script.order(), [parent, child]);
    worker.stop().await;
}

async fn a_child_of_several_waits_for_all(t: &Harness) {
    let script = Script::new([Act::Complete("1"), Act::Wait]);
    let parents = [t.job("mail").await, t.job("mail").await];
    let child = child(t, &parents).await;
    let worker = t.start(&script).await;
    t.reaches(parents[0], State::Completed).await;
    script.started(2).await;

    let between = t.get(child).await;
    script.release();
    t.reaches(child, State::Completed).await;

    assert_eq!(between.reason, Some(Reason::Blocked));
    assert_eq!(script.order(), [parents[0], parents[1], child]);
    worker.stop().await;
}

async fn a_parent_that_has_ended_already_holds_nothing_up(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let parent = t.job("mail").await;
    t.reaches(parent, State::Completed).await;

    let child = child(t, &[parent]).await;

    t.reaches(child, State::Completed).await;
    worker.stop().await;
}

async fn a_failed_parent_takes_its_descendants_along(t: &Harness) {
    let parent = t.job("mail").await;
    let middle = child(t, &[parent]).await;
    let last = child(t, &[middle]).await;

    let worker = t.start(&Script::new([Act::FailForGood("no")])).await;

    for id in [middle, last] {
        let job = t.reaches(id, State::Failed).await;
        assert_eq!((job.reason, job.attempt), (Some(Reason::Dependency), 0));
    }
    worker.stop().await;
}

async fn a_cancelled_parent_cancels_its_children(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let parent = t.enqueue(NewJob::new("mail", "1").delay(Duration::from_secs(60))).await;
    let child = child(t, &[parent]).await;

    t.queue.cancel(parent, None).await.expect("cancelled");

    let job = t.reaches(child, State::Cancelled).await;
    assert_eq!(job.reason, Some(Reason::Dependency));
    worker.stop().await;
}

async fn an_edge_may_ignore_failure_or_take_any_end(t: &Harness) {
    let parent = t.job("mail").await;
    let on = |dependency| NewJob::new("mail", "1").depends_on(dependency);
    let any = t.enqueue(on(Dependency::on(parent).any_end())).await;
    let ignoring = t.enqueue(on(Dependency::on(parent).ignore_failure())).await;

    let worker = t.start(&Script::new([Act::FailForGood("no")])).await;

    t.reaches(any, State::Completed).await;
    t.reaches(ignoring, State::Completed).await;
    worker.stop().await;
}

async fn a_parent_that_fails_and_recovers_is_waited_for(t: &Harness) {
    let script = Script::new([Act::Fail("once")]);
    let worker = t.start(&script).await;
    let parent = t.job("mail").await;
    t.reaches(parent, State::Retrying).await;

    let child = child(t, &[parent]).await;
    t.queue.retry(parent, RetryOptions::default()).await.expect("run now");

    t.reaches(child, State::Completed).await;
    assert_eq!(script.order(), [parent, parent, child]);
    worker.stop().await;
}

async fn an_unknown_parent_is_refused(t: &Harness) {
    let known = t.job("mail").await;
    let unknown: JobId = "4611686018427387904".parse().expect("an id");
    let job = NewJob::new("mail", "1").after(known).after(unknown);

    let refused = t.queue.enqueue_new(job.clone()).await.expect_err("refused");
    let twice = NewJob::new("mail", "1").after(known).after(known);
    let twice = t.queue.enqueue_new(twice).await.expect_err("refused");
    let batch = vec![NewJob::new("mail", "1"), job];
    let batch = t.queue.enqueue_batch(batch, true).await.expect_err("refused");

    let pointer = |error| {
        let Error::Invalid(broken) = error else { panic!("{error}") };
        broken[0].pointer.clone()
    };
    assert_eq!(pointer(refused), "/depends_on/1");
    assert_eq!(pointer(twice), "/depends_on/1");
    assert_eq!(pointer(batch), "/jobs/1/depends_on/1");
    assert_eq!(t.queue.list(JobFilter::new()).await.expect("a list").jobs.len(), 1);
}

async fn a_parent_in_another_namespace_is_unknown(t: &Harness) {
    let parent = t.job("mail").await;
    t.queue.create_namespace("other").await.expect("a namespace");
    let other = t.queue.in_namespace("other").expect("a name");

    let refused = other.enqueue_new(NewJob::new("mail", "1").after(parent)).await;

    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}

async fn a_blocked_job_can_be_cancelled_and_deleted(t: &Harness) {
    let parent = t.job("mail").await;
    let (first, second) = (child(t, &[parent]).await, child(t, &[parent]).await);

    let cancelled = t.queue.cancel(first, None).await.expect("cancelled");
    t.queue.delete(second, false).await.expect("deleted");
    let refused = t.queue.retry(child(t, &[parent]).await, RetryOptions::default()).await;

    assert_eq!(cancelled.reason, Some(Reason::Request));
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
}

async fn a_deleted_parent_cancels_its_children(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let parent = t.enqueue(NewJob::new("mail", "1").delay(Duration::from_secs(60))).await;
    let child = child(t, &[parent]).await;

    t.queue.delete(parent, false).await.expect("deleted");

    let job = t.reaches(child, State::Cancelled).await;
    assert_eq!(job.reason, Some(Reason::Dependency));
    worker.stop().await;
}

async fn a_blocked_job_ends_at_its_deadline(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let parent = t.enqueue(NewJob::new("mail", "1").delay(Duration::from_secs(600))).await;
    let limit = Duration::from_secs(10);
    let child = t.enqueue(NewJob::new("mail", "1").after(parent).deadline_in(limit)).await;

    let job = t
        .until_after("dead", Duration::from_secs(5), async || {
            Some(t.get(child).await).filter(|job| job.state == State::DeadLetter)
        })
        .await;

    assert_eq!(job.reason, Some(Reason::Deadline));
    worker.stop().await;
}

async fn a_delayed_child_waits_for_both(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let parent = t.job("mail").await;
    let minute = Duration::from_secs(60);
    let child = t.enqueue(NewJob::new("mail", "1").after(parent).delay(minute)).await;

    t.reaches(child, State::Delayed).await;
    t.advance(minute);

    t.reaches(child, State::Completed).await;
    worker.stop().await;
}

async fn a_blocked_job_says_what_it_waits_for(t: &Harness) {
    let parents = [t.job("mail").await, t.job("mail").await];
    let child = child(t, &parents).await;

    let job = t.get(child).await;
    let pending = t.queue.list(JobFilter::new().state(State::Pending)).await.expect("a list");

    assert_eq!(job.blocked_by, parents);
    assert_eq!(job.depends_on, parents.map(Dependency::on));
    assert_eq!(pending.jobs.len(), 3);
}

async fn a_diamond_runs_in_order(t: &Harness) {
    let top = t.job("mail").await;
    let mut layer = vec![top];
    let mut all = layer.clone();
    for _ in 0..4 {
        let mut next = Vec::new();
        for _ in 0..3 {
            next.push(child(t, &layer).await);
        }
        all.extend(&next);
        layer = next;
    }
    let bottom = child(t, &layer).await;
    let script = Script::completing();

    let worker = t.start(&script).await;

    t.reaches(bottom, State::Completed).await;
    let order = script.order();
    let place = |id: &JobId| order.iter().position(|ran| ran == id).expect("it ran");
    let layers: Vec<Vec<usize>> = std::iter::once(&all[..1])
        .chain(all[1..].chunks(3))
        .map(|layer| layer.iter().map(place).collect())
        .collect();
    assert!(layers.windows(2).all(|pair| pair[0].iter().max() < pair[1].iter().min()));
    assert_eq!(order.last(), Some(&bottom));
    worker.stop().await;
}

async fn many_children_of_one_parent_are_all_released(t: &Harness) {
    let worker = t.start(&Script::completing()).await;
    let parent = t.enqueue(NewJob::new("mail", "1").delay(Duration::from_secs(60))).await;
    let children = (0..350).map(|_| NewJob::new("unserved", "1").after(parent)).collect();
    let children = t.queue.enqueue_batch(children, true).await.expect("stored");

    t.queue.retry(parent, RetryOptions::default()).await.expect("run now");

    for child in children.iter().flatten().step_by(30).chain(children.last().into_iter().flatten())
    {
        t.until("released", async || {
            (t.get(child.id()).await.reason != Some(Reason::Blocked)).then_some(())
        })
        .await;
    }
    worker.stop().await;
}
