//! The rows of new jobs, table by table.

use crate::Error;
use crate::store::driver::{Batch, Tx};
use crate::store::effects::Effects;
use crate::store::statements::Sql;
use crate::store::verb::enter::{READY_WIDTH, THROTTLED_WIDTH};

/// The rows of new jobs.
pub(super) struct NewRows<'a> {
    pub(super) jobs: Batch<'a>,
    pub(super) ready: Batch<'a>,
    pub(super) throttled: Batch<'a>,
    pub(super) delayed: Batch<'a>,
    pub(super) blocked: Batch<'a>,
    pub(super) dependencies: Batch<'a>,
    pub(super) expiry: Batch<'a>,
}

impl NewRows<'_> {
    pub(super) fn new(count: usize) -> Self {
        Self {
            jobs: Batch::with_capacity(19, count),
            ready: Batch::with_capacity(READY_WIDTH, count),
            throttled: Batch::with_capacity(THROTTLED_WIDTH, 0),
            delayed: Batch::with_capacity(10, 0),
            blocked: Batch::with_capacity(6, 0),
            dependencies: Batch::with_capacity(4, 0),
            expiry: Batch::with_capacity(2, 0),
        }
    }

    pub(super) async fn insert<T: Tx>(self, tx: &mut T) -> Result<(), Error> {
        let tables = [
            (Sql::JobInsert, &self.jobs),
            (Sql::ReadyInsert, &self.ready),
            (Sql::ThrottledInsert, &self.throttled),
            (Sql::DelayedInsert, &self.delayed),
            (Sql::BlockedInsert, &self.blocked),
            (Sql::DependencyInsert, &self.dependencies),
            (Sql::ExpiryInsert, &self.expiry),
        ];
        for (sql, rows) in tables.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            Effects::insert(tx, sql, rows).await?;
        }
        let effects = tx.effects();
        if !self.ready.is_empty() {
            effects.ready();
        }
        if !self.throttled.is_empty() {
            effects.throttled();
        }
        if !self.delayed.is_empty() {
            effects.delayed();
        }
        if !self.blocked.is_empty() {
            effects.blocked();
        }
        Ok(())
    }
}
