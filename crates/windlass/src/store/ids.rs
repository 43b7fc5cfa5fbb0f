//! The ids of one process: a generator, and the lease on its node number.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::driver::{Driver, Tx, Verb};
use super::verb::{NodeLease, NodeRelease};
use crate::core::IdGen;
use crate::{Error, JobId, Timestamp};

/// How long a node number is ours without renewal. A process that is paused for longer takes
/// another one before it makes the next id.
const NODE_LEASE: Duration = Duration::from_secs(2 * 60);

/// Milliseconds of a day, as ids count them.
const MS_PER_DAY: i64 = 24 * 3600 * 1000;

/// Source of ids; [`ready`](Self::ready) has to come before [`next`](Self::next).
#[derive(Debug)]
pub(crate) struct Ids {
    holder: i64,
    held: Mutex<Option<Held>>,
    /// The days, counted from 2025, whose jobs can be stored.
    days: Mutex<Option<(i64, i64)>>,
}

#[derive(Debug)]
struct Held {
    node: i64,
    expires_at: Timestamp,
    ids: IdGen,
}

impl Ids {
    pub(crate) const fn new(holder: i64) -> Self {
        Self { holder, held: Mutex::new(None), days: Mutex::new(None) }
    }

    /// Makes sure that the node number is ours for a while: no database access unless half of its
    /// lease is over.
    pub(crate) async fn ready<D: Driver>(&self, driver: &D, now: Timestamp) -> Result<(), Error> {
        self.make_days(driver, now).await?;
        let held = match &*self.lock() {
            Some(held) if now + NODE_LEASE / 2 < held.expires_at => return Ok(()),
            held => held.as_ref().map(|held| held.node),
        };
        let until = now + NODE_LEASE;
        let node = driver.write(NodeLease { held, holder: self.holder, now, until }).await?;
        let mut held = self.lock();
        match &mut *held {
            Some(held) if held.node == node => held.expires_at = until,
            other => *other = Some(Held { node, expires_at: until, ids: IdGen::new(node) }),
        }
        Ok(())
    }

    /// As [`ready`](Self::ready), inside a transaction that may be rolled back: a number that is taken
    /// there serves that transaction alone.
    pub(crate) async fn ready_here<T: Tx>(&self, tx: &mut T, now: Timestamp) -> Result<(), Error> {
        let held = match &*self.lock() {
            Some(held) if now < held.expires_at => return Ok(()),
            held => held.as_ref().map(|held| held.node),
        };
        let lease = NodeLease { held, holder: self.holder, now, until: now + NODE_LEASE };
        let node = lease.run(tx).await?;
        let mut held = self.lock();
        match &mut *held {
            Some(held) if held.node == node => {}
            other => *other = Some(Held { node, expires_at: now, ids: IdGen::new(node) }),
        }
        Ok(())
    }

    /// Once a day, and a day ahead: no database access in between.
    async fn make_days<D: Driver>(&self, driver: &D, now: Timestamp) -> Result<(), Error> {
        let today = JobId::ms_at(now).max(0) / MS_PER_DAY;
        let known = *self.days.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_some_and(|(first, last)| first <= today && today < last) {
            return Ok(());
        }
        let last = driver.make_days(today).await?.unwrap_or(i64::MAX);
        *self.days.lock().unwrap_or_else(PoisonError::into_inner) = Some((today, last));
        Ok(())
    }

    /// The next id.
    pub(crate) fn next(&self, now: Timestamp) -> Result<JobId, Error> {
        match &mut *self.lock() {
            Some(held) => Ok(held.ids.next(now)),
            None => Err(Error::bug("an id was asked for before a node number was taken")),
        }
    }

    /// Gives the node number back; failing to is harmless, it expires.
    pub(crate) async fn release<D: Driver>(&self, driver: &D) {
        let held = self.lock().take();
        if let Some(held) = held {
            let release = NodeRelease { node: held.node, holder: self.holder };
            if let Err(error) = driver.write(release).await {
                tracing::debug!(%error, "node number not released");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
