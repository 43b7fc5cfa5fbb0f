//! Workers somewhere else: they claim, tell that they live, and report by token.

use std::time::Duration;

use windlass::protocol::read_settle;
use windlass::remote::{
    ClaimRequest, Handed, HeldJob, NewRemoteWorker, PassingClaim, RemoteWorkers, ReportReply,
    ReportedJob,
};
use windlass::{Error, JobId, LeaseToken, LogLevel, QueueSettings, State, WorkerId, WorkerState};
use windlass_testkit::{Harness, Script, every_backend};

every_backend!(
    an_end_is_stored_once_and_contradictions_are_refused,
    of_two_ends_in_one_report_the_first_counts,
    tokens_of_others_are_refused,
    what_comes_after_a_rescue_is_refused,
    a_heartbeat_tells_what_is_lost_and_what_is_to_stop,
    follow_ups_are_stored_with_the_completion_alone,
    an_item_whose_follow_ups_are_refused_changes_nothing,
    failures_and_snoozes_mean_what_they_mean_elsewhere,
    a_checkpoint_reaches_the_next_attempt,
    lines_are_added_while_the_lease_stands,
    a_claim_without_registration_has_a_lease_of_its_own,
    a_worker_that_leaves_gives_back_uncounted,
    a_claim_that_waits_is_given_the_next_job,
    what_nobody_received_is_given_back,
    a_claim_that_waits_keeps_its_worker_alive,
    two_servers_share_workers_and_jobs,
    jobs_that_a_worker_does_not_list_come_back,
    workers_are_asked_to_be_quiet_and_to_terminate,
    workers_are_listed_and_read,
    other_namespaces_see_nothing,
);

const LEASE: Duration = Duration::from_secs(30);

/// Long enough for whatever the test does meanwhile, whose clock stands still.
const WAIT: Duration = Duration::from_secs(60);

async fn register(remote: &RemoteWorkers, name: &str) -> WorkerId {
    remote.register(NewRemoteWorker::new(name)).await.expect("a new worker")
}

fn up_to(limit: usize) -> ClaimRequest {
    ClaimRequest { limit, ..ClaimRequest::default() }
}

fn waiting() -> ClaimRequest {
    ClaimRequest { wait: WAIT, ..ClaimRequest::default() }
}

/// What one claim brings, as if it had arrived.
async fn claim(remote: &RemoteWorkers, worker: WorkerId, limit: usize) -> Vec<(JobId, LeaseToken)> {
    received(remote.claim(worker, up_to(limit)).await.expect("a claim"))
}

fn received(handed: Handed) -> Vec<(JobId, LeaseToken)> {
    let jobs = handed.jobs().iter().map(|job| (job.info.id, job.token)).collect();
    handed.received();
    jobs
}

