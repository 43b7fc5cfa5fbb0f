//! Workflows and batches: started, opened, read, steered.

use super::Queue;
use crate::Error;
use crate::core::State;
use crate::job::{
    BatchId, BatchRecord, Blocker, BundleState, CallbackRecord, Flow, NewBatch, WorkflowId,
    WorkflowRecord, truncated,
};
use crate::store::{BundleRow, RetryOptions, Scope, Sort, Which};

/// Workflows or batches on a page.
const PAGE_MAX: usize = 500;

/// A workflow that was started, or a batch that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started<I> {
    id: I,
    is_new: bool,
}

impl<I: Copy> Started<I> {
    /// Its id.
    pub const fn id(&self) -> I {
        self.id
    }

    /// False when an earlier one has the idempotency key: this is that one.
    pub const fn is_new(&self) -> bool {
        self.is_new
    }
}

impl Queue {
    /// Stores a workflow with all its jobs in one transaction; `Ok` means that it is on stable storage.
    /// Its jobs are found with [`JobFilter::workflow`](crate::JobFilter::workflow).
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each broken rule, or the nodes of a cycle: nothing is stored then.
    /// [`Error::Conflict`] when the idempotency key belongs to another workflow, [`Error::Full`],
    /// [`Error::Unavailable`] (repeat with an idempotency key to be safe).
    pub async fn start(&self, flow: Flow) -> Result<Started<WorkflowId>, Error> {
        let mut flow = flow;
        if let Some(trace) = self.trace() {
            for node in &mut flow.nodes {
                node.job = node.job.clone().trace_unless_set(Some(&trace));
            }
        }
        let made = self.store().start(&self.namespace, flow).await?;
        Ok(Started { id: WorkflowId::from_i64(made.id), is_new: made.is_new })
    }

    /// Reads one workflow with its counts.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such workflow.
    pub async fn workflow(&self, id: WorkflowId) -> Result<WorkflowRecord, Error> {
        let found = self.store().bundles(&self.namespace, Sort::Workflow, id.into()).await?;
        let row = found.into_iter().next();
        row.map(workflow_of).ok_or_else(|| Error::not_found(format!("workflow {id}")))
    }

