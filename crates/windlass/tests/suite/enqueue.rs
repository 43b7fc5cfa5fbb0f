//! Enqueue: what is stored, what is refused, what waits for its time.

use std::time::Duration;

use windlass::{
    Backoff, Dependency, Error, FieldError, JobEdit, JobFilter, Limit, NewBatch, NewJob,
    PAYLOAD_BYTES_MAX, Priority, QueueSettings, Reason, RetryOptions, State, Unique,
};
use windlass_testkit::{Harness, Script, every_backend};

every_backend!(
    a_job_keeps_everything_it_was_given,
    what_is_answered_with_a_new_job_is_what_is_read,
    payload_bytes_come_back_exactly,
    a_bad_job_is_refused_with_every_reason_and_nothing_is_stored,
    an_atomic_batch_with_one_bad_job_stores_nothing,
    a_loose_batch_stores_the_good_jobs_and_answers_in_order,
    too_large_a_batch_is_refused,
    a_delayed_job_waits_for_its_time,
    a_time_in_the_past_means_now,
    a_job_without_a_worker_says_so,
    an_unknown_namespace_is_refused,
    many_callers_at_once_are_all_stored,
    a_batch_may_be_larger_than_any_one_statement,
);

async fn a_job_keeps_everything_it_was_given(t: &Harness) {
    let at = t.clock.now() + Duration::from_secs(3600);
    let job = NewJob::new("mail", r#"{"to":"ada"}"#)
        .queue("letters")
        .priority(Priority::HIGH)
        .at(at)
        .timeout(Duration::from_secs(5))
        .start_by(at + Duration::from_secs(60))
        .deadline(at + Duration::from_secs(90))
        .max_attempts(7)
        .max_crashes(2)
        .backoff(Backoff::constant(Duration::from_secs(9)))
        .idempotency_key("welcome:ada")
        .correlation_id("req-1")
        .tag("team", "growth")
        .metadata("trace", "00-abc");

    let got = t.get(t.enqueue(job).await).await;

    assert_eq!((got.kind.as_str(), got.queue.as_str()), ("mail", "letters"));
    assert_eq!((got.state, got.reason), (State::Delayed, Some(Reason::Scheduled)));
    assert_eq!((got.priority, got.max_attempts, got.max_crashes), (Priority::HIGH, 7, 2));
    assert_eq!((got.scheduled_at, got.timeout), (Some(at), Duration::from_secs(5)));
    assert_eq!(got.start_by, Some(at + Duration::from_secs(60)));
    assert_eq!(got.deadline, Some(at + Duration::from_secs(90)));
    assert_eq!(got.backoff, Backoff::constant(Duration::from_secs(9)));
    assert_eq!(got.idempotency_key.as_deref(), Some("welcome:ada"));
    assert_eq!(got.correlation_id.as_deref(), Some("req-1"));
    assert_eq!(got.tags["team"], "growth");
    assert_eq!(got.metadata["trace"], "00-abc");
    assert_eq!((got.created_at, got.attempt), (t.clock.now(), 0));
}

async fn what_is_answered_with_a_new_job_is_what_is_read(t: &Harness) {
    let of_queue = QueueSettings {
        ttl: Some(Duration::from_secs(77)),
        retries: Some(4),
        backoff: Some(Backoff::constant(Duration::from_secs(3))),
        ..QueueSettings::default()
    };
    t.queue.create_queue("slow", of_queue).await.expect("a queue");
    t.queue.set_limit("host", Limit::concurrency(1), None).await.expect("a limit");
    let batch = t.queue.open_batch(NewBatch::new("letters")).await.expect("a batch").id();
    let parent = t.enqueue(NewJob::new("mail", "0")).await;
    let day = Duration::from_secs(86_400);
    let jobs = vec![
        NewJob::new("mail", "1"),
        NewJob::new("mail", "2").queue("slow").delay(day),
        NewJob::new("mail", "3")
            .queue("slow")
            .at(t.clock.now() - day)
            .start_by(t.clock.now() + day),
        NewJob::new("mail", b"\0\xff".as_slice())
            .priority(Priority::HIGH)
            .max_attempts(7)
            .max_crashes(2)
            .timeout(Duration::from_micros(5_000_999))
            .deadline(t.clock.now() + day)
            .backoff(Backoff::linear(Duration::from_millis(1500), day).jitter(0.25))
            .idempotency_key("k")
            .correlation_id("c")
            .tag("team", "growth")
            .metadata("trace", "00-abc"),
        NewJob::new("mail", "5").concurrency_key("host").rate_key("r").fairness_key("f"),
        NewJob::new("mail", "6").concurrency_key("host"),
        NewJob::new("mail", "7").batch(batch),
        NewJob::new("mail", "8").depends_on(Dependency::on(parent)),
        NewJob::new("mail", "9").unique(Unique::key("u")),
        NewJob::new("mail", b"\0\xff".as_slice()).idempotency_key("k"),
        NewJob::new("", "refused"),
    ];

    let answers = t.queue.enqueue_and_read(jobs, false).await.expect("answers");

    assert_eq!(answers.len(), 11);
    for (place, answer) in answers[..10].iter().enumerate() {
        let (enqueued, record) = answer.as_ref().expect("a stored job");
        assert_eq!(enqueued.is_new(), place < 9);
        assert_eq!(record.as_deref(), Some(&t.get(enqueued.id()).await), "job {place}");
    }
    assert!(matches!(answers[10], Err(Error::Invalid(_))));
}

async fn payload_bytes_come_back_exactly(t: &Harness) {
    let payloads: [&[u8]; 5] =
        [b"", b"{ \"n\": 9007199254740993 }", b"\0\xff\xfe", "\u{1f980}".as_bytes(), b"null"];

    for payload in payloads {
        let id = t.enqueue(NewJob::new("mail", payload)).await;

        assert_eq!(t.get(id).await.payload, payload);
    }
}

async fn a_bad_job_is_refused_with_every_reason_and_nothing_is_stored(t: &Harness) {
    let bad = NewJob::new("", vec![b'x'; PAYLOAD_BYTES_MAX + 1]).queue("no spaces").max_attempts(0);

    let refused = t.queue.enqueue_new(bad).await.expect_err("a bad job");

    let Error::Invalid(broken) = refused else { panic!("{refused}") };
    let pointers: Vec<&str> = broken.iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(pointers, ["/type", "/queue", "/payload", "/max_attempts"]);
    assert!(t.queue.list(JobFilter::new()).await.expect("a page").jobs.is_empty());
}

async fn an_atomic_batch_with_one_bad_job_stores_nothing(t: &Harness) {
    let jobs = vec![NewJob::new("mail", "1"), NewJob::new("mail", "2").max_attempts(0)];

    let refused = t.queue.enqueue_batch(jobs, true).await.expect_err("a bad job");

    let Error::Invalid(broken) = refused else { panic!("{refused}") };
    assert_eq!(broken[0].pointer, "/jobs/1/max_attempts");
    assert!(t.queue.list(JobFilter::new()).await.expect("a page").jobs.is_empty());
}

async fn a_loose_batch_stores_the_good_jobs_and_answers_in_order(t: &Harness) {
    let jobs = vec![
        NewJob::new("bad kind", "0"),
        NewJob::new("mail", "1"),
        NewJob::new("mail", "2").max_crashes(0),
        NewJob::new("mail", "3"),
    ];

    let replies = t.queue.enqueue_batch(jobs, false).await.expect("a batch");

    let good: Vec<bool> = replies.iter().map(Result::is_ok).collect();
    assert_eq!(good, [false, true, false, true]);
    let last = replies[3].as_ref().expect("a good job").id();
    assert_eq!(t.get(last).await.payload, b"3");
}

async fn too_large_a_batch_is_refused(t: &Harness) {
    let jobs = vec![NewJob::new("mail", "1"); 10_001];

    let refused = t.queue.enqueue_batch(jobs, true).await.expect_err("too many");

    let detail = "has 10001 jobs (at most 10000)";
    let Error::Invalid(broken) = refused else { panic!("{refused}") };
    assert_eq!(broken, [FieldError::new("/jobs", detail)]);
}

async fn a_delayed_job_waits_for_its_time(t: &Harness) {
    let script = Script::completing();
    let worker = t.start(&script).await;
    let hour = Duration::from_secs(3600);
    let late = t.job("mail").with(|job| job.delay(hour)).await;
    let witness = t.job("mail").with(|job| job.delay(hour - Duration::from_secs(1))).await;

    t.advance(hour - Duration::from_millis(1));
    t.reaches(witness, State::Completed).await;
    let before = t.get(late).await.state;
    // A claim that was under way would carry the time before this step.
    worker.stop().await;
    t.advance(Duration::from_millis(1));
    let worker = t.start(&script).await;
    let after = t.reaches(late, State::Completed).await;

    assert_eq!(before, State::Delayed);
    assert!(after.started_at >= after.scheduled_at);
    worker.stop().await;
}

async fn a_time_in_the_past_means_now(t: &Harness) {
    let past = t.clock.now() - Duration::from_secs(60);

    let id = t.job("mail").with(|job| job.at(past)).await;

    assert_eq!(t.get(id).await.state, State::Pending);
}

async fn a_job_without_a_worker_says_so(t: &Harness) {
    let script = Script::completing();
    let id = t.job("nobody").await;
    assert_eq!(t.get(id).await.reason, Some(Reason::NoWorker));

    let worker = t.worker(&script).handle_raw("nobody", wait_for_ever).start().await.expect("ok");
    t.reaches(id, State::Running).await;

    worker.stop_now().await;
    assert_eq!(t.get(id).await.reason, Some(Reason::NoWorker));
    let edited = t.queue.edit(id, JobEdit::new().priority(Priority::HIGH)).await.expect("edited");
    assert_eq!(edited.reason, Some(Reason::NoWorker));
    t.queue.cancel(id, None).await.expect("cancelled");
    let again = t.queue.retry(id, RetryOptions::default()).await.expect("retried");
    assert_eq!(again.reason, Some(Reason::NoWorker));
}

async fn wait_for_ever(
    _: Vec<u8>,
    ctx: windlass::Ctx<Script>,
) -> Result<Vec<u8>, windlass::JobError> {
    ctx.cancelled().await;
    Err("stopped".into())
}

async fn an_unknown_namespace_is_refused(t: &Harness) {
    let other = t.queue.in_namespace("elsewhere").expect("a name");

    let refused = other.enqueue_new(NewJob::new("mail", "1")).await.expect_err("no such namespace");

    assert_eq!(refused.to_string(), "namespace `elsewhere` not found");
}

async fn many_callers_at_once_are_all_stored(t: &Harness) {
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let queue = t.queue.clone();
        callers.spawn(async move {
            let mut ids = Vec::new();
            for _ in 0..10 {
                ids.push(queue.enqueue_new(NewJob::new("mail", "1")).await.expect("a job").id());
            }
            ids
        });
    }

    let mut ids: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    ids.sort_unstable();
    ids.dedup();

    assert_eq!(ids.len(), 640);
    // One process, one node number, however many callers come first.
    let nodes: std::collections::BTreeSet<i64> =
        ids.iter().map(|id: &windlass::JobId| (id.as_i64() >> 12) & 1023).collect();
    assert_eq!(nodes.len(), 1, "{nodes:?}");
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.jobs(State::Pending), 640);
}

async fn a_batch_may_be_larger_than_any_one_statement(t: &Harness) {
    // MariaDB takes statements of up to 16 MiB.
    let payload = format!("\"{}\"", "x".repeat(PAYLOAD_BYTES_MAX - 2));
    let jobs = vec![NewJob::new("mail", payload.as_str()); 20];

    let stored = t.queue.enqueue_batch(jobs, true).await.expect("stored");

    assert_eq!(stored.len(), 20);
    let last = stored.last().and_then(|job| job.as_ref().ok()).expect("a job").id();
    assert_eq!(t.get(last).await.payload.len(), PAYLOAD_BYTES_MAX);
}
