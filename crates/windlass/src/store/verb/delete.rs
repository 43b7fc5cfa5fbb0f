//! Delete: removes a job with everything that belongs to it.

use std::sync::Arc;

use crate::Error;
use crate::core::{Counts, Event, Reason, Settlement, State};
use crate::job::{Act, JobId, Timestamp};
use crate::store::Shared;
use crate::store::driver::{Tx, Verb, Waits};
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::verb::cancel::remove_from_room;
use crate::store::verb::erase::erase;
use crate::store::verb::{apply, locate};

/// Deletes one job; a running one only with `force`, which fences its worker off.
#[derive(Debug)]
pub(crate) struct Delete {
    pub(crate) namespace: Arc<str>,
    pub(crate) job: JobId,
    pub(crate) force: bool,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for Delete {
    type Reply = ();

    fn act(&self) -> Option<Act> {
        let act = Act::new(&self.namespace, "job.delete", self.job.to_string());
        Some(act.detail(if self.force { "by force" } else { "" }))
    }

    async fn landed<T: Tx>(&self, (): &(), tx: &mut T) -> Result<bool, Error> {
        Ok(tx.query(Sql::JobGet, &[self.job.as_i64().into()]).await?.is_empty())
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        tx.query(Sql::EndedLock, &[]).await?;
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let mut row = locate(tx, namespace_id, self.job).await?;
        if let Room::Lease { worker_id, counts, .. } = row.room {
            if !self.force {
                let job = self.job;
                return Err(Error::conflict(format!(
                    "job {job} is running: cancel it first, or delete it with force"
                )));
            }
            cut_off(tx, &row, (worker_id, counts), Reason::Request, self.now).await?;
            row = locate(tx, namespace_id, self.job).await?;
        }
        remove_from_room(tx, &row).await?;
        erase(tx, vec![row.into()]).await
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Ends the lease of a running job, so that whatever its worker reports is refused.
pub(super) async fn cut_off<T: Tx>(
    tx: &mut T,
    row: &JobRow,
    (worker_id, counts): (i64, Counts),
    reason: Reason,
    now: Timestamp,
) -> Result<(), Error> {
    let end = (State::Cancelled, reason);
    let settlement =
        Settlement::of_waiting(row.record.id, counts, Event::Cancel, end).giving_back(row.unique());
    let worker = row.record.worker.as_deref().unwrap_or_default();
    let fenced = apply::Fenced { settlement, worker_id, worker };
    apply::apply_all(tx, vec![fenced], now).await?;
    tx.effects().cancelling();
    Ok(())
}
