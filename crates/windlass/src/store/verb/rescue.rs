//! Rescue: takes jobs back from workers that stopped renewing, and from those that were asked to
//! stop a job and did not in time.
//!
//! Any node may run it at any time: it ends leases like any settlement, under their fence.

use std::time::Duration;

use crate::Error;
use crate::core::{Event, Next, Reason, Settlement, State, rescue};
use crate::job::Timestamp;
use crate::store::Settled;
use crate::store::driver::{Tx, Verb, Waits};
use crate::store::statements::Sql;
use crate::store::verb::apply::{Fenced, HeldLease, apply};

/// How long an expired worker that holds nothing stays visible.
const WORKER_KEPT: Duration = Duration::from_secs(3600);

/// Workers forgotten in one round.
const WORKERS_FORGOTTEN_MAX: i64 = 100;

/// Looks whether a rescue would find something.
#[derive(Debug)]
pub(crate) struct HasLapsed {
    pub(crate) now: Timestamp,
}

impl Verb for HasLapsed {
    type Reply = bool;

    const IS_ONE_STATEMENT: bool = true;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        let forgotten = self.now - WORKER_KEPT;
        let params = [self.now.as_micros().into(), forgotten.as_micros().into()];
        Ok(!tx.query(Sql::HasLapsed, &params).await?.is_empty())
    }
}

/// Rescues up to `limit` jobs.
#[derive(Debug)]
pub(crate) struct Rescue {
    pub(crate) limit: usize,
    pub(crate) now: Timestamp,
}

impl Verb for Rescue {
    type Reply = usize;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<usize, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::RescueFind, &[self.now.as_micros().into(), limit.into()]).await?;
        let lost = rows.read(HeldLease::read)?;
        let items = lost.iter().map(|lease| Fenced {
            settlement: self.decide(lease),
            worker_id: lease.worker_id,
            worker: &lease.worker,
        });
        let statuses = apply(tx, items.collect(), self.now).await?;
        self.forget_workers(tx).await?;
        Ok(statuses.iter().filter(|status| matches!(status, Settled::Applied(_))).count())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

impl Rescue {
    async fn forget_workers<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let before = self.now - WORKER_KEPT;
        let params = [before.as_micros().into(), WORKERS_FORGOTTEN_MAX.into()];
        let rows = tx.query(Sql::WorkerIdle, &params).await?;
        for (id, nonce) in rows.read(|row| Ok((row.int()?, row.int()?)))? {
            tx.execute(Sql::WorkerRemove, &[id.into(), nonce.into()]).await?;
        }
        Ok(())
    }

    fn decide(&self, lease: &HeldLease) -> Settlement {
        if lease.cancel_by.is_some_and(|by| by <= self.now) {
            return force_cancel(lease);
        }
        rescue(&lease.run, &lease.worker, self.now)
    }
}

/// Ends a lease whose worker ignored the request to stop: the epoch grows, so that whatever the
/// worker still reports is refused. The reason is in the lease row and is filled in from there.
pub(super) fn force_cancel(lease: &HeldLease) -> Settlement {
    let mut counts = lease.run.counts;
    counts.epoch += 1;
    Settlement {
        job: lease.run.job,
        epoch: lease.run.counts.epoch,
        counts,
        event: Event::Cancel,
        next: Next::ended(State::Cancelled, Reason::Request),
        failure: None,
        started_at: Some(lease.run.started_at),
        unique: lease.run.unique.clone(),
        has_keys: true,
        follow_ups: None,
        signal: None,
        slow: None,
        ran: None,
    }
}
