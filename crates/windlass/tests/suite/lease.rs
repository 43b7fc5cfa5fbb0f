//! Leases: heartbeats keep them, silence loses them, a lost one refuses what comes late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use windlass::{Ctx, JobError, NewJob, Reason, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    a_long_job_keeps_its_lease_through_heartbeats,
    a_silent_worker_loses_its_jobs_and_its_late_outcome_is_refused,
    crashes_wait_longer_and_end_in_quarantine,
    a_worker_that_registers_anew_never_runs_a_job_beside_itself,
);

/// A worker whose process is gone: its tasks run in a runtime that is dropped.
pub(crate) struct Doomed(Option<tokio::runtime::Runtime>);

impl Doomed {
    pub(crate) fn start(t: &Harness, script: &Script) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let worker = t.worker(script);
        runtime.spawn(async move { worker.start().await.map(std::mem::forget) });
        Self(Some(runtime))
    }

    pub(crate) fn die(mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

async fn a_long_job_keeps_its_lease_through_heartbeats(t: &Harness) {
    let script = Script::new([Act::Wait]);
    let worker = t.start(&script).await;
    let id = t.job("mail").await;
    script.started(1).await;
    let first = t.get(id).await.lease_expires_at.expect("a lease");

    for _ in 0..12 {
        let before = t.get(id).await.lease_expires_at.expect("a lease");
        t.advance(Duration::from_secs(10));
        t.until("renewed", async || {
            (t.get(id).await.lease_expires_at > Some(before)).then_some(())
        })
        .await;
    }

    script.release();
    let job = t.reaches(id, State::Completed).await;
    assert_eq!((job.attempt, job.crashes), (1, 0));
    assert!(t.clock.now() > first);
    worker.stop().await;
}

async fn a_silent_worker_loses_its_jobs_and_its_late_outcome_is_refused(t: &Harness) {
    let silent = Script::new([Act::Wait]);
    let doomed = Doomed::start(t, &silent);
    let id = t.job("mail").await;
    t.reaches(id, State::Running).await;
    doomed.die();

    let script = Script::completing();
    let heir = t.start(&script).await;
    let done = t
        .until_after("taken over", Duration::from_secs(1), async || {
            let job = t.get(id).await;
            (job.state == State::Completed).then_some(job)
        })
        .await;

    assert_eq!((done.attempt, done.crashes), (1, 1));
    let attempts = t.queue.attempts(id).await.expect("attempts");
    assert_eq!((attempts[0].class.as_str(), attempts[0].attempt), ("crash", 1));
    let recovery = done.started_at.expect("started").since(attempts[0].started_at.expect("at"));
    assert!(recovery <= Duration::from_secs(40), "{recovery:?}");
    heir.stop().await;
}

async fn crashes_wait_longer_and_end_in_quarantine(t: &Harness) {
    let id = t.job("mail").await;
    for crash in 1..=3 {
        let script = Script::new([Act::Hang]);
        let doomed = Doomed::start(t, &script);
        let step = Duration::from_secs(1);
        t.until_after("running", step, async || {
            (t.get(id).await.state == State::Running).then_some(())
        })
        .await;
        doomed.die();
        let judge = t.worker(&Script::completing()).queues(["elsewhere"]);
        let judge = judge.start().await.expect("a worker");
        let job = t
            .until_after("judged", step, async || {
                let job = t.get(id).await;
                (job.crashes == crash).then_some(job)
            })
            .await;
        judge.stop().await;
        let expected = [
            (State::Pending, Reason::NoWorker),
            (State::Retrying, Reason::Crashed),
            (State::DeadLetter, Reason::CrashLoop),
        ];
        let (state, reason) = expected[crash as usize - 1];
        assert_eq!((job.state, job.reason), (state, Some(reason)));
    }
    assert_eq!(t.get(id).await.attempt, 0);
}

/// Counts the runs that are under way at a time.
#[derive(Debug, Default)]
struct Runs {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

struct Running(Arc<Runs>);

impl Running {
    fn start(runs: &Arc<Runs>) -> Self {
        let now = runs.now.fetch_add(1, Ordering::SeqCst) + 1;
        runs.most.fetch_max(now, Ordering::SeqCst);
        runs.all.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(runs))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn hang(_: Vec<u8>, ctx: Ctx<Arc<Runs>>) -> Result<Vec<u8>, JobError> {
    let _running = Running::start(ctx.state());
    std::future::pending().await
}

async fn a_worker_that_registers_anew_never_runs_a_job_beside_itself(t: &Harness) {
    let runs = Arc::new(Runs::default());
    let worker = t.queue.worker().state(Arc::clone(&runs)).handle_raw("stubborn", hang);
    let worker = worker.start().await.expect("a worker");
    let id = t.enqueue(NewJob::new("stubborn", "null")).await;
    t.until("running", async || (runs.all.load(Ordering::SeqCst) == 1).then_some(())).await;

    // The process was asleep for longer than its lease.
    t.advance(Duration::from_secs(31));
    t.until_after("running again", Duration::from_secs(1), async || {
        (runs.all.load(Ordering::SeqCst) == 2).then_some(())
    })
    .await;

    assert_eq!(runs.most.load(Ordering::SeqCst), 1);
    assert_eq!(t.get(id).await.attempt, 1);
    worker.stop_now().await;
}
