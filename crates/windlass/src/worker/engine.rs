//! What the tasks of one worker share.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::context::{Attempt, StopCause};
use super::event::Event;
use super::layer::{Layer, PanicHook};
use super::registry::Registry;
use super::settler::Done;
use crate::queue::Queue;
use crate::runtime::{Clock, Signal};
use crate::store::{Store, WorkerKey};
use crate::{JobId, Timestamp};

/// Called with each event, after its commit.
pub(super) type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// What the application hung around its handlers.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) observers: Vec<Observer>,
    pub(super) layers: Vec<Layer>,
    pub(super) on_panic: Vec<PanicHook>,
}

/// What the tasks of one worker share.
pub(super) struct Engine<S> {
    pub(super) queue: Queue,
    pub(super) state: Arc<S>,
    pub(super) registry: Registry<S>,
    pub(super) hooks: Hooks,
    pub(super) in_flight: Arc<InFlight>,
    /// The present identity; it changes when the worker had to register anew.
    pub(super) identity: watch::Sender<WorkerKey>,
    /// When the leases were last renewed, in microseconds: outlives a heartbeat that panicked.
    pub(super) renewed_at: AtomicI64,
    /// The last identity that was given up; 0 before the first.
    pub(super) retired: AtomicI64,
    /// Trips when no more jobs are to be claimed or started.
    pub(super) quiet: CancellationToken,
    /// Trips when someone asks the worker to stop.
    pub(super) terminate: CancellationToken,
    /// Trips when handlers that ignored everything are to be dropped.
    pub(super) abort: CancellationToken,
    pub(super) reports: mpsc::Sender<Done>,
    pub(super) rng: Mutex<fastrand::Rng>,
}

impl<S> Engine<S> {
    /// The identity is gone: its attempts are to stop, also those whose claim is still under way.
    pub(super) fn retire(&self, worker: i64) {
        // Before the stop: whoever adds an attempt afterwards looks here after adding it.
        self.retired.store(worker, Ordering::SeqCst);
        self.in_flight.stop(StopCause::LeaseLost, |held| held.worker.id == worker);
    }

    /// Adds an attempt that was just claimed, stopped at once if its worker is gone by now.
    pub(super) fn hold(&self, attempt: &Arc<Attempt>) {
        self.in_flight.add(attempt);
        if self.retired.load(Ordering::SeqCst) == attempt.worker.id {
            attempt.stop_for(StopCause::LeaseLost);
        }
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        self.queue.store()
    }

    pub(super) fn clock(&self) -> &Clock {
        self.queue.clock()
    }

    pub(super) fn renewed_at(&self) -> Timestamp {
        Timestamp::from_micros(self.renewed_at.load(Ordering::Acquire))
    }

    pub(super) fn set_renewed_at(&self, at: Timestamp) {
        self.renewed_at.store(at.as_micros(), Ordering::Release);
    }

    /// Hands an outcome to the settler.
    pub(super) async fn report(&self, done: Done) {
        if let Err(mpsc::error::SendError(done)) = self.reports.send(done).await {
            tracing::error!(job.id = %done.attempt.info.id, "outcome dropped: the settler is gone");
        }
    }

    /// Tells the observers. One that panics must not take the worker's tasks down.
    pub(super) fn tell(&self, event: &Event) {
        for observer in &self.hooks.observers {
            if catch_unwind(AssertUnwindSafe(|| observer(event))).is_err() {
                tracing::error!("an event observer panicked");
            }
        }
    }

    /// A random number in [0, 1).
    pub(super) fn random_unit(&self) -> f64 {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

/// The attempts this worker holds: claimed, and their outcome not yet stored.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    attempts: Mutex<HashMap<JobId, Arc<Attempt>>>,
    /// Raised when an attempt was asked to stop: it may still wait for a slot.
    pub(super) stopped: Signal,
    /// Raised when an outcome was stored.
    pub(super) removed: Signal,
}

impl InFlight {
    pub(super) fn add(&self, attempt: &Arc<Attempt>) {
        let older = self.lock().insert(attempt.info.id, Arc::clone(attempt));
        // The job was taken away, and came back before anyone told its old handler.
        if let Some(older) = older {
            older.stop_for(StopCause::LeaseLost);
        }
    }

    /// Removes exactly this attempt: a newer one of the same job may already be under way.
    pub(super) fn remove(&self, attempt: &Arc<Attempt>) {
        let mut attempts = self.lock();
        if attempts.get(&attempt.info.id).is_some_and(|other| Arc::ptr_eq(other, attempt)) {
            attempts.remove(&attempt.info.id);
        }
        drop(attempts);
        self.removed.raise();
    }

    pub(super) fn holds(&self, job: JobId, epoch: i64) -> bool {
        self.lock().get(&job).is_some_and(|attempt| attempt.info.epoch == epoch)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(super) fn all(&self) -> Vec<Arc<Attempt>> {
        self.lock().values().cloned().collect()
    }

    /// Asks the attempts that pass `which` to stop.
    pub(super) fn stop(&self, cause: StopCause, which: impl Fn(&Attempt) -> bool) {
        for attempt in self.lock().values().filter(|attempt| which(attempt)) {
            attempt.stop_for(cause);
        }
        self.stopped.raise();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Arc<Attempt>>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
