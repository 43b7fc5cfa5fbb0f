//! The verbs about workflows and batches.

use std::sync::Arc;

use super::driver::Driver;
use super::origin::Origin;
use super::sql_store::SqlStore;
use super::verb::{
    self, BundleRow, Made, NewBundle, ParentOf, Place, Prepared, Scope, Sort, Which,
};
use super::{Reply, RetryOptions};
use crate::job::{
    BatchId, CallbackOn, Dependency, Flow, JobId, NewBatch, NewJob, Timestamp, WorkflowId,
};
use crate::protocol::callbacks_text;
use crate::{Error, FieldError};

/// Nodes that one transaction cancels or lets run again.
const NODES_PER_CALL: usize = 50;

/// How often nodes that moved are looked at again.
const PASSES_MAX: usize = 10;

/// The answer to a round of gathering.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// Whether any workflow or batch is open.
    pub(crate) any: bool,
    /// Where the look at everything goes on, if there is more.
    pub(crate) next: Option<Place>,
    /// Whether there was something to do.
    pub(crate) found: bool,
}

/// As [`Store`](super::Store), for workflows and batches.
pub(crate) trait BundleStore {
    /// Stores a workflow with all its jobs, or nothing.
    fn start(&self, namespace: &Arc<str>, flow: Flow) -> Reply<'_, Made>;
    fn open_batch(&self, namespace: &Arc<str>, batch: NewBatch) -> Reply<'_, Made>;
    fn commit_batch(&self, namespace: &Arc<str>, batch: BatchId) -> Reply<'_, ()>;
    fn bundles(&self, namespace: &Arc<str>, sort: Sort, which: Which) -> Reply<'_, Vec<BundleRow>>;
    /// Cancels every node that has not ended.
    fn cancel_workflow(
        &self,
        namespace: &Arc<str>,
        workflow: WorkflowId,
        reason: Option<String>,
    ) -> Reply<'_, ()>;
    /// Lets nodes run again after this one; says how many.
    fn reopen(
        &self,
        namespace: &Arc<str>,
        workflow: WorkflowId,
        scope: (Scope, Option<JobId>),
        options: RetryOptions,
    ) -> Reply<'_, usize>;
    /// Notes that members have ended: these, or with none all from one on; and does what follows.
    fn gather(&self, jobs: Vec<JobId>, after: Place, limit: usize) -> Reply<'_, Gathered>;
    /// What this process knows of workflows and batches.
    fn members(&self) -> &super::edges::Edges;
    fn parents(&self, job: JobId) -> Reply<'_, Vec<ParentOf>>;
}

impl<D: Driver> BundleStore for SqlStore<D> {
    fn start(&self, namespace: &Arc<str>, flow: Flow) -> Reply<'_, Made> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            let order = flow.check()?;
            let digest = flow.digest();
            let now = self.now();
            let id = self.next_id(now).await?.as_i64();
            let (jobs, ids) = self.nodes_of(&flow, &order, (WorkflowId::from_i64(id), now))?;
            let nodes = self.prepare_as(namespace, (jobs, ids), true, now).await?;
            let bundle = NewBundle {
                id,
                namespace_id: nodes.namespace_id,
                sort: Sort::Workflow,
                name: flow.name,
                idempotency_key: flow.idempotency_key,
                digest,
                callbacks: None,
            };
            let done = self.driver().write(verb::Submit { bundle, nodes, now }).await;
            done.map_err(|error| of_nodes(error, &order))
        })
    }

    fn open_batch(&self, namespace: &Arc<str>, batch: NewBatch) -> Reply<'_, Made> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            batch.check()?;
            let now = self.now();
            let id = self.next_id(now).await?.as_i64();
            let callbacks = match batch.callbacks.as_slice() {
                [] => None,
                callbacks => Some(callbacks_text(callbacks)?),
            };
            let digest = batch.digest(callbacks.as_deref());
            let (_, namespace_id) = self.settings(&namespace, now).await?;
            let bundle = NewBundle {
                id,
                namespace_id,
                sort: Sort::Batch,
                name: batch.description,
                idempotency_key: batch.idempotency_key,
                digest,
                callbacks,
            };
            self.driver().write(verb::OpenBatch { bundle, now }).await
        })
    }

    fn commit_batch(&self, namespace: &Arc<str>, batch: BatchId) -> Reply<'_, ()> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.now(), self.shared());
        Box::pin(self.driver().write(verb::CommitBatch { namespace, batch, now, shared }))
    }

    fn bundles(&self, namespace: &Arc<str>, sort: Sort, which: Which) -> Reply<'_, Vec<BundleRow>> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(self.driver().read(verb::ReadBundles { namespace, sort, which, shared }))
    }

    fn cancel_workflow(
        &self,
        namespace: &Arc<str>,
        workflow: WorkflowId,
        reason: Option<String>,
    ) -> Reply<'_, ()> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            let (mut after, mut again, mut passes) = (0, false, 0);
            loop {
                let stopped = self.act(verb::CancelMembers {
                    namespace: Arc::clone(&namespace),
                    workflow,
                    reason: reason.clone(),
                    after,
                    limit: NODES_PER_CALL,
                    now: self.now(),
                    shared: self.shared(),
                });
                let stopped = match stopped.await {
                    // The nodes that were cancelled first were the last ones.
                    Err(Error::Conflict { .. }) if after > 0 || passes > 0 => return Ok(()),
                    stopped => stopped?,
                };
                again |= stopped.again;
                match stopped.next {
                    Some(next) => after = next,
                    None if again && passes < PASSES_MAX => {
                        (after, again, passes) = (0, false, passes + 1);
                    }
                    None => return Ok(()),
                }
            }
        })
    }

    fn reopen(
        &self,
        namespace: &Arc<str>,
        workflow: WorkflowId,
        (scope, root): (Scope, Option<JobId>),
        options: RetryOptions,
    ) -> Reply<'_, usize> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            let (mut after, mut count) = (root.map_or(0, JobId::as_i64), 0);
            loop {
                let now = self.now();
                self.ids().ready(self.driver(), now).await?;
                let verb = verb::Reopen {
                    namespace: Arc::clone(&namespace),
                    workflow,
                    scope,
                    after,
                    limit: NODES_PER_CALL,
                    options: options.clone(),
                    now,
                    shared: self.shared(),
                    ids: Arc::clone(self.ids()),
                };
                let reopened = self.act(verb).await?;
                count += reopened.count;
                match reopened.next {
                    Some(next) => after = next,
                    None => return Ok(count),
                }
            }
        })
    }

    fn gather(&self, jobs: Vec<JobId>, after: Place, limit: usize) -> Reply<'_, Gathered> {
        Box::pin(async move {
            let look = |jobs| self.driver().read(verb::FindEnded { jobs, after, limit });
            let mut ended = look(jobs.clone()).await?;
            let (any, next) = (ended.any, ended.next);
            let found = !ended.members.is_empty() || !ended.due.is_empty();
            if !ended.members.is_empty() {
                self.driver().write(verb::Gather { members: ended.members }).await?;
                ended = look(jobs).await?;
            }
            let mut failed = None;
            for row in ended.due {
                let id = row.id;
                if let Err(error) = self.call_back(row).await {
                    tracing::error!(bundle = id, %error, "cannot look after a workflow or batch");
                    failed = Some(error);
                }
            }
            match failed {
                Some(error) => Err(error),
                None => Ok(Gathered { any, next, found }),
            }
        })
    }

    fn members(&self) -> &super::edges::Edges {
        &self.driver().shared().members
    }

    fn parents(&self, job: JobId) -> Reply<'_, Vec<ParentOf>> {
        Box::pin(self.driver().read(verb::ReadParents { job }))
    }
}

