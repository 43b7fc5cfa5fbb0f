//! Report: the ends of attempts of a worker that only knows its tokens. What follows is decided here, from the
//! lease as it stands, and written as any settlement is.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Error;
use crate::core::{Counts, FollowUps, Run, Settlement, settle};
use crate::job::{Backoff, JobId, Timestamp};
use crate::store::driver::{BYTES_PER_ROW, Batch, Lane, Tx, Verb, Waits};
use crate::store::rows::read_backoff;
use crate::store::statements::Sql;
use crate::store::verb::Enqueue;
use crate::store::verb::apply::HeldLease;
use crate::store::verb::settle::settle_all;
use crate::store::{Report, Settled, Shared, WorkerKey};

/// Settles attempts by their tokens.
#[derive(Debug)]
pub(crate) struct ReportAll {
    pub(crate) namespace: Arc<str>,
    pub(crate) worker: WorkerKey,
    pub(crate) items: Vec<Report>,
    /// The follow-up jobs of items, by their places.
    pub(crate) follow_ups: Vec<(usize, Enqueue)>,
    /// Whether the worker may have been made for these jobs alone.
    pub(crate) may_pass: bool,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ReportAll {
    type Reply = Vec<Settled>;

    const LANE: Lane = Lane::Settle;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<Settled>, Error> {
        let mut worker = self.worker.clone();
        let mut held = self.held(tx).await?;
        if let Some(lease) = held.values().next() {
            worker.name = lease.worker.as_str().into();
        }
        let mut gone = Vec::new();
        let mut items = Vec::with_capacity(self.items.len());
        for (place, item) in self.items.iter().enumerate() {
            let run = match held.get_mut(&(item.job, item.epoch)) {
                Some(lease) => lease.run.clone(),
                None => {
                    gone.push(place);
                    ended(item.job, item.epoch)
                }
            };
            let settlement = settle(&run, item.ending.clone(), self.now, item.unit);
            items.push(Settlement { follow_ups: self.follow_ups_of(item), ..settlement });
        }
        let batch = (items.as_slice(), self.follow_ups.as_slice());
        let mut statuses = settle_all(tx, &worker, batch, self.now).await?;
        for place in gone {
            if matches!(statuses[place], Settled::AlreadyApplied(_))
                && !self.is_ours(tx, &items[place]).await?
            {
                statuses[place] = Settled::Lost;
            }
        }
        if self.may_pass {
            tx.execute(Sql::WorkerPass, &[worker.id.into(), worker.nonce.into()]).await?;
        }
        Ok(statuses)
    }

    fn waits(&self) -> Waits {
        if !self.follow_ups.is_empty() {
            return Waits::Anything;
        }
        Waits::of_jobs(self.items.iter().map(|item| item.job))
    }

    fn weight(&self) -> usize {
        let bytes = |item: &Report| match &item.ending {
            crate::job::Ending::Complete { result: Some(result) } => result.len(),
            _ => 0,
        };
        let own: usize = self.items.iter().map(|item| 1 + bytes(item) / BYTES_PER_ROW).sum();
        own + self.follow_ups.iter().map(|(_, enqueue)| enqueue.weight()).sum::<usize>()
    }
}

impl ReportAll {
    /// The leases that are still this worker's, with all that a decision needs.
    async fn held<T: Tx>(&self, tx: &mut T) -> Result<HashMap<(JobId, i64), HeldLease>, Error> {
        let mut batch = Batch::with_capacity(2, self.items.len());
        for item in &self.items {
            batch.push([item.job.as_i64().into(), item.epoch.into()]);
        }
        let rows = tx.query_each(Sql::LeaseGet, &batch).await?;
        let leases = rows.read(|row| {
            let mut lease = HeldLease::read(row)?;
            lease.run.backoff = read_backoff(row)?;
            Ok(lease)
        })?;
        let ours = leases.into_iter().filter(|lease| lease.worker_id == self.worker.id);
        Ok(ours.map(|lease| ((lease.run.job, lease.run.counts.epoch), lease)).collect())
    }

    /// Marks what is stored with follow-up jobs or not at all.
    fn follow_ups_of(&self, item: &Report) -> Option<FollowUps> {
        let (namespace, jobs) = (Arc::clone(&self.namespace), Vec::new());
        (!item.follow_ups.is_empty()).then_some(FollowUps { namespace, jobs })
    }

    /// Whether the job is where the caller may look.
    async fn is_ours<T: Tx>(&self, tx: &mut T, item: &Settlement) -> Result<bool, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let rows = tx.query(Sql::JobNamespace, &[item.job.as_i64().into()]).await?;
        Ok(rows.first_int()? == Some(namespace_id))
    }
}

/// Stands for an attempt whose lease is gone: nothing of it is written, it only tells a repeated report from a
/// late one.
fn ended(job: JobId, epoch: i64) -> Run {
    Run {
        job,
        counts: Counts { epoch, ..Counts::default() },
        max_attempts: u32::MAX,
        max_crashes: u32::MAX,
        backoff: Backoff::default(),
        start_by: None,
        deadline: None,
        started_at: Timestamp::from_micros(0),
        unique: None,
        has_keys: false,
    }
}
