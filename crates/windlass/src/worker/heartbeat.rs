//! The heartbeat: renews all leases with one row, and compares what the worker holds with what the
//! database says it holds.
//!
//! Invariant: handlers are told to stop before the lease they run under can be given to another, and
//! a lease that nobody here works on is given back.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::context::{Attempt, StopCause};
use super::engine::Engine;
use super::slot::GIVE_UP_GRACE;
use crate::job::WorkerState;
use crate::runtime::Listener;
use crate::store::{Beat, HeldBy, NewWorker, Store, WorkerKey};
use crate::{Error, JobId, Timestamp};

/// How soon other processes' requests to stop are seen, and how soon a failed call is repeated.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Registers the worker and returns its identity.
pub(super) async fn register(
    store: &Arc<dyn Store>,
    worker: &NewWorker,
) -> Result<WorkerKey, Error> {
    let nonce = crate::core::random_i64()?;
    let id = store.register(NewWorker { nonce, ..worker.clone() }).await?;
    Ok(WorkerKey { id, nonce, name: worker.name.as_str().into() })
}

/// Keeps one worker alive until it is stopped.
pub(super) struct Heartbeat<S> {
    engine: Arc<Engine<S>>,
    worker: NewWorker,
    cancelling: Listener,
    renewed_at: Timestamp,
    /// The handlers have been told that their leases may be gone.
    is_fenced: bool,
    has_failed: bool,
    /// Leases nobody here worked on at the last renewal.
    unknown: HashSet<(JobId, i64)>,
}