impl<D: Driver> SqlStore<D> {
    /// The jobs of a workflow in the order of their ids, which children name their parents by.
    fn nodes_of(
        &self,
        flow: &Flow,
        order: &[usize],
        (workflow, now): (WorkflowId, Timestamp),
    ) -> Result<(Vec<Prepared>, Vec<JobId>), Error> {
        let mut id_of = vec![None; flow.nodes.len()];
        let mut ids = Vec::with_capacity(order.len());
        for place in order {
            let id = self.ids().next(now)?;
            id_of[*place] = Some(id);
            ids.push(id);
        }
        let mut jobs = Vec::with_capacity(order.len());
        for place in order {
            let node = &flow.nodes[*place];
            let mut job = node.job.clone();
            for after in &node.after {
                let id = id_of.get(after.place).copied().flatten();
                let id = id.ok_or_else(|| Error::bug("a node comes after one without an id"))?;
                job.depends_on.push(Dependency { id, on: after.on, on_failure: after.on_failure });
            }
            let (workflow, node) = (Some(workflow), Some(node.name.clone()));
            jobs.push(Prepared::of(job, Origin { workflow, node, ..Origin::default() })?);
        }
        Ok((jobs, ids))
    }

    async fn call_back(&self, row: BundleRow) -> Result<(), Error> {
        let now = self.now();
        let mut runs: Vec<(CallbackOn, verb::Enqueue)> = Vec::new();
        for (on, job) in row.callbacks()? {
            if row.made(on).is_none() {
                runs.push((on, self.callback_of(&row, job).await?));
            }
        }
        self.driver().write(verb::CallBack { id: row.id, runs, now }).await
    }

    /// What stores the job of a callback.
    async fn callback_of(&self, row: &BundleRow, job: NewJob) -> Result<verb::Enqueue, Error> {
        let batch = BatchId::from_i64(row.id);
        let origin = Origin { callback_of: Some(batch), ..Origin::default() };
        let prepared = vec![Prepared::of(job, origin)?];
        let now = self.now();
        let namespace = row.namespace.as_str().into();
        let enqueue = self.prepare_enqueue(namespace, prepared, true, now).await?;
        // Whoever opened the batch was told that it is made: a full queue does not refuse it.
        Ok(verb::Enqueue { admits: false, ..enqueue })
    }
}

/// Jobs are checked in the order of their ids: their places in a refusal are those of the nodes.
fn of_nodes(error: Error, order: &[usize]) -> Error {
    let Error::Invalid(broken) = error else { return error };
    let renamed = |field: FieldError| {
        let rest = field.pointer.strip_prefix("/jobs/").and_then(|rest| rest.split_once('/'));
        let place = rest.and_then(|(n, rest)| Some((order.get(n.parse::<usize>().ok()?)?, rest)));
        match place {
            Some((place, rest)) => FieldError::new(format!("/nodes/{place}/{rest}"), field.detail),
            None => field,
        }
    };
    Error::Invalid(broken.into_iter().map(renamed).collect())
}
