//! The heartbeat: renews all leases with one row, carries progress out and requests to stop in.
//!
//! Invariant: handlers are told to stop before the lease they run under can be given to another.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::context::StopCause;
use super::engine::Engine;
use crate::runtime::Listener;
use crate::store::{NewWorker, ProgressNote, WorkerKey};
use crate::{Error, Timestamp};

/// How often progress is stored, and how soon other processes' requests to stop are seen.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Registers the worker and returns its identity.
pub(super) async fn register(
    store: &Arc<dyn crate::store::Store>,
    worker: &NewWorker,
) -> Result<WorkerKey, Error> {
    let nonce = crate::core::random_i64()?;
    let id = store.register(NewWorker { nonce, ..worker.clone() }).await?;
    Ok(WorkerKey { id, nonce, name: worker.name.as_str().into() })
}

/// Keeps one worker alive until `stop`.
pub(super) struct Heartbeat<S> {
    pub(super) engine: Arc<Engine<S>>,
    pub(super) worker: NewWorker,
    pub(super) renewed_at: Timestamp,
    pub(super) cancelling: Listener,
}

impl<S: Send + Sync + 'static> Heartbeat<S> {
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let clock = self.engine.clock().clone();
            let pause = self.pause();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.cancelling.heard() => {}
                () = clock.sleep(pause) => {}
            }
            self.cancelling.mark();
            self.tick().await;
        }
    }

    fn pause(&self) -> Duration {
        let since = self.engine.clock().now().since(self.renewed_at);
        self.renew_every().saturating_sub(since).min(LOOK_EVERY)
    }

    /// Three chances per lease.
    fn renew_every(&self) -> Duration {
        self.worker.lease / 3
    }

    async fn tick(&mut self) {
        let worker = self.engine.identity.borrow().clone();
        let now = self.engine.clock().now();
        let due = now.since(self.renewed_at) >= self.renew_every();
        if !due && self.engine.in_flight.is_empty() {
            return;
        }
        let renew = due.then_some(self.worker.lease);
        match self.engine.store().heartbeat(&worker, renew).await {
            Ok(beat) => {
                self.engine.in_flight.stop_jobs(&beat.stop);
                if !beat.alive {
                    self.start_over(&worker).await;
                } else if due {
                    self.renewed_at = now;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "heartbeat failed");
                self.fence_itself(now, worker.id);
            }
        }
        self.send_progress(&worker).await;
    }

    /// Without a renewal for three quarters of the lease, assume the worst.
    fn fence_itself(&self, now: Timestamp, worker_id: i64) {
        if now.since(self.renewed_at) >= self.worker.lease * 3 / 4 {
            self.engine.in_flight.stop_all(StopCause::LeaseLost, Some(worker_id));
        }
    }

    /// The old identity is gone, and with it every lease: stop its handlers, become a new worker.
    async fn start_over(&mut self, old: &WorkerKey) {
        tracing::warn!(worker = %old.name, "the worker missed its heartbeats and registers anew");
        self.engine.in_flight.stop_all(StopCause::LeaseLost, Some(old.id));
        match register(self.engine.store(), &self.worker).await {
            Ok(key) => {
                self.renewed_at = self.engine.clock().now();
                self.engine.identity.send_replace(key);
            }
            Err(error) => tracing::warn!(%error, "cannot register"),
        }
    }

    async fn send_progress(&self, worker: &WorkerKey) {
        let told = self.engine.in_flight.all().into_iter().filter_map(|attempt| {
            let (thousandths, message) = attempt.take_progress()?;
            let (job, epoch) = (attempt.info.id, attempt.info.epoch);
            Some(ProgressNote { job, epoch, thousandths, message: Some(message) })
        });
        let notes: Vec<ProgressNote> = told.collect();
        if !notes.is_empty()
            && let Err(error) = self.engine.store().progress(worker, notes).await
        {
            tracing::debug!(%error, "progress not stored");
        }
    }
}
