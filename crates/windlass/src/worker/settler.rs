//! The settler: writes outcomes in batches as large as the last commit let them grow.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::context::Attempt;
use super::engine::Engine;
use super::event::Event;
use super::notes::send_lines;
use crate::Error;
use crate::core::{FollowUps, Settlement, settle};
use crate::job::{DELAY_MAX, Ending, Failure, FailureClass, truncated};
use crate::store::{Settled, WorkerKey};

/// Outcomes in one transaction.
const BATCH_MAX: usize = 500;

/// Outcomes that wait for the settler; handlers wait when it is full.
pub(super) const REPORTS_MAX: usize = 1000;

/// First and longest wait before a failed write is repeated: after an outage the outcomes have to
/// be stored before any node judges leases.
const RETRY_WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Panics over one outcome before it is given up: then its lease, which nobody works on, is given back.
const PANICS_MAX: u32 = 3;

/// The end of an attempt, on its way to the store.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) attempt: Arc<Attempt>,
    pub(super) ending: Ending,
    pub(super) waited: Duration,
    pub(super) ran: Duration,
}

impl Done {
    /// A job that was claimed and never started.
    pub(super) const fn unstarted(attempt: Arc<Attempt>) -> Self {
        let (waited, ran) = (Duration::ZERO, Duration::ZERO);
        Self { attempt, ending: Ending::Release, waited, ran }
    }
}

/// An outcome that is not stored yet.
#[derive(Debug)]
struct Held {
    done: Done,
    /// What follows, once that is decided.
    settlement: Option<Settlement>,
    /// How often the settler panicked with this in its hands.
    panics: u32,
}

/// What is reported and not stored yet: outlives a settler that panicked, and waits behind a lock for
/// the one that is started in its place.
#[derive(Debug)]
pub(super) struct Desk {
    reports: mpsc::Receiver<Done>,
    held: Vec<Held>,
}

impl Desk {
    pub(super) fn new(reports: mpsc::Receiver<Done>) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { reports, held: Vec::new() }))
    }

    /// Takes what was reported, or waits for it; false when there will be nothing more.
    async fn fill(&mut self) -> bool {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let received = self.reports.recv_many(&mut batch, BATCH_MAX).await;
        let held = |done| Held { done, settlement: None, panics: 0 };
        self.held.extend(batch.into_iter().map(held));
        received > 0
    }

    /// Brings the next outcomes of one identity to the front and says how many they are: a worker that
    /// had to register anew settles what it held under each. What met a panic goes alone.
    fn next(&mut self) -> usize {
        let Some(first) = self.held.first() else { return 0 };
        let (worker, panics) = (first.done.attempt.worker.id, first.panics);
        if panics > 0 {
            return 1;
        }
        let other = |held: &Held| held.done.attempt.worker.id != worker || held.panics > 0;
        self.held.sort_by_key(other);
        self.held.iter().take_while(|held| !other(held)).count()
    }
}

/// Writes what is reported until `stop`, and then what was reported before.
pub(super) async fn run<S: Send + Sync + 'static>(
    engine: Arc<Engine<S>>,
    desk: Arc<Mutex<Desk>>,
    stop: CancellationToken,
) {
    let mut desk = desk.lock().await;
    loop {
        loop {
            let count = desk.next();
            if count == 0 {
                break;
            }
            write(&engine, &mut desk.held, count).await;
        }
        let is_closed = desk.reports.is_closed();
        tokio::select! {
            biased;
            is_open = desk.fill() => if !is_open {
                return;
            },
            () = stop.cancelled(), if !is_closed => desk.reports.close(),
        }
    }
}

