//! Cancel members: the jobs of a workflow that have not ended, batch by batch.

use std::sync::Arc;

use super::bundle::{Sort, lock_in};
use super::cancel::{ask_to_stop, leave_room, settlement};
use crate::Error;
use crate::job::{Act, Timestamp, WorkflowId};
use crate::store::Shared;
use crate::store::driver::{Batch, Param, Tx, Verb, Waits};
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;

/// Cancels those of the next so many nodes that have not ended: what waits ends, what runs is asked to stop.
#[derive(Debug)]
pub(crate) struct CancelMembers {
    pub(crate) namespace: Arc<str>,
    pub(crate) workflow: WorkflowId,
    pub(crate) reason: Option<String>,
    pub(crate) after: i64,
    pub(crate) limit: usize,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Stopped {
    /// Where to go on, if there is more.
    pub(crate) next: Option<i64>,
    /// Whether some nodes moved meanwhile and have to be looked at again.
    pub(crate) again: bool,
}

impl Verb for CancelMembers {
    type Reply = Stopped;

    fn act(&self) -> Option<Act> {
        // Once for all batches.
        let act = Act::new(&self.namespace, "workflow.cancel", self.workflow.to_string());
        (self.after == 0).then(|| act.detail(self.reason.as_deref().unwrap_or_default()))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Stopped, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let id = self.workflow.as_i64();
        let workflow = lock_in(tx, (namespace_id, Sort::Workflow), id).await?;
        if workflow.ended_at.is_some() {
            let state = workflow.state;
            return Err(Error::conflict(format!("workflow {id} has already ended: {state}")));
        }
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::MemberIds, &[id, self.after, limit].map(Param::Int)).await?;
        let found = rows.read(|row| Ok((row.int()?, row.opt_int()?)))?;
        let next = found.last().filter(|_| found.len() >= self.limit).map(|(job, _)| *job);
        let live = found.into_iter().filter(|(_, ended)| ended.is_none());
        let live = Batch::of_rows(1, live.map(|(job, _)| Param::Int(job)).collect());
        let mut stopped = Stopped { next, again: false };
        if live.is_empty() {
            return Ok(stopped);
        }
        for row in tx.query_each(Sql::JobGet, &live).await?.read(JobRow::read)? {
            stopped.again |= !self.stop(tx, &row).await?;
        }
        Ok(stopped)
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

impl CancelMembers {
    /// False when someone else has moved the job since it was read.
    async fn stop<T: Tx>(&self, tx: &mut T, row: &JobRow) -> Result<bool, Error> {
        let reason = self.reason.as_deref();
        let done = match row.room {
            Room::Ended { .. } => Ok(()),
            Room::Ready { .. }
            | Room::Delayed { .. }
            | Room::Blocked { .. }
            | Room::Throttled { .. } => {
                leave_room(tx, row, &settlement(row, reason), self.now).await
            }
            Room::Lease { .. } => ask_to_stop(tx, row, reason, self.now).await,
        };
        match done {
            Err(error) if error.is_moved() => Ok(false),
            done => done.map(|()| true),
        }
    }
}
