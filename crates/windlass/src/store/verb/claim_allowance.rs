//! What queues with limits of their own let a claim take.
//!
//! Invariant: claims of such a queue count one after another, each what the one before it has taken: they lock
//! the queue's bucket until their commit. Other queues and other calls never wait for it.

use std::collections::BTreeMap;

use super::admit_books::{nanos, opening};
use crate::Error;
use crate::core::Gcra;
use crate::job::Timestamp;
use crate::store::driver::{Param, Tx};
use crate::store::line::queue_line;
use crate::store::settings::Settings;
use crate::store::statements::Sql;

/// What one queue lets a claim take.
#[derive(Debug)]
struct Allowance {
    most: i64,
    rate: Option<(Gcra, i64)>,
}

/// The queues with limits that a claim looks into.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    queues: BTreeMap<i64, Allowance>,
    now: i64,
}

impl Allowances {
    /// Locks what limits these queues, in one order for everyone, and counts.
    pub(super) async fn of<T: Tx>(
        tx: &mut T,
        settings: &Settings,
        mut queues: Vec<i64>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        queues.sort_unstable();
        queues.dedup();
        let mut all = Self { queues: BTreeMap::new(), now: nanos(now) };
        for queue_id in queues {
            let Some(kept) = settings.of(queue_id).map(|kept| &kept.settings) else { continue };
            if kept.concurrency.is_none() && kept.rate.is_none() {
                continue;
            }
            let line = queue_line(queue_id);
            let full_at = tx.query(Sql::BucketLock, &[line.as_str().into()]).await?.first_int()?;
            let mut most = i64::MAX;
            if let Some(concurrency) = kept.concurrency {
                let running = tx.query(Sql::LeaseCount, &[queue_id.into()]).await?.first_int()?;
                most = (i64::from(concurrency) - running.unwrap_or(0)).max(0);
            }
            let rate = kept.rate.map(|rate| (rate.gcra(), full_at.unwrap_or(0)));
            if let Some((rate, full_at)) = rate {
                most = rate.pass(full_at, all.now, most).0;
            }
            all.queues.insert(queue_id, Allowance { most, rate });
        }
        Ok(all)
    }

    /// How many jobs of a queue may be taken, at most `limit`.
    pub(super) fn most(&self, queue_id: i64, limit: usize) -> usize {
        let most = self.queues.get(&queue_id).map(|allowance| allowance.most);
        most.map_or(limit, |most| usize::try_from(most).unwrap_or(0).min(limit))
    }

    /// Charges the rate of a queue with what was taken.
    pub(super) async fn charge<T: Tx>(
        &mut self,
        tx: &mut T,
        queue_id: i64,
        taken: usize,
    ) -> Result<(), Error> {
        let Some(Allowance { rate: Some((rate, full_at)), .. }) = self.queues.get_mut(&queue_id)
        else {
            return Ok(());
        };
        let taken = i64::try_from(taken).unwrap_or(i64::MAX);
        *full_at = rate.pass(*full_at, self.now, taken).1;
        if taken > 0 {
            let line = queue_line(queue_id);
            let bucket = [line.as_str().into(), (*full_at).into(), Param::Int(0), Param::Null];
            tx.execute(Sql::BucketPut, &bucket).await?;
        }
        Ok(())
    }

    /// When the first of the rates lets another job pass.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let rates = self.queues.values().filter_map(|allowance| allowance.rate);
        rates.map(|(rate, full_at)| opening(Some(rate), full_at, None)).min()
    }
}
