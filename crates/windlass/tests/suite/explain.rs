//! Explain (D4): why a job does not run, from what a claim looks at.

use std::time::Duration;

use windlass::{JobId, NewJob, PauseOptions, PauseScope, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_job_without_blockers_is_taken_by_the_next_claim,
    everything_in_the_way_is_named,
    a_job_that_waits_for_its_time_says_until_when,
    what_runs_and_what_has_ended_says_so,
    a_job_whose_time_has_passed_says_so,
    a_queue_says_what_is_in_the_way_of_its_jobs,
    a_schedule_says_why_it_makes_no_job,
);

async fn codes(t: &Harness, job: JobId) -> Vec<&'static str> {
    let explanation = t.queue.explain(job).await.expect("an explanation");
    explanation.blockers.iter().map(|blocker| blocker.code).collect()
}

async fn a_job_without_blockers_is_taken_by_the_next_claim(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.worker(&script).concurrency(1).prefetch(0).start().await.expect("a worker");
    t.job("mail").await;
    script.started(1).await;
    let next = t.job("mail").await;
    assert_eq!(codes(t, next).await, [""; 0]);

    script.release();

    t.reaches(next, State::Completed).await;
    worker.stop().await;
}

async fn everything_in_the_way_is_named(t: &Harness) {
    let parent = t.job("mail").await;
    let hour = Duration::from_secs(3600);
    let child = t.enqueue(NewJob::new("mail", "1").queue("q").after(parent).delay(hour)).await;
    let pause = PauseOptions {
        reason: Some("a flood".to_owned()),
        by: Some("ada".to_owned()),
        until: None,
    };
    t.queue.pause(PauseScope::Queue("q".to_owned()), pause).await.expect("paused");
    let kind = PauseScope::Kind("mail".to_owned());
    t.queue.pause(kind, PauseOptions::default()).await.expect("paused");

    let explanation = t.queue.explain(child).await.expect("an explanation");

    let codes: Vec<_> = explanation.blockers.iter().map(|blocker| blocker.code).collect();
    assert_eq!(codes, ["blocked", "paused", "paused", "no_worker", "scheduled"]);
    let jobs = &explanation.blockers[0].evidence["jobs"];
    assert_eq!(*jobs, format!("{parent} pending"));
    let paused = explanation.blockers.iter().find(|blocker| blocker.message.contains("queue `q`"));
    let paused = paused.expect("the queue's pause");
    assert_eq!(
        (paused.evidence["reason"].as_str(), paused.evidence["by"].as_str()),
        ("a flood", "ada")
    );
}

async fn a_job_that_waits_for_its_time_says_until_when(t: &Harness) {
    let worker = t.start(&Script::new([Act::Fail("no")])).await;
    let delayed = t.job("mail").with(|job| job.delay(Duration::from_secs(60))).await;
    let retrying = t.job("mail").await;
    let retrying = t.reaches(retrying, State::Retrying).await;

    let why = t.queue.explain(delayed).await.expect("an explanation");
    let why_not = t.queue.explain(retrying.id).await.expect("an explanation");

    assert_eq!((why.blockers[0].code, why.blockers.len()), ("scheduled", 1));
    assert_eq!(why.blockers[0].until, t.get(delayed).await.scheduled_at);
    assert_eq!(why_not.blockers[0].code, "backoff");
    assert_eq!(why_not.blockers[0].evidence["last_error"], "no");
    worker.stop().await;
}

async fn what_runs_and_what_has_ended_says_so(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;

    let running = t.queue.explain(id).await.expect("an explanation");
    script.release();
    t.reaches(id, State::Completed).await;

    assert_eq!(running.blockers[0].code, "running");
    assert!(running.blockers[0].evidence.contains_key("worker"));
    assert_eq!(codes(t, id).await, ["ended"]);
    worker.stop().await;
}

async fn a_job_whose_time_has_passed_says_so(t: &Harness) {
    let id = t.job("mail").with(|job| job.start_within(Duration::from_secs(5))).await;

    t.advance(Duration::from_secs(6));

    assert_eq!(codes(t, id).await, ["too_late", "no_worker"]);
}

async fn a_queue_says_what_is_in_the_way_of_its_jobs(t: &Harness) {
    let blockers = async |queue: &str| {
        let found = t.queue.explain_queue(queue).await.expect("an explanation");
        let jobs = |one: &windlass::Blocker| one.evidence.get("jobs").cloned().unwrap_or_default();
        found.iter().map(|one| (one.code, jobs(one))).collect::<Vec<_>>()
    };
    let hour = Duration::from_secs(3600);
    for _ in 0..2 {
        t.job("nobody").with(|job| job.queue("q")).await;
    }
    t.job("mail").with(|job| job.queue("q").delay(hour)).await;
    let worker = t.start(&Script::completing()).await;

    let waiting = blockers("q").await;
    let pause = PauseScope::Queue("q".to_owned());
    t.queue.pause(pause.clone(), PauseOptions::default()).await.expect("paused");
    let paused = blockers("q").await;
    t.queue.resume(pause).await.expect("resumed");
    t.queue.create_queue("new", windlass::QueueSettings::default()).await.expect("a queue");
    let unknown = t.queue.explain_queue("none").await;

    let told = |code, jobs: &str| (code, jobs.to_owned());
    assert_eq!(waiting, [told("no_worker", "2"), told("scheduled", "1")]);
    assert_eq!(paused, [told("paused", "3"), told("no_worker", "2"), told("scheduled", "1")]);
    assert_eq!(blockers("new").await, [told("empty", "")]);
    assert!(matches!(unknown, Err(windlass::Error::NotFound { .. })), "{unknown:?}");
    worker.stop().await;
}

async fn a_schedule_says_why_it_makes_no_job(t: &Harness) {
    let hour = Duration::from_secs(3600);
    let codes = async || {
        let found = t.queue.explain_schedule("s").await.expect("an explanation");
        found.iter().map(|one| one.code).collect::<Vec<_>>()
    };
    let schedule = windlass::Schedule::every(hour).job(NewJob::new("nobody", "1"));
    let schedule = schedule.overlap(windlass::Overlap::Skip).end(t.clock.now() + 2 * hour);
    t.queue.create_schedule("s", schedule).await.expect("a schedule");

    let ahead = codes().await;
    let until = t.queue.explain_schedule("s").await.expect("an explanation")[0].until;
    t.queue.pause_schedule("s", PauseOptions::default()).await.expect("paused");
    let paused = codes().await;
    t.queue.resume_schedule("s").await.expect("resumed");
    let job = t.queue.trigger_schedule("s").await.expect("run");
    let overlap = codes().await;
    t.queue.cancel(job, None).await.expect("cancelled");
    t.advance(hour + Duration::from_secs(1));
    let due = codes().await;

    assert_eq!((ahead, paused), (vec!["scheduled"], vec!["paused", "scheduled"]));
    assert!(until.is_some_and(|until| until > t.clock.now() - 2 * hour));
    assert_eq!((overlap, due), (vec!["overlap", "scheduled"], vec!["due"]));
}
