//! The settler: writes outcomes in batches as large as the last commit let them grow.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::context::Attempt;
use super::engine::Engine;
use super::event::Event;
use crate::Error;
use crate::core::{Settlement, settle};
use crate::job::{DELAY_MAX, Ending, Failure, FailureClass, truncated};
use crate::store::{Settled, WorkerKey};

/// Outcomes in one transaction.
const BATCH_MAX: usize = 500;

/// Outcomes that wait for the settler; handlers wait when it is full.
pub(super) const REPORTS_MAX: usize = 1000;

/// First and longest wait before a failed write is repeated: after an outage the outcomes have to
/// be stored before any node judges leases.
const RETRY_WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

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

/// What is reported; behind a lock because a settler that panicked is started again.
pub(super) type Reports = Arc<Mutex<mpsc::Receiver<Done>>>;

/// Writes what is reported until `stop`, and then what was reported before.
pub(super) async fn run<S: Send + Sync + 'static>(
    engine: Arc<Engine<S>>,
    reports: Reports,
    stop: CancellationToken,
) {
    let mut reports = reports.lock().await;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            biased;
            received = reports.recv_many(&mut batch, BATCH_MAX) => if received == 0 {
                return;
            },
            () = stop.cancelled(), if !reports.is_closed() => reports.close(),
        }
        while let Some(first) = batch.first() {
            // A worker that had to register anew settles what it held under each identity.
            let worker = first.attempt.worker.clone();
            let same = |done: &mut Done| done.attempt.worker.id == worker.id;
            let group: Vec<Done> = batch.extract_if(.., same).collect();
            write(&engine, &worker, group).await;
        }
    }
}

async fn write<S: Send + Sync + 'static>(
    engine: &Engine<S>,
    worker: &WorkerKey,
    mut group: Vec<Done>,
) {
    let endings = group.iter_mut().map(|done| {
        let ending = bounded(std::mem::replace(&mut done.ending, Ending::Release));
        decide(engine, done, ending)
    });
    let items: Vec<Settlement> = endings.collect();
    let statuses = match settle_until_answered(engine, worker, &items).await {
        Ok(statuses) => statuses,
        Err(error) if engine.store().failed().is_cancelled() => {
            tracing::error!(%error, outcomes = items.len(), "outcomes not stored: the storage failed");
            return;
        }
        Err(error) => {
            tracing::error!(%error, outcomes = items.len(), "outcomes refused: trying one by one");
            let mut statuses = Vec::with_capacity(items.len());
            for (done, item) in group.iter().zip(items) {
                statuses.push(write_alone(engine, worker, done, item).await);
            }
            statuses
        }
    };
    for (done, status) in group.into_iter().zip(statuses) {
        announce(engine, done, status);
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
    settle(&done.attempt.run, ending, engine.clock().now(), engine.random_unit())
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
            Err(error) if error.is_transient() && !engine.store().failed().is_cancelled() => {
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
        Ending::Fail(mut failure) => {
            failure.retry_after = failure.retry_after.map(|wait| wait.min(DELAY_MAX));
            Ending::Fail(failure)
        }
        Ending::Cancel { reason } => Ending::Cancel { reason: truncated(reason) },
        other => other,
    }
}
