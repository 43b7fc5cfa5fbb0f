//! Unique keys (A8): one live job per key, whoever asks, and however often it is tried again.

use std::time::Duration;

use windlass::{Error, Existing, NewJob, Reason, RetryOptions, State, Unique};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_held_key_returns_the_job_that_holds_it,
    fields_of_the_payload_make_a_key,
    scopes_keep_keys_apart,
    a_key_is_held_through_retries_and_given_back_at_the_end,
    every_way_to_end_gives_the_key_back,
    a_key_held_until_started_is_free_then,
    a_key_held_for_a_period_is_free_after_it,
    a_waiting_job_is_replaced_on_demand,
    a_waiting_job_is_superseded_on_demand,
    a_debounced_job_waits_for_quiet_but_not_for_ever,
    a_running_job_is_kept_whatever_is_asked,
    an_idempotency_key_goes_before_a_unique_key,
    keys_repeat_within_a_batch,
    a_refused_batch_gives_its_keys_back,
    what_is_refused_supersedes_nothing,
    a_dead_job_is_retried_only_while_its_key_is_free,
    jobs_of_one_batch_that_supersede_the_same_job,
    jobs_of_one_batch_that_replace_the_same_job,
    sixty_four_callers_with_the_same_keys_make_one_job_of_each,
    what_was_asked_for_can_be_read,
);

const SECOND: Duration = Duration::from_secs(1);

fn unique(payload: &str) -> NewJob {
    NewJob::new("mail", payload).unique(Unique::key("k"))
}

async fn a_held_key_returns_the_job_that_holds_it(t: &Harness) {
    let first = t.queue.enqueue_new(unique("1")).await.expect("new");
    let second = t.queue.enqueue_new(unique("2")).await.expect("the same");

    assert_eq!((first.is_new(), first.existing()), (true, None));
    assert_eq!((second.id(), second.existing()), (first.id(), Some(Existing::Unique)));
    assert_eq!(t.get(first.id()).await.payload, b"1");
}

