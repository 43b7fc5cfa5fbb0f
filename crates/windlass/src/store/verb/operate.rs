//! Operate: a step of an operation, which does the same to a few jobs and notes how far it has come.
//!
//! Any node may run it at any time: whoever takes the turn of the operation does the step, in one
//! transaction with what it does to the jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::operations::OperationRow;
use super::{Cancel, Delete, Edit, Retry, locate};
use crate::Error;
use crate::core::State;
use crate::job::{JobId, Timestamp, WorkflowId};
use crate::store::Shared;
use crate::store::driver::{Tx, Verb, Waits};
use crate::store::ids::Ids;
use crate::store::operation::{Deed, Operation, OperationState};
use crate::store::statements::Sql;

/// Failures of an operation that are kept.
const FAILURES_KEPT: i64 = 1000;

/// A step of an operation, as it was read.
#[derive(Debug)]
pub(crate) struct Operate {
    pub(crate) row: OperationRow,
    pub(crate) operation: Operation,
    /// The next jobs, in their order.
    pub(crate) jobs: Vec<JobId>,
    /// Where they have to stand still; empty means anywhere.
    pub(crate) states: Vec<State>,
    /// The queue they move to, by the id it has with their kind.
    pub(crate) queue_id: Option<i64>,
    pub(crate) after: Progress,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Arc<Ids>,
}

/// How far an operation has come after a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) state: OperationState,
    pub(crate) after_job: i64,
    /// When someone has to go on; none when it has ended.
    pub(crate) next_at: Option<Timestamp>,
}

/// The first node of each workflow that a step has retried.
pub(crate) type Retried = BTreeMap<WorkflowId, JobId>;

impl Verb for Operate {
    type Reply = Retried;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Retried, Error> {
        self.row.take_turn(tx).await?;
        let (mut done, mut failures, mut retried) = (0, BTreeMap::new(), Retried::new());
        if self.row.state == OperationState::Running {
            for job in &self.jobs {
                match self.act(tx, *job, &mut retried).await {
                    Ok(true) => done += 1,
                    Ok(false) => {}
                    // Whoever refuses has not written anything.
                    Err(error) if is_refusal(&error) => drop(failures.insert(*job, error)),
                    Err(error) => return Err(error),
                }
            }
        }
        self.keep(tx, &failures).await?;
        let found = i64::try_from(self.jobs.len()).unwrap_or(i64::MAX);
        let is_counting = self.row.state == OperationState::Counting;
        let mut moved = self.row.clone();
        moved.state = self.after.state;
        moved.after_job = self.after.after_job;
        moved.matched += if is_counting { found } else { 0 };
        moved.done += done;
        moved.failed += i64::try_from(failures.len()).unwrap_or(i64::MAX);
        moved.write(tx, self.after.next_at, self.now).await?;
        Ok(retried)
    }

    /// The turn was taken: by this step, or by someone after whom it cannot be taken again.
    async fn landed<T: Tx>(&self, _: &Retried, tx: &mut T) -> Result<bool, Error> {
        self.row.was_taken(tx).await
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

impl Operate {
    /// Does it to one job; false when it stands elsewhere by now.
    async fn act<T: Tx>(
        &self,
        tx: &mut T,
        job: JobId,
        retried: &mut Retried,
    ) -> Result<bool, Error> {
        let namespace: Arc<str> = self.row.namespace.as_str().into();
        let (now, shared, ids) = (self.now, Arc::clone(&self.shared), Arc::clone(&self.ids));
        if !self.states.is_empty() {
            let namespace_id = shared.catalog.namespace(tx, &namespace).await?;
            match locate(tx, namespace_id, job).await {
                Ok(row) if self.states.contains(&row.record.state) => {}
                Ok(_) | Err(Error::NotFound { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        match &self.operation.deed {
            Deed::Retry(options) => {
                let options = options.clone();
                let retry = Retry { namespace, job, version: None, options, now, shared, ids };
                let row = retry.run_in_turn(tx).await?;
                if let Some(workflow) = row.record.workflow_id {
                    retried.entry(workflow).or_insert(job);
                }
            }
            Deed::Cancel { reason, force } => {
                let (reason, force) = (reason.clone(), *force);
                drop(
                    Cancel { namespace, job, version: None, reason, force, now, shared }
                        .run(tx)
                        .await?,
                );
            }
            Deed::Delete { force } => {
                Delete { namespace, job, version: None, force: *force, now, shared }
                    .run(tx)
                    .await?;
            }
            Deed::Move(_) | Deed::SetPriority(_) | Deed::Reschedule(_) => {
                let Some(edit) = self.operation.edit() else { return Ok(false) };
                let queue_id = self.queue_id;
                drop(
                    Edit { namespace, job, version: None, edit, queue_id, now, shared, ids }
                        .run(tx)
                        .await?,
                );
            }
        }
        Ok(true)
    }

    async fn keep<T: Tx>(
        &self,
        tx: &mut T,
        failures: &BTreeMap<JobId, Error>,
    ) -> Result<(), Error> {
        let room = usize::try_from(FAILURES_KEPT - self.row.failed).unwrap_or(0);
        for (job, error) in failures.iter().take(room) {
            let detail = error.to_string();
            let params = [self.row.id.as_i64().into(), job.as_i64().into(), detail.as_str().into()];
            tx.execute(Sql::OperationFailureAdd, &params).await?;
        }
        Ok(())
    }
}

fn is_refusal(error: &Error) -> bool {
    let refuses =
        matches!(error, Error::Conflict { .. } | Error::NotFound { .. } | Error::Invalid(_));
    refuses && !error.is_moved()
}