impl<S: Send + Sync + 'static> Heartbeat<S> {
    pub(super) fn new(engine: Arc<Engine<S>>, worker: NewWorker) -> Self {
        let renewed_at = engine.renewed_at();
        let cancelling = engine.store().signals().cancelling.listen();
        let (is_fenced, has_failed, unknown) = (false, false, HashSet::new());
        Self { engine, worker, cancelling, renewed_at, is_fenced, has_failed, unknown }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let clock = self.engine.clock().clone();
            let pause = self.pause();
            let news = tokio::select! {
                () = stop.cancelled() => return,
                () = self.cancelling.heard() => true,
                () = clock.sleep(pause) => false,
            };
            self.cancelling.mark();
            self.tick(news).await;
        }
    }

    fn pause(&self) -> Duration {
        let since = self.engine.clock().now().since(self.renewed_at);
        let renewal = self.renew_every().saturating_sub(since);
        if self.has_failed { LOOK_EVERY } else { renewal.min(LOOK_EVERY) }
    }

    /// Three chances per lease.
    fn renew_every(&self) -> Duration {
        self.worker.lease / 3
    }

    async fn tick(&mut self, news: bool) {
        let now = self.engine.clock().now();
        let due = now.since(self.renewed_at) >= self.renew_every();
        if !due && (self.engine.in_flight.is_empty() || !news) {
            return;
        }
        let worker = self.engine.identity.borrow().clone();
        // What is claimed from here on may be missing from the answer.
        let held = self.engine.in_flight.all();
        let beat = if due {
            self.renew(&worker).await
        } else {
            // A look can wait; it must never hold up a renewal.
            let clock = self.engine.clock().clone();
            tokio::select! {
                biased;
                beat = self.engine.store().heartbeat(&worker, None) => beat,
                () = clock.sleep(self.pause()) => return,
            }
        };
        self.has_failed = beat.is_err();
        match beat {
            Ok(beat) if !beat.alive => self.start_over(&worker).await,
            Ok(beat) => {
                if due {
                    self.renewed(now);
                }
                self.obey(beat.asked);
                self.stop_what_is_lost(&worker, &held, &beat);
                if due {
                    self.give_back_unknown(&worker, &beat).await;
                }
            }
            Err(error) => tracing::warn!(%error, "heartbeat failed"),
        }
    }

    /// Renews all leases. When three quarters of the lease pass without an answer, the worst is
    /// assumed; a call that hangs counts as no answer.
    async fn renew(&mut self, worker: &WorkerKey) -> Result<Beat, Error> {
        let engine = Arc::clone(&self.engine);
        let mut call = engine.store().heartbeat(worker, Some(self.worker.lease));
        loop {
            let since = engine.clock().now().since(self.renewed_at);
            let left = (self.worker.lease * 3 / 4).saturating_sub(since);
            tokio::select! {
                biased;
                beat = &mut call => return beat,
                () = engine.clock().sleep(left), if !self.is_fenced => {
                    tracing::warn!(worker = %worker.name, "no answer for most of the lease: stopping its handlers");
                    self.is_fenced = true;
                    engine.in_flight.stop(StopCause::LeaseLost, |held| held.worker.id == worker.id);
                }
            }
        }
    }

    fn renewed(&mut self, at: Timestamp) {
        self.renewed_at = at;
        self.is_fenced = false;
        self.engine.set_renewed_at(at);
    }

    /// Once asked, a worker is quiet for good: whoever asked would not expect it to work again.
    fn obey(&self, asked: WorkerState) {
        if asked == WorkerState::Run || self.engine.terminate.is_cancelled() {
            return;
        }
        if !self.engine.quiet.is_cancelled() {
            tracing::info!(%asked, "the worker claims no more jobs, as asked");
            self.engine.quiet.cancel();
        }
        if asked == WorkerState::Terminate {
            self.engine.terminate.cancel();
        }
    }

    fn stop_what_is_lost(&self, worker: &WorkerKey, held: &[Arc<Attempt>], beat: &Beat) {
        for attempt in held {
            let same = |lease: &&HeldBy| {
                attempt.worker.id == worker.id
                    && lease.job == attempt.info.id
                    && lease.epoch == attempt.info.epoch
            };
            match beat.leases.iter().find(same) {
                None => attempt.stop_for(StopCause::LeaseLost),
                Some(lease) if lease.cancelling => attempt.stop_for(StopCause::Request),
                Some(_) => {}
            }
        }
        self.engine.in_flight.stopped.raise();
    }

    /// A lease that was unknown here at two renewals is one that was lost track of: a claim whose
    /// answer got lost, or a defect. As long as this worker lives nobody else would take it.
    async fn give_back_unknown(&mut self, worker: &WorkerKey, beat: &Beat) {
        let known = |lease: &&HeldBy| self.engine.in_flight.holds(lease.job, lease.epoch);
        let unknown = beat.leases.iter().filter(|lease| !known(lease));
        let unknown: HashSet<(JobId, i64)> =
            unknown.map(|lease| (lease.job, lease.epoch)).collect();
        let lost: Vec<(JobId, i64)> = unknown.intersection(&self.unknown).copied().collect();
        self.unknown = unknown;
        if lost.is_empty() {
            return;
        }
        tracing::error!(jobs = lost.len(), "leases that nobody works on are given back");
        if let Err(error) = self.engine.store().leave(worker, Some(lost)).await {
            tracing::warn!(%error, "leases not given back");
        }
    }

    /// The old identity is gone. Its handlers stop and report while their leases may still stand, so
    /// that nothing counts as a crash that need not; only then does the worker register anew, and
    /// claims again.
    async fn start_over(&mut self, old: &WorkerKey) {
        tracing::warn!(worker = %old.name, "the worker missed its heartbeats and registers anew");
        self.engine.retire(old.id);
        let drained = self.drain(old).await;
        let renewed_at = self.engine.clock().now();
        let done = async {
            if drained {
                self.engine.store().leave(old, None).await?;
            }
            register(self.engine.store(), &self.worker).await
        };
        match done.await {
            Ok(key) => {
                self.renewed(renewed_at);
                self.engine.identity.send_replace(key);
            }
            Err(error) => {
                self.has_failed = true;
                tracing::warn!(%error, "cannot register");
            }
        }
    }

    /// Waits until nothing is held under the old identity; a handler that ignores the stop is dropped
    /// meanwhile. False when something remains: then its leases are left to the rescue.
    async fn drain(&self, old: &WorkerKey) -> bool {
        let clock = self.engine.clock();
        let end = clock.now() + GIVE_UP_GRACE + LOOK_EVERY;
        let mut settled = self.engine.in_flight.removed.listen();
        loop {
            settled.mark();
            if !self.engine.in_flight.all().iter().any(|held| held.worker.id == old.id) {
                return true;
            }
            let left = end.since(clock.now());
            if left.is_zero() {
                return false;
            }
            tokio::select! {
                () = settled.heard() => {}
                () = clock.sleep(left) => {}
            }
        }
    }
}
