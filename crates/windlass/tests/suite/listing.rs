//! Lists: filters, pages, order.

use std::time::Duration;

use windlass::{Error, JobEdit, JobFilter, JobId, Priority, Reason, RetryOptions, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    pages_follow_each_other_without_gaps,
    filters_narrow_the_list,
    every_state_can_be_listed,
    pending_jobs_of_all_queues_come_in_one_order,
    values_of_a_filter_are_never_part_of_the_statement,
    what_no_index_answers_is_asked_of_each_job,
    a_page_ends_early_when_so_many_jobs_were_looked_at,
    a_change_meant_for_another_version_is_refused,
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

async fn pending_jobs_of_all_queues_come_in_one_order(t: &Harness) {
    let mut ids = Vec::new();
    for n in 0..8 {
        let priority = if n % 3 == 0 { Priority::CRITICAL } else { Priority::LOW };
        let queue = ["a", "b"][n % 2];
        let kind = ["mail", "other"][n / 4];
        ids.push(t.job(kind).with(|job| job.queue(queue).priority(priority)).await);
    }
    // It comes back behind all others in the order of claims, and to its place in a list.
    t.queue.cancel(ids[2], None).await.expect("a cancellation");
    t.queue.retry(ids[2], RetryOptions::default()).await.expect("a retry");

    let pending = || JobFilter::new().state(State::Pending).oldest_first();
    assert_eq!(listed(t, pending()).await, ids);
    assert_eq!(listed(t, pending().limit(3)).await, ids[..3]);
    assert_eq!(listed(t, pending().limit(3).after(ids[1])).await, ids[2..5]);
    assert_eq!(listed(t, pending().queue("a")).await, [ids[0], ids[2], ids[4], ids[6]]);
    assert_eq!(listed(t, pending().queue("a").kind("mail")).await, [ids[0], ids[2]]);
    let newest = listed(t, JobFilter::new().state(State::Pending).limit(3)).await;
    assert_eq!(newest, [ids[7], ids[6], ids[5]]);
}

async fn values_of_a_filter_are_never_part_of_the_statement(t: &Harness) {
    t.job("mail").await;

    for evil in ["' or 1=1 --", "\"; drop table windlass_job; --", "$1", "?2", "{filter}"] {
        let filter = JobFilter::new().kind(evil).queue(evil).correlation_id(evil);
        assert_eq!(listed(t, filter).await, [], "{evil}");
    }

    assert_eq!(listed(t, JobFilter::new()).await.len(), 1);
}

async fn what_no_index_answers_is_asked_of_each_job(t: &Harness) {
    let other = t.queue.in_namespace("other").expect("a name");
    t.queue.create_namespace("other").await.expect("a namespace");
    other.enqueue_new(windlass::NewJob::new("mail", "1")).await.expect("stored");
    let plain = t.job("mail").with(|job| job.queue("slow").tag("team", "Blue")).await;
    let late =
        t.job("mail").with(|job| job.delay(Duration::from_secs(9)).correlation_id("c-1")).await;
    t.advance(Duration::from_secs(2));
    let gone = t.job("other").with(|job| job.queue("slow").correlation_id("c-2")).await;
    t.queue.cancel(gone, Some("too late")).await.expect("cancelled");

    let (filter, now) = (JobFilter::new, t.clock.now());
    assert_eq!(listed(t, filter().reason(Reason::Scheduled)).await, [late]);
    assert_eq!(listed(t, filter().reason(Reason::Request).state(State::Cancelled)).await, [gone]);
    assert_eq!(listed(t, filter().correlation_id("c-1").correlation_id("c-2")).await, [gone, late]);
    assert_eq!(listed(t, filter().updated_after(now)).await, [gone]);
    assert_eq!(listed(t, filter().updated_before(now)).await, [late, plain]);
    assert_eq!(listed(t, filter().text("BLUE")).await, [plain]);
    assert_eq!(listed(t, filter().text("too l_te")).await, []);
    assert_eq!(listed(t, filter().text("too late")).await, [gone]);
    assert_eq!(listed(t, filter().queue("slow").kind("mail")).await, [plain]);
    assert_eq!(listed(t, filter().queue("slow").state(State::Cancelled)).await, [gone]);
    assert_eq!(listed(t, filter().created_before(now).oldest_first()).await, [plain, late]);
    assert_eq!(listed(t, filter().queue("none").text("mail")).await, []);
}

async fn a_page_ends_early_when_so_many_jobs_were_looked_at(t: &Harness) {
    for _ in 0..4 {
        t.job("mail").await;
    }
    let filter = || JobFilter::new().priority(Priority::LOW).limit(1);
    let looks = |jobs| filter().look_at_most(jobs, Duration::from_secs(60));

    let early = t.queue.list(looks(3)).await.expect("a page");
    assert!(!early.complete && early.jobs.is_empty());
    let cursor = early.next_cursor.expect("where it goes on");
    let rest = t.queue.list(looks(3).after(cursor)).await.expect("a page");
    assert!(rest.complete && rest.next_cursor.is_none());
    // No time at all is enough for one step.
    let hasty = filter().look_at_most(2, Duration::ZERO);
    assert!(!t.queue.list(hasty).await.expect("a page").complete);
    assert!(t.queue.list(filter()).await.expect("a page").complete);
}

async fn a_change_meant_for_another_version_is_refused(t: &Harness) {
    let id = t.job("mail").await;
    let first = t.queue.get(id).await.expect("a job").version();
    let changed = t.queue.edit(id.at_version(first), JobEdit::new().priority(Priority::LOW)).await;
    let second = changed.expect("changed").version();
    let refused = |result: Result<(), Error>| {
        matches!(result, Err(Error::Conflict { code: "precondition_failed", .. }))
    };

    let edit = t.queue.edit(id.at_version(first), JobEdit::new().queue("q")).await;
    assert!(refused(edit.map(drop)));
    assert!(refused(t.queue.cancel(id.at_version(first), None).await.map(drop)));
    assert!(refused(t.queue.delete(id.at_version(first), true).await));
    t.queue.cancel(id.at_version(second), None).await.expect("cancelled");
    let retry = t.queue.retry(id.at_version(second), RetryOptions::default()).await;
    assert!(refused(retry.map(drop)));
    let third = t.queue.get(id).await.expect("a job").version();
    t.queue.delete(id.at_version(third), false).await.expect("deleted");
}
