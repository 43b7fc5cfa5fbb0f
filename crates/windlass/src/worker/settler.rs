//! The settler: writes outcomes in batches as large as the last commit let them grow.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::event::{Event, JobInfo};
use crate::core::{Run, Settlement, settle};
use crate::job::{DELAY_MAX, Ending};
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
    let now = engine.clock().now();
    let items: Vec<Settlement> = group
        .iter_mut()
        .map(|done| {
            let ending = bounded(std::mem::replace(&mut done.ending, Ending::Release));
            settle(&done.run, ending, now, engine.random_unit())
        })
        .collect();
    let mut wait = RETRY_WAIT.0;
    let statuses = loop {
        match engine.store().settle(worker, items.clone()).await {
            Ok(statuses) => break statuses,
            Err(error) if error.is_transient() && !engine.store().failed().is_cancelled() => {
                tracing::warn!(%error, outcomes = items.len(), "outcomes not stored yet");
                engine.clock().sleep(wait).await;
                wait = (wait * 2).min(RETRY_WAIT.1);
            }
            Err(error) => {
                tracing::error!(%error, outcomes = items.len(), "outcomes dropped: their leases will expire");
                return;
            }
        }
    };
    for (done, status) in group.into_iter().zip(statuses) {
        announce(engine, done, status);
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
        other => other,
    }
}