/// Writes the first `count` outcomes, which are of one identity, and lets go of them.
async fn write<S: Send + Sync + 'static>(engine: &Engine<S>, held: &mut Vec<Held>, count: usize) {
    let worker = held[0].done.attempt.worker.clone();
    if held[0].panics == PANICS_MAX {
        let done = held.remove(0).done;
        tracing::error!(job.id = %done.attempt.info.id, "outcome given up: the settler panics over it");
        return announce(engine, done, Settled::Lost);
    }
    for one in &mut held[..count] {
        // Taken back when it is stored.
        one.panics += 1;
    }
    #[cfg(all(test, feature = "sqlite"))]
    tests::panic_over(&held[..count]);
    let attempts: Vec<Arc<Attempt>> =
        held[..count].iter().map(|one| Arc::clone(&one.done.attempt)).collect();
    send_lines(engine, &attempts).await;
    let items: Vec<Settlement> = held[..count].iter_mut().map(|one| one.decided(engine)).collect();
    let statuses = match settle_until_answered(engine, &worker, &items).await {
        Ok(statuses) => statuses,
        Err(error) if engine.store().failed().is_cancelled() => {
            tracing::error!(%error, outcomes = count, "outcomes not stored: the storage failed");
            held.drain(..count);
            return;
        }
        Err(error) => {
            tracing::error!(%error, outcomes = count, "outcomes refused: trying one by one");
            let mut statuses = Vec::with_capacity(count);
            for (one, item) in held.iter().zip(items) {
                statuses.push(write_alone(engine, &worker, &one.done, item).await);
            }
            statuses
        }
    };
    for (one, status) in held.drain(..count).zip(statuses) {
        announce(engine, one.done, status);
    }
}

impl Held {
    /// What follows from the outcome. Should deciding panic, the attempt has failed: the job must not
    /// stay with a worker that is done with it.
    fn decided<S>(&mut self, engine: &Engine<S>) -> Settlement {
        if let Some(settlement) = &self.settlement {
            return settlement.clone();
        }
        let panicked = "the worker panicked over the outcome".to_owned();
        let failed = Ending::Fail(Failure::new(FailureClass::Retryable, panicked));
        let ending = bounded(std::mem::replace(&mut self.done.ending, failed));
        self.settlement.insert(decide(engine, &self.done, ending)).clone()
    }
}

/// Writes one outcome that may be at fault; if it is, the attempt has failed: a job must not stay
/// with a worker that is done with it.
async fn write_alone<S: Send + Sync + 'static>(
    engine: &Engine<S>,
    worker: &WorkerKey,
    done: &Done,
    item: Settlement,
) -> Settled {
    let error = match settle_until_answered(engine, worker, &[item]).await {
        Ok(statuses) => return statuses.first().copied().unwrap_or(Settled::Lost),
        Err(error) => error,
    };
    let message = format!("the outcome could not be stored: {error}");
    let ending = Ending::Fail(Failure::new(FailureClass::Retryable, message));
    let failed = decide(engine, done, ending);
    let statuses = settle_until_answered(engine, worker, &[failed]).await.unwrap_or_default();
    statuses.first().copied().unwrap_or(Settled::Lost)
}

fn decide<S>(engine: &Engine<S>, done: &Done, ending: Ending) -> Settlement {
    let attempt = &done.attempt;
    let completes = matches!(ending, Ending::Complete { .. });
    let settlement = settle(&attempt.run, ending, engine.clock().now(), engine.random_unit());
    let jobs = if completes { attempt.follow_ups.take() } else { Vec::new() };
    let namespace = Arc::clone(&attempt.info.namespace);
    let follow_ups = (!jobs.is_empty()).then_some(FollowUps { namespace, jobs });
    Settlement { follow_ups, ran: Some(done.ran), ..settlement }
}

/// Writes a batch, again and again while the database does not answer: a repeated settle changes
/// nothing twice.
async fn settle_until_answered<S: Send + Sync + 'static>(
    engine: &Engine<S>,
    worker: &WorkerKey,
    items: &[Settlement],
) -> Result<Vec<Settled>, Error> {
    let mut wait = RETRY_WAIT.0;
    loop {
        match engine.store().settle(worker, items.to_vec()).await {
            // A queue that is too full for follow-up jobs must not hold up the other outcomes.
            Err(error @ Error::Unavailable { .. }) if !engine.store().failed().is_cancelled() => {
                tracing::warn!(%error, outcomes = items.len(), "outcomes not stored yet");
                engine.clock().sleep(wait).await;
                wait = (wait * 2).min(RETRY_WAIT.1);
            }
            answer => return answer,
        }
    }
}

