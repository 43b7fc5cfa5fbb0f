//! The settler: writes outcomes in batches as large as the last commit let them grow.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::event::{Event, JobInfo};
use crate::Error;
use crate::core::{Run, Settlement, settle};
use crate::job::{DELAY_MAX, Ending, Failure, FailureClass, truncated};
use crate::store::{Settled, WorkerKey};

/// Outcomes in one transaction.
const BATCH_MAX: usize = 500;

/// Outcomes that wait for the settler; handlers wait when it is full.
pub(super) const REPORTS_MAX: usize = 1000;

/// First and longest wait before a failed write is repeated.
const RETRY_WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// The end of an attempt, on its way to the store.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) run: Run,
    pub(super) ending: Ending,
    pub(super) worker: WorkerKey,
    pub(super) info: Arc<JobInfo>,
    pub(super) waited: Duration,
    pub(super) ran: Duration,
}

impl Done {
    /// A job that was claimed and never started.
    pub(super) const fn unstarted(run: Run, worker: WorkerKey, info: Arc<JobInfo>) -> Self {
        let (waited, ran) = (Duration::ZERO, Duration::ZERO);
        Self { run, ending: Ending::Release, worker, info, waited, ran }
    }
}

/// Writes what is reported until `stop`, and then what was reported before.
pub(super) async fn run<S: Send + Sync + 'static>(
    engine: Arc<Engine<S>>,
    mut reports: mpsc::Receiver<Done>,
    stop: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            biased;
            received = reports.recv_many(&mut batch, BATCH_MAX) => if received == 0 {
                return;
            },
            () = stop.cancelled(), if !reports.is_closed() => reports.close(),
        }
        while !batch.is_empty() {
            // A worker that had to register anew settles what it held under each identity.
            let worker = batch[0].worker.clone();
            let same = |done: &mut Done| done.worker.id == worker.id;
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
    let statuses = match store(engine, worker, &items).await {
        Ok(statuses) => statuses,
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
    let error = match store(engine, worker, &[item]).await {
        Ok(statuses) => return statuses.first().copied().unwrap_or(Settled::Lost),
        Err(error) => error,
    };
    let message = format!("the outcome could not be stored: {error}");
    let ending = Ending::Fail(Failure::new(FailureClass::Retryable, message));
    let failed = decide(engine, done, ending);
    let statuses = store(engine, worker, &[failed]).await.unwrap_or_default();
    statuses.first().copied().unwrap_or(Settled::Lost)
}

fn decide<S>(engine: &Engine<S>, done: &Done, ending: Ending) -> Settlement {
    settle(&done.run, ending, engine.clock().now(), engine.random_unit())
}

/// Writes a batch, again and again while the database does not answer: a repeated settle changes
/// nothing twice.
async fn store<S: Send + Sync + 'static>(
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

fn announce<S: Send + Sync + 'static>(engine: &Engine<S>, done: Done, status: Settled) {
    let Done { info, waited, ran, .. } = done;
    match status {
        Settled::Applied(state) | Settled::AlreadyApplied(state) => {
            engine.tell(&Event::Settled { info, state, waited, ran });
        }
        Settled::Lost => {
            tracing::warn!(job.id = %info.id, attempt = info.attempt, "outcome refused: the lease was lost");
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
