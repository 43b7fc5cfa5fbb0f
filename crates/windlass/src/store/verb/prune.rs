//! Prune: deletes jobs that ended longer ago than their queue keeps them.
//!
//! Any node may run it at any time: a job is deleted by whoever deletes its outcome. Nothing else is
//! ever deleted by time: a job without an outcome is not looked at.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::bundle::lock;
use super::erase::{Gone, erase};
use super::{reply, sessions};
use crate::Error;
use crate::core::State;
use crate::job::{JobId, Keep, Retention, Timestamp};
use crate::store::driver::{Batch, Row, Tx, Verb, Waits};
use crate::store::effects::Measure;
use crate::store::settings::Settings;
use crate::store::statements::Sql;
use crate::store::{Pruned, Shared};

/// Bytes of payloads and results in one batch: deleting them takes time in proportion.
const BYTES_MAX: i64 = 4 << 20;

/// How long workflows and batches without jobs are kept; the others go with their last job.
const BUNDLES_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

const DAY: Duration = Duration::from_secs(24 * 3600);
const MS_PER_DAY: i64 = 24 * 3600 * 1000;

/// Looks at up to `limit` jobs that ended in `state`, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Prune {
    pub(crate) state: State,
    pub(crate) after: i64,
    pub(crate) limit: usize,
    /// Leave what is kept for a day or longer until all of its day may go: then that goes at once.
    pub(crate) by_day: bool,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

/// A job that has ended.
struct Found {
    epoch: i64,
    finished_at: Timestamp,
    bytes: i64,
    gone: Gone,
}

impl Verb for Prune {
    type Reply = Pruned;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Pruned, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        tx.execute(Sql::UniqueExpire, &[self.now.as_micros().into(), limit.into()]).await?;
        tx.query(Sql::EndedLock, &[]).await?;
        if self.state == State::Completed && self.after == 0 {
            self.drop_bundles(tx).await?;
            reply::trim(tx, self.now).await?;
            sessions::trim(tx, self.now).await?;
        }
        let settings = self.shared.settings.at(tx, None).await?;
        let Some(horizon) = self.horizon(&settings) else {
            return Ok(Pruned { deleted: 0, next: None });
        };
        let params = [self.state.code().into(), self.after.into(), horizon.into(), limit.into()];
        let rows = tx.query(Sql::PruneFind, &params).await?;
        let mut found = rows.read(|row| self.read(row))?;
        let mut bytes = 0;
        let fit = found.iter().take_while(|found| {
            let fits = bytes < BYTES_MAX;
            bytes += found.bytes;
            fits
        });
        let fit = fit.count();
        let is_last = fit == found.len() && fit < self.limit;
        found.truncate(fit);
        let next = found.last().filter(|_| !is_last).map(|found| found.gone.job);
        found.retain(|found| self.is_over(found, &settings));
        let deleted = self.delete(tx, found).await?;
        Ok(Pruned { deleted, next })
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

impl Prune {
    /// Ids from here on are too young for any queue: a job ends after it was made.
    fn horizon(&self, settings: &Settings) -> Option<i64> {
        let built_in = Retention::default().of(self.state);
        let of_queues = settings.all().map(|queue| queue.retention.of(self.state));
        let spans = of_queues.chain([built_in]).filter_map(|keep| match keep {
            Keep::For(span) => Some(span),
            Keep::Forever => None,
        });
        let span = spans.min()?;
        let made_before = JobId::ms_at(self.now) + 1;
        let made_before = made_before - i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Some(JobId::from_parts(made_before.max(0), 0, 0).as_i64())
    }

    /// Deletes old workflows and batches that have no jobs.
    async fn drop_bundles<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let made_before = JobId::ms_at(self.now - BUNDLES_KEPT).max(0);
        let made_before = JobId::from_parts(made_before, 0, 0).as_i64();
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let empty = tx.query(Sql::BundleEmpty, &[made_before.into(), limit.into()]).await?;
        for id in empty.ints()? {
            // From here on no job joins it.
            lock(tx, id).await?;
            tx.execute(Sql::BundleDrop, &[id.into()]).await?;
        }
        Ok(())
    }

    fn is_over(&self, found: &Found, settings: &Settings) -> bool {
        let kept = settings.of(found.gone.queue_id).map(|kept| kept.settings.retention);
        match kept.unwrap_or_default().of(self.state) {
            Keep::For(span) if self.now.since(found.finished_at) < span => false,
            Keep::For(span) if self.by_day && span >= DAY => {
                let made = JobId::ms_at(JobId::from_i64(found.gone.job).made_at());
                let ends = (made / MS_PER_DAY + 1) * MS_PER_DAY;
                JobId::ms_at(self.now) - i64::try_from(span.as_millis()).unwrap_or(i64::MAX) >= ends
            }
            Keep::For(_) => true,
            Keep::Forever => false,
        }
    }

    async fn delete<T: Tx>(&self, tx: &mut T, found: Vec<Found>) -> Result<usize, Error> {
        if found.is_empty() {
            return Ok(0);
        }
        let mut outcomes = Batch::with_capacity(2, found.len());
        for found in &found {
            outcomes.push([found.gone.job.into(), found.epoch.into()]);
        }
        let taken = tx.query_each(Sql::PruneTake, &outcomes).await?.ints()?;
        let taken: HashSet<i64> = taken.into_iter().collect();
        let gone = found.into_iter().map(|found| found.gone);
        let gone: Vec<Gone> = gone.filter(|gone| taken.contains(&gone.job)).collect();
        for gone in &gone {
            tx.effects().count(gone.queue_id, gone.kind_id, Measure::Prunes, 1);
        }
        let deleted = gone.len();
        erase(tx, gone).await?;
        Ok(deleted)
    }

    fn read(&self, row: &mut Row<'_>) -> Result<Found, Error> {
        let (job, epoch) = (row.int()?, row.int()?);
        let finished_at = Timestamp::from_micros(row.int()?);
        let gone = Gone {
            job,
            queue_id: row.int()?,
            kind_id: row.int()?,
            namespace_id: row.int()?,
            idempotency_key: row.opt_text()?,
            // Given back when the job ended, or with the end of its period.
            unique: None,
            state: self.state,
        };
        Ok(Found { epoch, finished_at, gone, bytes: row.int()? })
    }
}