fn item(job: JobId, token: LeaseToken, rest: &str) -> ReportedJob {
    let body = format!(r#"{{"items":[{{"id":"{job}","token":"{token}",{rest}}}]}}"#);
    let mut items = read_settle(body.as_bytes()).expect("a list");
    items.pop().expect("one item").1.expect("a good item")
}

const COMPLETE: &str = r#""outcome":"complete","result":{"n":1}"#;
const FAIL: &str = r#""outcome":"fail","error":{"class":"Boom","message":"no"}"#;

async fn settle(
    remote: &RemoteWorkers,
    worker: WorkerId,
    (job, token): (JobId, LeaseToken),
    rest: &str,
) -> ReportReply {
    let mut replies = remote.settle(worker, vec![item(job, token, rest)]).await.expect("answers");
    replies.pop().expect("one answer")
}

/// A worker of this process that runs nothing and does the upkeep.
async fn upkeep(t: &Harness) -> windlass::RunningWorker {
    let worker = t.queue.worker().handle_raw("nobody", async |it, _| windlass::Ok(it));
    worker.start().await.expect("a worker")
}

async fn an_end_is_stored_once_and_contradictions_are_refused(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let (id, worker) = (t.job("mail").await, register(&remote, "w").await);
    let held = claim(&remote, worker, 10).await;
    assert_eq!(held.len(), 1);

    let first = settle(&remote, worker, held[0], COMPLETE).await;
    let again = settle(&remote, worker, held[0], COMPLETE).await;
    let other = settle(&remote, worker, held[0], FAIL).await;

    assert!(matches!(first, ReportReply::Applied(State::Completed)), "{first:?}");
    assert!(matches!(again, ReportReply::AlreadyApplied(State::Completed)), "{again:?}");
    assert!(matches!(other, ReportReply::LeaseLost), "{other:?}");
    let job = t.get(id).await;
    assert_eq!((job.state, job.attempt, job.worker.as_deref()), (State::Completed, 1, Some("w")));
    assert_eq!(job.result.as_deref(), Some(&br#"{"n":1}"#[..]));
    remote.stop().await;
}

async fn of_two_ends_in_one_report_the_first_counts(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let worker = register(&remote, "w").await;
    for (ends, state) in [([FAIL, COMPLETE], State::Retrying), ([COMPLETE, FAIL], State::Completed)]
    {
        let id = t.job("mail").await;
        let (job, token) = claim(&remote, worker, 1).await[0];

        let items = ends.map(|end| item(job, token, end)).into();
        let replies = remote.settle(worker, items).await.expect("answers");

        let is_first = matches!(replies[0], ReportReply::Applied(given) if given == state);
        assert!(is_first && matches!(replies[1], ReportReply::LeaseLost), "{replies:?}");
        assert_eq!(t.get(id).await.state, state);
    }
    remote.stop().await;
}

async fn tokens_of_others_are_refused(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let (ours, theirs) = (register(&remote, "a").await, register(&remote, "b").await);
    t.job("mail").await;
    t.job("mail").await;
    let held = claim(&remote, ours, 2).await;

    let of_another_worker = settle(&remote, theirs, held[0], COMPLETE).await;
    let of_another_job = settle(&remote, ours, (held[0].0, held[1].1), COMPLETE).await;
    let released = settle(&remote, ours, held[0], r#""outcome":"release""#).await;
    let anew = claim(&remote, theirs, 1).await;
    let of_an_older_lease = settle(&remote, ours, held[0], COMPLETE).await;

    assert!(matches!(of_another_worker, ReportReply::Invalid(_)), "{of_another_worker:?}");
    assert!(matches!(of_another_job, ReportReply::Invalid(_)), "{of_another_job:?}");
    assert!(matches!(released, ReportReply::Applied(State::Pending)), "{released:?}");
    assert_eq!(anew[0].0, held[0].0);
    assert!(matches!(of_an_older_lease, ReportReply::LeaseLost), "{of_an_older_lease:?}");
    assert_eq!(t.get(held[0].0).await.state, State::Running);
    assert_eq!(t.get(held[1].0).await.state, State::Running);
    remote.stop().await;
}

async fn what_comes_after_a_rescue_is_refused(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let (id, worker) = (t.job("mail").await, register(&remote, "w").await);
    let held = claim(&remote, worker, 1).await;
    let upkeep = upkeep(t).await;
    t.until_after("rescued", Duration::from_secs(1), async || {
        (t.get(id).await.crashes == 1).then_some(())
    })
    .await;

    let settled = settle(&remote, worker, held[0], COMPLETE).await;
    let pulse = remote.heartbeat(worker, Some(Vec::new())).await;
    let kept = remote.checkpoint(id, &held[0].1, b"1".to_vec()).await;
    let logged = remote.log(id, &held[0].1, vec![(None, LogLevel::Info, "x".to_owned())]).await;
    let extended = remote.extend(id, &held[0].1, None).await;

    assert!(matches!(settled, ReportReply::LeaseLost), "{settled:?}");
    let code = |error: &Error| matches!(error, Error::Conflict { code: "lease_lost", .. });
    assert!(pulse.as_ref().is_err_and(code), "{pulse:?}");
    assert!(kept.is_err_and(|error| error.is_lost()));
    assert!(logged.is_err_and(|error| error.is_lost()));
    assert!(extended.is_err_and(|error| error.is_lost()));
    assert_eq!(t.get(id).await.state, State::Pending);
    upkeep.stop().await;
    remote.stop().await;
}

fn listed(held: &[(JobId, LeaseToken)]) -> Option<Vec<HeldJob>> {
    let one = |(job, token): &(JobId, LeaseToken)| HeldJob {
        job: *job,
        token: *token,
        percent: Some(12.5),
        message: Some("an eighth".to_owned()),
    };
    Some(held.iter().map(one).collect())
}

async fn a_heartbeat_tells_what_is_lost_and_what_is_to_stop(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let worker = register(&remote, "w").await;
    for _ in 0..3 {
        t.job("mail").await;
    }
    let held = claim(&remote, worker, 3).await;
    t.queue.cancel(held[0].0, Some("enough")).await.expect("asked to stop");
    t.queue.cancel_by_force(held[1].0, None).await.expect("cut off");

    let pulse = remote.heartbeat(worker, listed(&held)).await.expect("an answer");
    let forced = settle(&remote, worker, held[1], COMPLETE).await;
    let stopped = settle(&remote, worker, held[0], FAIL).await;

    assert_eq!((pulse.cancel, pulse.lost), (vec![held[0].0], vec![held[1].0]));
    assert_eq!(pulse.state, WorkerState::Run);
    assert!(matches!(forced, ReportReply::LeaseLost), "{forced:?}");
    assert!(matches!(stopped, ReportReply::Applied(State::Cancelled)), "{stopped:?}");
    let job = t.get(held[2].0).await;
    assert!((job.progress - 12.5).abs() < 0.001, "{}", job.progress);
    assert_eq!(job.progress_message.as_deref(), Some("an eighth"));
    remote.stop().await;
}

async fn follow_ups_are_stored_with_the_completion_alone(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let worker = register(&remote, "w").await;
    t.job("mail").await;
    let held = claim(&remote, worker, 1).await;
    let with = r#""outcome":"complete","enqueue":[{"type":"next"},{"type":"next","payload":2}]"#;

    let first = settle(&remote, worker, held[0], with).await;
    let again = settle(&remote, worker, held[0], with).await;

    assert!(matches!(first, ReportReply::Applied(State::Completed)), "{first:?}");
    assert!(matches!(again, ReportReply::AlreadyApplied(_)), "{again:?}");
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.jobs(State::Pending), 2);
    remote.stop().await;
}

async fn an_item_whose_follow_ups_are_refused_changes_nothing(t: &Harness) {
    let settings = QueueSettings { max_depth: Some(1), ..QueueSettings::default() };
    t.queue.create_queue("small", settings).await.expect("a queue");
    let remote = RemoteWorkers::new(&t.queue);
    let worker = register(&remote, "w").await;
    t.job("mail").await;
    t.job("mail").await;
    let held = claim(&remote, worker, 2).await;
    let two = r#"[{"type":"next","queue":"small"},{"type":"next","queue":"small"}]"#;
    let with = format!(r#""outcome":"complete","enqueue":{two}"#);

    let items = vec![item(held[0].0, held[0].1, &with), item(held[1].0, held[1].1, COMPLETE)];
    let replies = remote.settle(worker, items).await.expect("answers");

    assert!(matches!(replies[0], ReportReply::Invalid(Error::Full { .. })), "{replies:?}");
    assert!(matches!(replies[1], ReportReply::Applied(State::Completed)), "{replies:?}");
    assert_eq!(t.get(held[0].0).await.state, State::Running);
    assert_eq!(t.queue.stats().await.expect("stats").jobs(State::Pending), 0);
    remote.stop().await;
}

async fn failures_and_snoozes_mean_what_they_mean_elsewhere(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let worker = register(&remote, "w").await;
    for _ in 0..4 {
        t.job("mail").with(|job| job.max_attempts(1)).await;
    }
    t.job("mail").with(|job| job.max_attempts(3)).await;
    let held = claim(&remote, worker, 5).await;
    let ends = [
        FAIL,
        r#""outcome":"fail","permanent":true,"error":{"message":"never"}"#,
        r#""outcome":"snooze","delay":"5s""#,
        r#""outcome":"cancel","error":{"message":"obsolete"}"#,
        r#""outcome":"fail","retry_after":"7s""#,
    ];
    let items = held.iter().zip(ends).map(|((job, token), end)| item(*job, *token, end));

    let replies = remote.settle(worker, items.collect()).await.expect("answers");

    let states =
        [State::DeadLetter, State::Failed, State::Delayed, State::Cancelled, State::Retrying];
    for ((reply, state), (id, _)) in replies.iter().zip(states).zip(&held) {
        assert!(matches!(reply, ReportReply::Applied(now) if *now == state), "{reply:?}");
        assert_eq!(t.get(*id).await.state, state);
    }
    assert_eq!(t.get(held[0].0).await.last_error.as_deref(), Some("Boom: no"));
    let (snoozed, retrying) = (t.get(held[2].0).await, t.get(held[4].0).await);
    assert_eq!((snoozed.attempt, snoozed.snoozes), (0, 1));
    assert_eq!(snoozed.scheduled_at, Some(t.clock.now() + Duration::from_secs(5)));
    assert_eq!(retrying.scheduled_at, Some(t.clock.now() + Duration::from_secs(7)));
    remote.stop().await;
}

async fn a_checkpoint_reaches_the_next_attempt(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let (id, worker) = (t.job("mail").await, register(&remote, "w").await);
    let held = claim(&remote, worker, 1).await;

    remote.checkpoint(id, &held[0].1, br#"{"page": 7}"#.to_vec()).await.expect("kept");
    settle(&remote, worker, held[0], r#""outcome":"release""#).await;
    let again = remote.claim(worker, up_to(1)).await.expect("a claim");

    assert_eq!(again.jobs()[0].checkpoint.as_deref(), Some(&br#"{"page": 7}"#[..]));
    assert_eq!(again.jobs()[0].info.attempt, 1);
    let late = remote.checkpoint(id, &held[0].1, b"8".to_vec()).await;
    assert!(late.is_err_and(|error| error.is_lost()));
    again.received();
    remote.stop().await;
}

async fn lines_are_added_while_the_lease_stands(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let (id, worker) = (t.job("mail").await, register(&remote, "w").await);
    let held = claim(&remote, worker, 1).await;

    let lines = vec![
        (None, LogLevel::Info, "one".to_owned()),
        (Some(t.clock.now()), LogLevel::Warn, "two".to_owned()),
    ];
    remote.log(id, &held[0].1, lines).await.expect("kept");

    let log = t.queue.logs(id).await.expect("a log");
    let shown: Vec<_> = log.iter().map(|it| (it.attempt, it.level, it.text.as_str())).collect();
    assert_eq!(shown, [(1, LogLevel::Info, "one"), (1, LogLevel::Warn, "two")]);
    let other = t.job("mail").await;
    let refused = remote.log(other, &held[0].1, Vec::new()).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    remote.stop().await;
}

async fn a_claim_without_registration_has_a_lease_of_its_own(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let wanted = |limit| PassingClaim {
        worker: "curl".to_owned(),
        lease: Duration::from_secs(5),
        claim: up_to(limit),
    };
    let empty = remote.claim_passing(wanted(1)).await.expect("a claim");
    assert!(empty.jobs().is_empty());
    for _ in 0..2 {
        t.job("mail").await;
    }
    let held = received(remote.claim_passing(wanted(2)).await.expect("a claim"));
    assert_eq!(held.len(), 2);

    t.advance(Duration::from_secs(4));
    let (until, cancel) = remote.extend(held[0].0, &held[0].1, None).await.expect("extended");
    assert_eq!((until, cancel), (t.clock.now() + Duration::from_secs(5), false));
    t.advance(Duration::from_secs(4));
    let done = remote.settle_one(item(held[0].0, held[0].1, COMPLETE)).await.expect("settled");
    let again = remote.settle_one(item(held[0].0, held[0].1, COMPLETE)).await.expect("settled");
    t.advance(Duration::from_secs(2));
    let late = remote.extend(held[1].0, &held[1].1, None).await;

    assert!(matches!(done, ReportReply::Applied(State::Completed)), "{done:?}");
    assert!(matches!(again, ReportReply::AlreadyApplied(State::Completed)), "{again:?}");
    assert!(late.is_err_and(|error| error.is_lost()), "its lease was over");
    assert!(t.queue.workers(None).await.expect("workers").is_empty());
    let upkeep = upkeep(t).await;
    t.until_after("rescued", Duration::from_secs(1), async || {
        (t.get(held[1].0).await.crashes == 1).then_some(())
    })
    .await;
    upkeep.stop().await;
    remote.stop().await;
}

async fn a_worker_that_leaves_gives_back_uncounted(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let (id, worker) = (t.job("mail").await, register(&remote, "w").await);
    let held = claim(&remote, worker, 1).await;

    remote.unregister(worker).await.expect("it was there");

    let job = t.get(id).await;
    assert_eq!((job.state, job.attempt, job.crashes), (State::Pending, 0, 0));
    let late = settle(&remote, worker, held[0], COMPLETE).await;
    assert!(matches!(late, ReportReply::LeaseLost | ReportReply::AlreadyApplied(_)), "{late:?}");
    assert!(matches!(remote.unregister(worker).await, Err(Error::NotFound { .. })));
    assert!(matches!(remote.claim(worker, up_to(1)).await, Err(Error::NotFound { .. })));
    remote.stop().await;
}

async fn a_claim_that_waits_is_given_the_next_job(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let worker = register(&remote, "w").await;
    let waits = remote.claim(worker, waiting());
    tokio::pin!(waits);
    let early = futures_now(&mut waits).await;
    assert!(early.is_none(), "there was nothing to claim");

    let id = t.job("mail").await;
    let handed = waits.await.expect("a claim");

    assert_eq!(handed.jobs()[0].info.id, id);
    assert_eq!(handed.jobs()[0].expires_in, LEASE);
    handed.received();
    let empty = remote.claim(worker, up_to(1)).await.expect("a claim");
    assert!(empty.jobs().is_empty());
    remote.stop().await;
}

/// What a future has to say when it is asked once.
async fn futures_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = std::future::ready(()) => None,
    }
}

async fn what_nobody_received_is_given_back(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let worker = register(&remote, "w").await;
    {
        let waits = remote.claim(worker, waiting());
        tokio::pin!(waits);
        assert!(futures_now(&mut waits).await.is_none());
    }
    let id = t.job("mail").await;
    assert_eq!(t.get(id).await.state, State::Pending);

    let handed = remote.claim(worker, up_to(1)).await.expect("a claim");
    let first = handed.jobs()[0].token;
    assert_eq!(t.get(id).await.state, State::Running);
    drop(handed);

    let back = t.until("given back", async || {
        let job = t.get(id).await;
        (job.state == State::Pending).then_some(job)
    });
    let back = back.await;
    assert_eq!((back.attempt, back.crashes), (0, 0));
    let late = settle(&remote, worker, (id, first), FAIL).await;
    assert!(!matches!(late, ReportReply::Applied(_)), "{late:?}");
    remote.stop().await;
}

async fn a_claim_that_waits_keeps_its_worker_alive(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let worker = register(&remote, "w").await;
    let waits = remote.claim(worker, waiting());
    tokio::pin!(waits);
    assert!(futures_now(&mut waits).await.is_none());

    for _ in 0..4 {
        let before = t.queue.registered_worker(worker).await.expect("it").expires_at;
        t.advance(Duration::from_secs(12));
        let renewed = t.until("renewed", async || {
            let now = t.queue.registered_worker(worker).await.expect("it").expires_at;
            (now > before).then_some(())
        });
        tokio::select! {
            () = renewed => {}
            early = &mut waits => panic!("{early:?}"),
        }
    }
    t.job("mail").await;
    let handed = waits.await.expect("a worker that is alive");

    assert_eq!(handed.jobs().len(), 1);
    handed.received();
    remote.stop().await;
}

async fn two_servers_share_workers_and_jobs(t: &Harness) {
    let other = t.reopen().await.unwrap_or_else(|| t.queue.clone());
    let (here, there) = (RemoteWorkers::new(&t.queue), RemoteWorkers::new(&other));
    let worker = register(&here, "w").await;
    t.job("mail").await;
    t.job("mail").await;

    let first = claim(&here, worker, 1).await;
    let second = claim(&there, worker, 1).await;
    let settled = settle(&there, worker, first[0], COMPLETE).await;
    let pulse = there.heartbeat(worker, listed(&second)).await.expect("an answer");
    let again = settle(&here, worker, first[0], COMPLETE).await;

    assert_ne!(first[0].0, second[0].0);
    assert!(matches!(settled, ReportReply::Applied(State::Completed)), "{settled:?}");
    assert!(pulse.lost.is_empty(), "{pulse:?}");
    assert!(matches!(again, ReportReply::AlreadyApplied(_)), "{again:?}");
    here.stop().await;
    there.stop().await;
    if t.is_shared() {
        other.close().await;
    }
}

async fn jobs_that_a_worker_does_not_list_come_back(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let worker = register(&remote, "w").await;
    t.job("mail").await;
    t.job("mail").await;
    let held = claim(&remote, worker, 2).await;

    for _ in 0..4 {
        let pulse = remote.heartbeat(worker, listed(&held[..1])).await.expect("an answer");
        assert!(pulse.lost.is_empty(), "{pulse:?}");
        assert_eq!(t.get(held[1].0).await.state, State::Running);
        t.advance(Duration::from_secs(10));
    }
    remote.heartbeat(worker, listed(&held[..1])).await.expect("an answer");

    let back = t.get(held[1].0).await;
    assert_eq!((back.state, back.attempt, back.crashes), (State::Pending, 0, 0));
    assert_eq!(t.get(held[0].0).await.state, State::Running);
    remote.stop().await;
}

async fn workers_are_asked_to_be_quiet_and_to_terminate(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let worker = register(&remote, "w").await;
    let script = Script::completing();
    let near = t.start(&script).await;

    t.queue.ask_worker(worker, WorkerState::Quiet).await.expect("a worker");
    let id = near.id();
    t.queue.ask_worker(id, WorkerState::Terminate).await.expect("a worker");
    t.advance(Duration::from_secs(10));
    near.asked_to_stop().await;
    near.stop().await;
    let job = t.job("mail").await;
    let handed = remote.claim(worker, up_to(1)).await.expect("a claim");
    let pulse = remote.heartbeat(worker, None).await.expect("an answer");

    assert!(handed.jobs().is_empty(), "a quiet worker is given nothing");
    assert_eq!((handed.state, pulse.state), (WorkerState::Quiet, WorkerState::Quiet));
    assert_eq!(t.get(job).await.state, State::Pending);
    let unknown = t.queue.ask_worker(id, WorkerState::Quiet).await;
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");
    remote.stop().await;
}

async fn workers_are_listed_and_read(t: &Harness) {
    let remote = RemoteWorkers::new(&t.queue);
    let mut new = NewRemoteWorker::new("w");
    new.queues = vec!["b".to_owned(), "a".to_owned()];
    new.labels.insert("zone".to_owned(), "eu".to_owned());
    new.version = Some("1.2".to_owned());
    let first = remote.register(new.clone()).await.expect("a worker");
    let near = t.start(&Script::completing()).await;

    let all = t.queue.workers(None).await.expect("workers");
    let one = t.queue.registered_worker(first).await.expect("a worker");
    let before = t.queue.workers(Some(first)).await.expect("workers");
    near.stop().await;

    let shown: Vec<_> = all.iter().map(|it| (it.is_remote, it.state)).collect();
    assert_eq!(shown, [(false, WorkerState::Run), (true, WorkerState::Run)]);
    assert_eq!((&one.queues, &one.labels), (&new.queues, &new.labels));
    assert_eq!((one.version.as_deref(), one.is_remote), (Some("1.2"), true));
    assert_eq!((one.concurrency, one.lease), (10, LEASE));
    assert!(before.is_empty());
    assert_eq!(t.queue.workers(None).await.expect("workers").len(), 1);
    let wrong = ClaimRequest { queues: vec!["c".to_owned()], ..up_to(1) };
    assert!(matches!(remote.claim(first, wrong).await, Err(Error::Invalid(_))));
    remote.stop().await;
}

async fn other_namespaces_see_nothing(t: &Harness) {
    t.queue.create_namespace("other").await.expect("a namespace");
    let remote = RemoteWorkers::new(&t.queue);
    let other = remote.of(&t.queue.in_namespace("other").expect("a name"));
    let (id, worker) = (t.job("mail").await, register(&remote, "w").await);
    let stranger = register(&other, "s").await;
    let held = claim(&remote, worker, 1).await;

    assert!(claim(&other, stranger, 1).await.is_empty());
    assert!(matches!(other.claim(worker, up_to(1)).await, Err(Error::NotFound { .. })));
    assert!(matches!(other.heartbeat(worker, None).await, Err(Error::NotFound { .. })));
    assert!(matches!(other.unregister(worker).await, Err(Error::NotFound { .. })));
    assert!(other.checkpoint(id, &held[0].1, b"1".to_vec()).await.is_err());
    let done = settle(&remote, worker, held[0], COMPLETE).await;
    assert!(matches!(done, ReportReply::Applied(_)), "{done:?}");
    let echo = other.settle_one(item(id, held[0].1, COMPLETE)).await;
    assert!(echo.is_err_and(|error| error.is_lost()), "a state is nobody else's business");
    let listed = t.queue.in_namespace("other").expect("a name").workers(None).await;
    assert_eq!(listed.expect("workers").len(), 1);
    remote.stop().await;
}
