//! Fold: adds up the changes of maintained counts that transactions appended.
//!
//! Any node may run it at any time: a change is added by whoever deletes it.

use std::collections::BTreeMap;

use crate::Error;
use crate::store::driver::{Batch, Param, Tx, Verb, Waits};
use crate::store::statements::Sql;

/// Adds up to `limit` changes; says how many it found.
#[derive(Debug)]
pub(crate) struct Fold {
    pub(crate) limit: usize,
}

impl Verb for Fold {
    type Reply = usize;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<usize, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::TallyTake, &[limit.into()]).await?;
        let changes = rows.read(|row| Ok(((row.int()?, row.int()?, row.int()?), row.int()?)))?;
        let count = changes.len();
        // Sorted: two folds meet the same counters in the same order.
        let mut sums: BTreeMap<(i64, i64, i64), i64> = BTreeMap::new();
        for (key, n) in changes {
            *sums.entry(key).or_default() += n;
        }
        let mut batch = Batch::with_capacity(4, sums.len());
        for ((queue, kind, measure), n) in sums.into_iter().filter(|(_, n)| *n != 0) {
            batch.push([queue.into(), kind.into(), measure.into(), Param::Int(n)]);
        }
        if !batch.is_empty() {
            tx.execute_each(Sql::TallyMerge, &batch).await?;
        }
        Ok(count)
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}
