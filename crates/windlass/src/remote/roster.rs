//! The roster: which remote workers this process knows, and when each was last heard of.
//!
//! Only a memory: what counts is in the database. An entry that is missing or old costs one read or one renewal.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::job::{Timestamp, WorkerId, WorkerState};
use crate::store::KnownWorker;

/// Entries from which on those of expired workers are dropped.
const ENTRIES_MAX: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct Roster(Mutex<HashMap<WorkerId, Entry>>);

#[derive(Debug)]
struct Entry {
    worker: KnownWorker,
    /// When this process last renewed it.
    heard_at: Option<Timestamp>,
    /// What it is asked to do, as of this count of requests to stop something.
    looked: Option<(u64, WorkerState)>,
}

impl Roster {
    /// A worker that has just registered here.
    pub(super) fn learn(&self, worker: KnownWorker) {
        let heard_at = Some(worker.expires_at - worker.lease);
        self.put(worker, heard_at);
    }

    /// A worker that was found in the database.
    pub(super) fn meet(&self, worker: KnownWorker) {
        self.put(worker, None);
    }

    fn put(&self, worker: KnownWorker, heard_at: Option<Timestamp>) {
        let mut entries = self.lock();
        if entries.len() >= ENTRIES_MAX {
            let now = worker.expires_at;
            entries.retain(|_, entry| now.since(entry.expires_at()) < entry.worker.lease);
            if entries.len() >= 2 * ENTRIES_MAX {
                entries.clear();
            }
        }
        let entry = Entry { worker, heard_at, looked: None };
        entries.insert(WorkerId::from_i64(entry.worker.key.id), entry);
    }

    pub(super) fn get(&self, id: WorkerId) -> Option<KnownWorker> {
        self.lock().get(&id).map(|entry| entry.worker.clone())
    }

    pub(super) fn forget(&self, id: WorkerId) {
        self.lock().remove(&id);
    }

    /// The worker was renewed at `now`.
    pub(super) fn heard(&self, id: WorkerId, now: Timestamp) {
        if let Some(entry) = self.lock().get_mut(&id) {
            entry.heard_at = Some(now);
        }
    }

    /// Whether the worker was renewed so lately that another call need not do it again.
    pub(super) fn is_fresh(&self, id: WorkerId, now: Timestamp) -> bool {
        let entries = self.lock();
        let Some(entry) = entries.get(&id) else { return false };
        entry.heard_at.is_some_and(|at| now.since(at) < entry.worker.lease / 6)
    }

    /// When the worker's leases end, as far as this process knows.
    pub(super) fn expires_at(&self, id: WorkerId) -> Option<Timestamp> {
        self.lock().get(&id).map(Entry::expires_at)
    }

    /// When a worker that waits has to be renewed: three chances per lease.
    pub(super) fn renewal_at(&self, id: WorkerId) -> Option<(Timestamp, Duration)> {
        let entries = self.lock();
        let entry = entries.get(&id)?;
        let lease = entry.worker.lease;
        Some((entry.heard_at? + lease / 3, lease))
    }

    /// What the worker is asked to do, if nothing has happened since the look at it.
    pub(super) fn state_at(&self, id: WorkerId, version: u64) -> Option<WorkerState> {
        let entries = self.lock();
        let (looked, state) = entries.get(&id)?.looked?;
        (looked == version).then_some(state)
    }

    pub(super) fn looked(&self, id: WorkerId, version: u64, state: WorkerState) {
        if let Some(entry) = self.lock().get_mut(&id) {
            entry.looked = Some((version, state));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkerId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn expires_at(&self) -> Timestamp {
        self.heard_at.map_or(self.worker.expires_at, |at| at + self.worker.lease)
    }
}
