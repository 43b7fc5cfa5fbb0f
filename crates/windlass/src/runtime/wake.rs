//! News of commits: hints that save waiting. Whoever listens also polls, so a lost one costs time,
//! never a job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::JobId;

/// Where commits of one database are announced to this process.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// A job can be claimed.
    pub(crate) ready: Signal,
    /// A job waits for its time.
    pub(crate) delayed: Signal,
    /// A worker is to stop a job.
    pub(crate) cancelling: Signal,
    /// The inbox may hold something.
    pub(crate) inbox: Signal,
    /// A `start_by` or deadline may have passed.
    pub(crate) expiring: Signal,
    /// A job may no longer have to wait for another.
    pub(crate) resolving: Signal,
    /// A job of a workflow or batch may have ended.
    pub(crate) gathering: Signal,
    /// A job may be let into ready.
    pub(crate) admitting: Signal,
    /// A schedule was made or changed.
    pub(crate) schedules: Signal,
    /// There is something to do to many jobs.
    pub(crate) operations: Signal,
    /// Counts may have changed.
    pub(crate) counted: Signal,
    /// Something was written down for observers: for upkeep.
    pub(crate) events: Signal,
    /// The same, for observers in this process.
    pub(crate) observing: Signal,
    /// A transaction of the application holds news that nothing will announce.
    pub(crate) expected: Signal,
    /// Jobs ended.
    pub(crate) ended: Endings,
}

impl Signals {
    /// Another process changed the database: anything may have happened.
    pub(crate) fn anything(&self) {
        self.ready.raise();
        self.delayed.raise();
        self.cancelling.raise();
        self.inbox.raise();
        self.expiring.raise();
        self.resolving.raise();
        self.gathering.raise();
        self.admitting.raise();
        self.schedules.raise();
        self.operations.raise();
        self.counted.raise();
        self.events.raise();
        self.observing.raise();
        self.ended.announce_all();
    }
}

/// One kind of news. A listener subscribes before it looks, so nothing falls in between.
#[derive(Debug)]
pub(crate) struct Signal(watch::Sender<u64>);

impl Default for Signal {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Signal {
    pub(crate) fn raise(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// How often it was raised: the same count means that there was no news in between.
    pub(crate) fn version(&self) -> u64 {
        *self.0.borrow()
    }

    /// Whether anyone listens.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(crate) fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// A listener to a [`Signal`].
#[derive(Debug)]
pub(crate) struct Listener(watch::Receiver<u64>);

impl Listener {
    /// Forgets what was raised so far; call it before looking.
    pub(crate) fn mark(&mut self) {
        self.0.mark_unchanged();
    }

    /// Waits for the next raise after the mark.
    pub(crate) async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            // The database is closed: nothing will ever be raised again.
            std::future::pending::<()>().await;
        }
    }
}

/// Who waits for the end of which job.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    waiting: Mutex<HashMap<JobId, Arc<Notify>>>,
}

impl Endings {
    /// A waiter for the end of `job`.
    pub(crate) fn of(&self, job: JobId) -> Waiter<'_> {
        let notify = self.lock().entry(job).or_default().clone();
        Waiter { endings: self, job, notify }
    }

    pub(crate) fn announce_all(&self) {
        for notify in self.lock().values() {
            notify.notify_waiters();
        }
    }

    pub(crate) fn announce(&self, jobs: &[JobId]) {
        let waiting = self.lock();
        if waiting.is_empty() {
            return;
        }
        for notify in jobs.iter().filter_map(|job| waiting.get(job)) {
            notify.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the end of one job.
#[derive(Debug)]
pub(crate) struct Waiter<'a> {
    endings: &'a Endings,
    job: JobId,
    notify: Arc<Notify>,
}

impl Waiter<'_> {
    /// The next news of the job. Enable it before looking at the job.
    pub(crate) fn news(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut waiting = self.endings.lock();
        // The map and this waiter: nobody else waits for the job.
        if Arc::strong_count(&self.notify) == 2 {
            waiting.remove(&self.job);
        }
    }
}
