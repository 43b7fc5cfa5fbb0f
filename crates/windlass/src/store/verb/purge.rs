//! Purge: deletes jobs of one queue, batch by batch.

use std::sync::Arc;

use super::erase::{Gone, erase};
use super::queues::QueueRow;
use crate::Error;
use crate::core::Reason;
use crate::job::{Act, JobId, Timestamp};
use crate::store::driver::{Batch, Tx, Verb, Waits};
use crate::store::list::ListFilter;
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::verb::cancel::remove_from_room;
use crate::store::verb::delete::cut_off;
use crate::store::{PurgeBatch, Purged, Shared};

/// Looks at up to so many jobs of a queue and deletes those in the states asked for. A job that someone
/// else moves meanwhile is left alone.
#[derive(Debug)]
pub(crate) struct Purge {
    pub(crate) namespace: Arc<str>,
    pub(crate) queue: String,
    pub(crate) batch: PurgeBatch,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for Purge {
    type Reply = Purged;

    fn act(&self) -> Option<Act> {
        // Once for all batches.
        let states: Vec<&str> = self.batch.states.iter().map(|state| state.as_str()).collect();
        let act = Act::new(&self.namespace, "queue.purge", &*self.queue).detail(states.join(","));
        self.batch.after.is_none().then_some(act)
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Purged, Error> {
        tx.query(Sql::EndedLock, &[]).await?;
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let queue = QueueRow::locate(tx, namespace_id, &self.queue).await?;
        let mut filter = ListFilter::over("j.id");
        filter.one_of("j.queue_id", [queue.id]);
        filter.page(self.batch.after, true, self.batch.limit);
        let ids = tx.query_list(Sql::ListAll, &filter).await?.ints()?;
        let mut batch = Batch::with_capacity(1, ids.len());
        for id in &ids {
            batch.push([(*id).into()]);
        }
        let rows = tx.query_each(Sql::JobGet, &batch).await?.read(JobRow::read)?;
        let mut gone = Vec::new();
        for row in rows {
            if self.batch.states.contains(&row.record.state) {
                gone.extend(self.take(tx, row).await?);
            }
        }
        let deleted = gone.len();
        erase(tx, gone).await?;
        let more = ids.len() == self.batch.limit;
        let next = ids.last().copied().filter(|_| more).map(JobId::from_i64);
        Ok(Purged { deleted, next })
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.batch.limit
    }
}

impl Purge {
    /// Takes a job out of its room, unless someone else has.
    async fn take<T: Tx>(&self, tx: &mut T, row: JobRow) -> Result<Option<Gone>, Error> {
        let mut row = row;
        if let Room::Lease { worker_id, counts, .. } = row.room {
            cut_off(tx, &row, (worker_id, counts), Reason::Request, self.now).await?;
            row = super::locate(tx, row.namespace_id, row.record.id).await?;
        }
        match remove_from_room(tx, &row).await {
            Ok(()) => Ok(Some(row.into())),
            Err(error) if error.is_moved() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl From<JobRow> for Gone {
    fn from(row: JobRow) -> Self {
        Self {
            job: row.record.id.as_i64(),
            queue_id: row.queue_id,
            kind_id: row.kind_id,
            namespace_id: row.namespace_id,
            state: row.record.state,
            unique: row.record.uniqueness.map(|held| held.digest),
            idempotency_key: row.record.idempotency_key,
        }
    }
}