fn announce<S>(engine: &Engine<S>, done: Done, status: Settled) {
    let Done { attempt, waited, ran, .. } = done;
    engine.in_flight.remove(&attempt);
    let info = Arc::clone(&attempt.info);
    match status {
        Settled::Applied(state) | Settled::AlreadyApplied(state) => {
            engine.tell(&Event::Settled { info, state, waited, ran });
        }
        Settled::Lost => {
            let (job, attempt) = (info.id, info.attempt);
            tracing::warn!(job.id = %job, attempt, "outcome refused: the lease was lost");
            engine.tell(&Event::Lost(info));
        }
    }
}

/// A handler may ask for any wait; what is stored has a limit.
fn bounded(ending: Ending) -> Ending {
    match ending {
        Ending::Snooze { delay, rate_limited } => {
            Ending::Snooze { delay: delay.min(DELAY_MAX), rate_limited }
        }
        Ending::Slow { delay, key } => Ending::Slow { delay: delay.min(DELAY_MAX), key },
        Ending::Wait { delay, signal } => Ending::Wait { delay: delay.min(DELAY_MAX), signal },
        Ending::Fail(mut failure) => {
            failure.retry_after = failure.retry_after.map(|wait| wait.min(DELAY_MAX));
            Ending::Fail(failure)
        }
        Ending::Cancel { reason } => Ending::Cancel { reason: truncated(reason) },
        other => other,
    }
}

#[cfg(all(test, feature = "sqlite"))]
#[expect(clippy::unwrap_used, reason = "what goes wrong here is a failed test")]
mod tests {
    use std::sync::PoisonError;

    use super::*;
    use crate::queue::Queue;
    use crate::worker::RunningWorker;
    use crate::{JobId, NewJob, State};

    /// The settler panics once for each of these.
    static PANICS: std::sync::Mutex<Vec<JobId>> = std::sync::Mutex::new(Vec::new());

    #[expect(clippy::panic, reason = "what is tested")]
    pub(super) fn panic_over(held: &[Held]) {
        let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
        let is_held = |job: &JobId| held.iter().any(|one| one.done.attempt.info.id == *job);
        if let Some(place) = panics.iter().position(is_held) {
            panics.swap_remove(place);
            drop(panics);
            panic!("as the test wanted");
        }
    }

    /// Three jobs; the settler panics so often over the second one.
    async fn worked(panics: usize) -> (Queue, RunningWorker, Vec<JobId>) {
        let queue = Queue::open("memory:").await.unwrap();
        let jobs = ["1", "2", "3"].map(|payload| NewJob::new("mail", payload)).to_vec();
        let stored = queue.enqueue_batch(jobs, true).await.unwrap();
        let ids: Vec<JobId> = stored.iter().map(|job| job.as_ref().unwrap().id()).collect();
        PANICS.lock().unwrap().extend(std::iter::repeat_n(ids[1], panics));
        let worker = queue.worker().handle_raw("mail", async |payload, _| crate::Ok(payload));
        (queue, worker.start().await.unwrap(), ids)
    }

    #[tokio::test]
    async fn outcomes_survive_a_panic_of_the_settler() {
        let (queue, worker, ids) = worked(2).await;

        for id in ids {
            let job = queue.wait(id, Duration::from_secs(60)).await.unwrap();
            assert_eq!((job.state, job.attempt, job.crashes), (State::Completed, 1, 0));
        }
        worker.stop().await;
    }

    #[tokio::test]
    async fn an_outcome_that_always_panics_holds_up_nobody_and_its_job_is_given_back() {
        let (queue, worker, ids) = worked(3).await;

        for id in [ids[0], ids[2]] {
            let job = queue.wait(id, Duration::from_secs(60)).await.unwrap();
            assert_eq!((job.state, job.attempt), (State::Completed, 1));
        }
        worker.stop().await;
        let job = queue.get(ids[1]).await.unwrap();
        assert_eq!((job.state, job.attempt, job.crashes), (State::Pending, 0, 0));
    }
}
