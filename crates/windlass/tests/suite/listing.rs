//! Lists: filters, pages, order.

use std::time::Duration;

use windlass::{JobFilter, JobId, Priority, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    pages_follow_each_other_without_gaps,
    filters_narrow_the_list,
    every_state_can_be_listed,
    values_of_a_filter_are_never_part_of_the_statement,
);

async fn listed(t: &Harness, filter: JobFilter) -> Vec<JobId> {
    t.queue.list(filter).await.expect("a page").jobs.iter().map(|job| job.id).collect()
}

async fn pages_follow_each_other_without_gaps(t: &Harness) {
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(t.job("mail").await);
    }

    let mut seen = Vec::new();
    let mut filter = JobFilter::new().limit(3);
    loop {
        let page = t.queue.list(filter).await.expect("a page");
        seen.extend(page.jobs.iter().map(|job| job.id));
        match page.next_cursor {
            Some(cursor) => filter = JobFilter::new().limit(3).after(cursor),
            None => break,
        }
    }

    let oldest_first = listed(t, JobFilter::new().oldest_first()).await;
    assert_eq!(oldest_first, ids);
    ids.reverse();
    assert_eq!(seen, ids);
}

async fn filters_narrow_the_list(t: &Harness) {
    let plain = t.job("mail").await;
    let other = t.job("other").with(|job| job.queue("slow").priority(Priority::LOW)).await;
    t.advance(Duration::from_secs(1));
    let late = t.job("mail").with(|job| job.correlation_id("req-9")).await;

    let now = t.clock.now();
    let filter = JobFilter::new;
    assert_eq!(listed(t, filter().kind("mail")).await, [late, plain]);
    assert_eq!(listed(t, filter().kind("mail").kind("other")).await, [late, other, plain]);
    assert_eq!(listed(t, filter().queue("slow")).await, [other]);
    assert_eq!(listed(t, filter().queue("slow").kind("mail")).await, []);
    assert_eq!(listed(t, filter().priority(Priority::LOW)).await, [other]);
    assert_eq!(listed(t, filter().correlation_id("req-9")).await, [late]);
    assert_eq!(listed(t, filter().created_after(now)).await, [late]);
    assert_eq!(listed(t, filter().created_before(now)).await, [other, plain]);
    assert_eq!(listed(t, filter().kind("unheard-of")).await, []);
}

async fn every_state_can_be_listed(t: &Harness) {
    let acts =
        [Act::Complete("1"), Act::FailForGood("x"), Act::Fail("x"), Act::Fail("x"), Act::Wait];
    let script = Script::new(acts);
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    let mut expected = Vec::new();
    for (state, attempts) in [
        (State::Completed, 20),
        (State::Failed, 20),
        (State::Retrying, 20),
        (State::DeadLetter, 1),
        (State::Running, 20),
    ] {
        let id = t.job("mail").with(|job| job.max_attempts(attempts)).await;
        t.reaches(id, state).await;
        expected.push((state, id));
    }
    expected.push((State::Pending, t.job("mail").await));
    expected
        .push((State::Delayed, t.job("mail").with(|job| job.delay(Duration::from_secs(9))).await));
    let cancelled = t.job("mail").await;
    t.queue.cancel(cancelled, None).await.expect("cancelled");
    expected.push((State::Cancelled, cancelled));

    for (state, id) in expected {
        assert_eq!(listed(t, JobFilter::new().state(state)).await, [id], "{state}");
    }
    let several = JobFilter::new().state(State::Failed).state(State::DeadLetter);
    assert_eq!(listed(t, several).await.len(), 2);
    worker.stop_now().await;
}

async fn values_of_a_filter_are_never_part_of_the_statement(t: &Harness) {
    t.job("mail").await;

    for evil in ["' or 1=1 --", "\"; drop table windlass_job; --", "$1", "?2", "{filter}"] {
        let filter = JobFilter::new().kind(evil).queue(evil).correlation_id(evil);
        assert_eq!(listed(t, filter).await, [], "{evil}");
    }

    assert_eq!(listed(t, JobFilter::new()).await.len(), 1);
}