async fn fields_of_the_payload_make_a_key(t: &Harness) {
    let job = |payload| NewJob::new("mail", payload).unique(Unique::fields(["user"]));
    let first = t.enqueue(job(r#"{"user":1,"text":"a"}"#)).await;

    let same = t.queue.enqueue_new(job(r#"{"text":"b","user":1}"#)).await.expect("the same");
    let other = t.queue.enqueue_new(job(r#"{"user":2}"#)).await.expect("another");
    let refused = t.queue.enqueue_new(job("[1]")).await.expect_err("no object");

    assert_eq!(same.id(), first);
    assert!(other.is_new());
    let Error::Invalid(broken) = refused else { panic!("{refused}") };
    assert_eq!(broken[0].pointer, "/unique/fields");
}

async fn scopes_keep_keys_apart(t: &Harness) {
    let job = |kind, queue, unique| NewJob::new(kind, "1").queue(queue).unique(unique);
    let new = async |job| t.queue.enqueue_new(job).await.expect("stored").is_new();
    let (kind, queue) = (Unique::key("k"), Unique::key("k").per_queue());
    let all = Unique::key("k").per_namespace();

    assert!(new(job("a", "q", kind.clone())).await);
    assert!(!new(job("a", "other", kind.clone())).await, "a kind's, in any queue");
    assert!(new(job("b", "q", kind)).await);
    assert!(new(job("a", "q", queue.clone())).await);
    assert!(!new(job("b", "q", queue.clone())).await, "a queue's, of any kind");
    assert!(new(job("a", "other", queue)).await);
    assert!(new(job("a", "q", all.clone())).await);
    assert!(!new(job("b", "other", all)).await, "the namespace's");
}

async fn a_key_is_held_through_retries_and_given_back_at_the_end(t: &Harness) {
    let script = Script::new([Act::Fail("once"), Act::Complete("1")]);
    let worker = t.start(&script).await;
    let id = t.enqueue(unique("1")).await;
    t.reaches(id, State::Retrying).await;

    let meanwhile = t.queue.enqueue_new(unique("2")).await.expect("the same");
    assert_eq!(meanwhile.id(), id);
    t.until_after("completed", Duration::from_secs(5), async || {
        (t.get(id).await.state == State::Completed).then_some(())
    })
    .await;
    let after = t.queue.enqueue_new(unique("3")).await.expect("new");

    assert!(after.is_new());
    worker.stop().await;
}

async fn every_way_to_end_gives_the_key_back(t: &Harness) {
    let free = async || t.queue.enqueue_new(unique("next")).await.expect("stored");

    t.queue.cancel(t.enqueue(unique("1")).await, None).await.expect("cancelled");
    let second = free().await;
    assert!(second.is_new(), "cancelled");
    t.queue.delete(second.id(), false).await.expect("deleted");
    let third = t.queue.enqueue_new(unique("3").start_within(SECOND)).await.expect("stored");
    assert!(third.is_new(), "deleted");
    t.advance(2 * SECOND);
    let script = Script::new([Act::FailForGood("no"), Act::Wait]);
    let worker = t.start(&script).await;
    t.reaches(third.id(), State::Failed).await;
    let fourth = free().await;
    assert!(fourth.is_new(), "expired");
    t.reaches(fourth.id(), State::Failed).await;
    let fifth = free().await;
    assert!(fifth.is_new(), "failed");
    script.started(2).await;
    t.queue.cancel_by_force(fifth.id(), None).await.expect("cut off");
    assert!(free().await.is_new(), "cut off");
    script.release();
    worker.stop().await;
}

async fn a_key_held_until_started_is_free_then(t: &Harness) {
    let job = || NewJob::new("mail", "1").unique(Unique::key("k").until_started());
    let script = Script::new([Act::Wait, Act::Complete("1")]);
    let first = t.enqueue(job()).await;
    assert!(!t.queue.enqueue_new(job()).await.expect("the same").is_new());

    let worker = t.start(&script).await;
    script.started(1).await;
    let second = t.queue.enqueue_new(job()).await.expect("new");

    assert!(second.is_new());
    script.release();
    t.reaches(first, State::Completed).await;
    t.reaches(second.id(), State::Completed).await;
    worker.stop().await;
}

async fn a_key_held_for_a_period_is_free_after_it(t: &Harness) {
    let job = || NewJob::new("mail", "1").unique(Unique::key("k").for_period(60 * SECOND));
    let worker = t.start(&Script::completing()).await;
    let first = t.enqueue(job()).await;
    t.reaches(first, State::Completed).await;

    let within = t.queue.enqueue_new(job()).await.expect("the same");
    t.advance(61 * SECOND);
    let after = t.queue.enqueue_new(job()).await.expect("new");

    assert_eq!(within.id(), first);
    assert!(after.is_new());
    worker.stop().await;
}

async fn a_waiting_job_is_replaced_on_demand(t: &Harness) {
    let job = |payload| NewJob::new("mail", payload).unique(Unique::key("k").replace());
    let first = t.enqueue(job("1").tag("a", "b")).await;

    let later = t.queue.enqueue_new(job("2").delay(60 * SECOND).max_attempts(7)).await;
    let delayed = t.get(first).await;
    let sooner = t.queue.enqueue_new(job("3")).await.expect("the same");
    let ready = t.get(first).await;

    assert_eq!(later.expect("the same").existing(), Some(Existing::Unique));
    assert_eq!(
        (delayed.state, delayed.payload, delayed.max_attempts),
        (State::Delayed, b"2".to_vec(), 7)
    );
    assert!(delayed.tags.is_empty());
    assert_eq!(sooner.id(), first);
    assert_eq!((ready.state, ready.payload), (State::Pending, b"3".to_vec()));
    assert_eq!(ready.created_at, delayed.created_at);
}

async fn a_waiting_job_is_superseded_on_demand(t: &Harness) {
    let job = |payload| NewJob::new("mail", payload).unique(Unique::key("k").supersede());
    let first = t.enqueue(job("1")).await;

    let second = t.queue.enqueue_new(job("2")).await.expect("new");

    assert!(second.is_new());
    let first = t.get(first).await;
    assert_eq!((first.state, first.reason), (State::Cancelled, Some(Reason::Superseded)));
    assert!(!t.queue.enqueue_new(unique("3")).await.expect("the same").is_new());
}

async fn a_debounced_job_waits_for_quiet_but_not_for_ever(t: &Harness) {
    let quiet = Unique::key("k").debounce(10 * SECOND, 25 * SECOND);
    let job = |payload| NewJob::new("mail", payload).unique(quiet.clone());
    let first = t.queue.enqueue_new(job("1")).await.expect("new");
    let created = t.get(first.id()).await.created_at;
    let wait = |of: &windlass::JobRecord| of.scheduled_at.expect("a time").since(created);
    assert_eq!(wait(&t.get(first.id()).await), 10 * SECOND);

    t.advance(8 * SECOND);
    let second = t.queue.enqueue_new(job("2")).await.expect("the same");
    let after_second = t.get(first.id()).await;
    t.advance(9 * SECOND);
    t.queue.enqueue_new(job("3")).await.expect("the same");
    let after_third = t.get(first.id()).await;

    assert_eq!(second.existing(), Some(Existing::Unique));
    assert_eq!((wait(&after_second), after_second.payload), (18 * SECOND, b"2".to_vec()));
    assert_eq!((wait(&after_third), after_third.payload), (25 * SECOND, b"3".to_vec()));
}

async fn a_running_job_is_kept_whatever_is_asked(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let id = t.enqueue(unique("1")).await;
    script.started(1).await;

    for other in [Unique::key("k").replace(), Unique::key("k").supersede()] {
        let reply = t.queue.enqueue_new(NewJob::new("mail", "2").unique(other)).await;
        assert_eq!(reply.expect("the same").id(), id);
    }

    script.release();
    let job = t.reaches(id, State::Completed).await;
    assert_eq!(job.payload, b"1");
    worker.stop().await;
}

async fn an_idempotency_key_goes_before_a_unique_key(t: &Harness) {
    let first = t.enqueue(unique("1").idempotency_key("i")).await;
    let same = t.queue.enqueue_new(unique("1").idempotency_key("i")).await.expect("the same");
    let held = t.queue.enqueue_new(unique("1").idempotency_key("j")).await.expect("the same");

    assert_eq!((same.id(), same.existing()), (first, Some(Existing::Idempotency)));
    assert_eq!((held.id(), held.existing()), (first, Some(Existing::Unique)));
}

async fn keys_repeat_within_a_batch(t: &Harness) {
    let jobs = vec![unique("1"), NewJob::new("mail", "x"), unique("2")];

    let replies = t.queue.enqueue_batch(jobs, true).await.expect("a batch");

    let replies: Vec<_> = replies.iter().flatten().map(|job| (job.id(), job.is_new())).collect();
    assert_eq!((replies[0].1, replies[1].1), (true, true));
    assert_eq!(replies[2], (replies[0].0, false));
}

async fn a_refused_batch_gives_its_keys_back(t: &Harness) {
    t.enqueue(NewJob::new("mail", "1").idempotency_key("i")).await;
    let conflict = NewJob::new("mail", "2").idempotency_key("i");

    t.queue.enqueue_batch(vec![unique("1"), conflict], true).await.expect_err("a conflict");

    assert!(t.queue.enqueue_new(unique("1")).await.expect("stored").is_new());
}

async fn what_is_refused_supersedes_nothing(t: &Harness) {
    let first = t.enqueue(unique("1")).await;
    t.enqueue(NewJob::new("mail", "1").idempotency_key("i")).await;
    let next = |unique| NewJob::new("mail", "2").unique(unique);
    let conflict = || NewJob::new("mail", "2").idempotency_key("i");

    for other in [Unique::key("k").supersede(), Unique::key("k").replace()] {
        let batch = vec![next(other), conflict()];
        t.queue.enqueue_batch(batch, true).await.expect_err("a conflict");
    }

    let first = t.get(first).await;
    assert_eq!((first.state, first.payload), (State::Pending, b"1".to_vec()));
}

async fn a_dead_job_is_retried_only_while_its_key_is_free(t: &Harness) {
    let first = t.enqueue(unique("1")).await;
    t.queue.cancel(first, None).await.expect("cancelled");
    let second = t.enqueue(unique("2")).await;

    let refused = t.queue.retry(first, RetryOptions::default()).await.expect_err("held");
    t.queue.cancel(second, None).await.expect("cancelled");
    t.queue.retry(first, RetryOptions::default()).await.expect("retried");
    let held = t.queue.enqueue_new(unique("3")).await.expect("the same");

    let Error::Conflict { message, .. } = refused else { panic!("{refused}") };
    assert!(message.contains(&second.to_string()), "{message}");
    assert_eq!(held.id(), first);
}

async fn sixty_four_callers_with_the_same_keys_make_one_job_of_each(t: &Harness) {
    let keys = std::env::var("WINDLASS_UNIQUE_KEYS");
    let keys = keys.map_or(20, |keys| keys.parse().expect("a number of keys"));
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..64 {
        let queue = t.queue.clone();
        let job = move |key: usize| {
            let unique = Unique::key(format!("customer {key}"));
            NewJob::new("mail", n.to_string()).unique(unique)
        };
        callers.spawn(async move {
            let mut replies = Vec::new();
            for key in 0..keys {
                replies.push(queue.enqueue_new(job(key)).await.expect("stored"));
            }
            replies
        });
    }
    let replies = callers.join_all().await;

    for key in 0..keys {
        assert_eq!(replies.iter().filter(|replies| replies[key].is_new()).count(), 1);
        assert!(replies.iter().all(|of_caller| of_caller[key].id() == replies[0][key].id()));
    }
}

async fn what_was_asked_for_can_be_read(t: &Harness) {
    let asked = Unique::fields(["a"]).per_queue().for_period(60 * SECOND).replace();

    let id = t.enqueue(NewJob::new("mail", "{}").unique(asked.clone())).await;

    assert_eq!(t.get(id).await.unique(), Some(&asked));
    assert_eq!(t.get(t.enqueue(NewJob::new("mail", "1")).await).await.unique(), None);
}

async fn jobs_of_one_batch_that_supersede_the_same_job(t: &Harness) {
    let job = |payload: &str| NewJob::new("mail", payload).unique(Unique::key("k").supersede());
    let first = t.enqueue(job("1")).await;

    let replies = t.queue.enqueue_batch(vec![job("2"), job("3")], true).await.expect("stored");

    let [second, third] = replies.try_into().expect("two replies");
    let (second, third) = (second.expect("stored"), third.expect("answered"));
    assert_eq!(t.get(first).await.reason, Some(Reason::Superseded));
    assert!(second.is_new());
    assert_eq!(third.id(), second.id());
}

async fn jobs_of_one_batch_that_replace_the_same_job(t: &Harness) {
    let job = |payload: &str| NewJob::new("mail", payload).unique(Unique::key("k").replace());
    let first = t.enqueue(job("1").delay(60 * SECOND)).await;

    let replies = t.queue.enqueue_batch(vec![job("2"), job("3")], true).await.expect("stored");

    assert!(replies.iter().all(|reply| reply.as_ref().expect("answered").id() == first));
    assert_eq!(t.get(first).await.payload, b"3");
}