    /// Reads up to `limit` (at most 500) workflows, the newest first, made before `before`; with a state,
    /// those in it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn workflows(
        &self,
        before: Option<WorkflowId>,
        state: Option<BundleState>,
        limit: usize,
    ) -> Result<Vec<WorkflowRecord>, Error> {
        let which = page(before.map(WorkflowId::as_i64), state, limit);
        let rows = self.store().bundles(&self.namespace, Sort::Workflow, which).await?;
        Ok(rows.into_iter().map(workflow_of).collect())
    }

    /// Cancels every node of a workflow that has not ended, 50 in a transaction, and returns the workflow:
    /// it has ended once the nodes that run have heeded it. Should this be cut short, repeat it.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has already ended, [`Error::NotFound`].
    pub async fn cancel_workflow(
        &self,
        id: WorkflowId,
        reason: Option<&str>,
    ) -> Result<WorkflowRecord, Error> {
        let reason = reason.map(|text| truncated(text.to_owned()));
        self.store().cancel_workflow(&self.namespace, id, reason).await?;
        self.workflow(id).await
    }

    /// Lets every node of a workflow run again that ended without success, each after its parents, 50 in a
    /// transaction; returns the workflow. Nodes that completed stay as they are. Should this be cut short,
    /// repeat it.
    ///
    /// # Errors
    /// [`Error::Conflict`] when there is no such node, [`Error::NotFound`].
    pub async fn retry_workflow(
        &self,
        id: WorkflowId,
        reset_attempts: bool,
    ) -> Result<WorkflowRecord, Error> {
        let options = RetryOptions { reset_attempts, ..RetryOptions::default() };
        let scope = (Scope::All, None);
        let count = self.store().reopen(&self.namespace, id, scope, options).await?;
        if count == 0 {
            return Err(Error::conflict(format!(
                "workflow {id} has no node that ended without success and can run again"
            )));
        }
        self.workflow(id).await
    }

    /// Opens a batch: jobs join it with [`NewJob::batch`](crate::NewJob::batch) until it has ended, which it
    /// cannot before it is [committed](Self::commit_batch).
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each broken rule, [`Error::Conflict`] when the idempotency key belongs to
    /// another batch, [`Error::Unavailable`] (repeat with an idempotency key to be safe).
    pub async fn open_batch(&self, batch: NewBatch) -> Result<Started<BatchId>, Error> {
        let made = self.store().open_batch(&self.namespace, batch).await?;
        Ok(Started { id: BatchId::from_i64(made.id), is_new: made.is_new })
    }

    /// Closes the opening of a batch: it ends with the last of its jobs. Once more, this does nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such batch.
    pub async fn commit_batch(&self, id: BatchId) -> Result<BatchRecord, Error> {
        self.store().commit_batch(&self.namespace, id).await?;
        self.batch(id).await
    }

    /// Reads one batch with its counts, which take time in proportion to its jobs.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such batch.
    pub async fn batch(&self, id: BatchId) -> Result<BatchRecord, Error> {
        let found = self.store().bundles(&self.namespace, Sort::Batch, id.into()).await?;
        let row = found.into_iter().next();
        row.ok_or_else(|| Error::not_found(format!("batch {id}"))).and_then(batch_of)
    }

    /// Says what a batch and its callbacks still wait for; nothing is left when it has ended.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such batch.
    pub async fn explain_batch(&self, id: BatchId) -> Result<Vec<Blocker>, Error> {
        let batch = self.batch(id).await?;
        if batch.state.is_terminal() {
            let blocker = Blocker::new("ended", format!("it has ended: {}", batch.state));
            return Ok(vec![blocker.shown_by_any("completed_at", batch.completed_at)]);
        }
        let mut blockers = Vec::new();
        if batch.committed_at.is_none() {
            let message = "it was not committed: it cannot end, and takes jobs".to_owned();
            blockers.push(Blocker::new("open", message).shown_by("since", &batch.created_at));
        }
        let left = batch.pending();
        if left > 0 {
            let message = format!("it waits for {left} job(s) to end");
            blockers.push(Blocker::new("members", message).shown_by("jobs", &left));
        }
        Ok(blockers)
    }

    /// Reads up to `limit` (at most 500) batches, the newest first, opened before `before`; with a state,
    /// those in it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn batches(
        &self,
        before: Option<BatchId>,
        state: Option<BundleState>,
        limit: usize,
    ) -> Result<Vec<BatchRecord>, Error> {
        let which = page(before.map(BatchId::as_i64), state, limit);
        let rows = self.store().bundles(&self.namespace, Sort::Batch, which).await?;
        rows.into_iter().map(batch_of).collect()
    }
}

fn page(before: Option<i64>, state: Option<BundleState>, limit: usize) -> Which {
    Which::Page { before: before.unwrap_or(i64::MAX), state, limit: limit.min(PAGE_MAX) }
}

fn workflow_of(row: BundleRow) -> WorkflowRecord {
    WorkflowRecord {
        id: WorkflowId::from_i64(row.id),
        name: row.name,
        namespace: row.namespace,
        state: row.state,
        counts: row.counts,
        created_at: row.created_at,
        completed_at: row.ended_at,
    }
}

fn batch_of(row: BundleRow) -> Result<BatchRecord, Error> {
    let callbacks = row.callbacks()?.into_iter();
    let callbacks = callbacks.map(|(on, job)| CallbackRecord { on, job, id: row.made(on) });
    Ok(BatchRecord {
        id: BatchId::from_i64(row.id),
        callbacks: callbacks.collect(),
        description: row.name,
        namespace: row.namespace,
        state: row.state,
        counts: row.counts,
        created_at: row.created_at,
        committed_at: row.committed_at,
        completed_at: row.ended_at,
    })
}

impl BatchRecord {
    /// Jobs that have not ended.
    pub fn pending(&self) -> u64 {
        self.counts.get(&State::Pending).copied().unwrap_or(0)
    }
}
