//! The verbs by which people change jobs that are stored.

use std::sync::Arc;
use std::time::Duration;

use super::driver::Driver;
use super::list_query::ListQuery;
use super::operation::{Deed, Operation, OperationId, OperationRecord, OperationState, Target};
use super::sql_store::SqlStore;
use super::types::{Dead, Found, RetryOptions};
use super::verb::{self, OperationProgress, OperationRow, Scope};
use super::{BundleStore as _, Reply, Store};
use crate::Error;
use crate::job::{JobEdit, JobId, JobRecord, JobRef, Timestamp};

/// Operations of one round.
const OPERATIONS_MAX: usize = 20;

/// Jobs of one step: its transaction stays short. Counting touches none of them.
const STEP_MAX: usize = 50;
const COUNT_MAX: usize = 10_000;

/// Steps a second of an operation that is paced, unless it does fewer jobs than that.
const STEPS_PER_SECOND: f64 = 10.0;

/// How long operations are kept after their end.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// The answer to a round of operations.
#[derive(Debug)]
pub(crate) struct Operated {
    /// Steps done, by this node or another.
    pub(crate) count: usize,
    /// When to look again.
    pub(crate) next: Option<Timestamp>,
}

/// As [`Store`](super::Store), for changes by hand.
pub(crate) trait OperationStore {
    fn edit(&self, namespace: &Arc<str>, job: JobRef, edit: JobEdit) -> Reply<'_, JobRecord>;

    /// Reads a page of the ids of jobs.
    fn find(&self, namespace: &Arc<str>, query: ListQuery) -> Reply<'_, Found>;
    fn begin_operation(
        &self,
        namespace: &Arc<str>,
        operation: Operation,
    ) -> Reply<'_, OperationRecord>;
    fn operation(&self, namespace: &Arc<str>, id: OperationId) -> Reply<'_, OperationRecord>;
    fn operations(
        &self,
        namespace: &Arc<str>,
        before: Option<OperationId>,
        limit: usize,
    ) -> Reply<'_, Vec<OperationRecord>>;
    fn cancel_operation(&self, namespace: &Arc<str>, id: OperationId)
    -> Reply<'_, OperationRecord>;
    /// Does a step of each operation that is due, or of this one if it is.
    fn operate(&self, only: Option<OperationId>) -> Reply<'_, Operated>;
    /// Deletes operations that ended long ago.
    fn forget_operations(&self) -> Reply<'_, ()>;

    /// Reads the latest dead letters.
    fn dead(&self, namespace: &Arc<str>, limit: usize) -> Reply<'_, Dead>;
}

impl<D: Driver> OperationStore for SqlStore<D> {
    fn edit(&self, namespace: &Arc<str>, job: JobRef, edit: JobEdit) -> Reply<'_, JobRecord> {
        let (namespace, JobRef { id: job, version }) = (Arc::clone(namespace), job);
        Box::pin(async move {
            let now = self.now();
            self.ids().ready(self.driver(), now).await?;
            let queue_id = match &edit.queue {
                None => None,
                Some(queue) => {
                    let found = self.get(&namespace, vec![job]).await?.pop();
                    let found = found.ok_or_else(|| Error::not_found(format!("job {job}")))?;
                    Some(self.queue_for(&namespace, queue, &[found]).await?)
                }
            };
            let (shared, ids) = (self.shared(), Arc::clone(self.ids()));
            let verb = verb::Edit { namespace, job, version, edit, queue_id, now, shared, ids };
            Ok(self.told(self.act(verb).await?).await)
        })
    }

    fn find(&self, namespace: &Arc<str>, query: ListQuery) -> Reply<'_, Found> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.now(), self.shared());
        let clock = Store::clock(self).clone();
        let list = verb::List { namespace, query, now, clock, shared };
        Box::pin(self.driver().read(verb::Find(list)))
    }

    fn begin_operation(
        &self,
        namespace: &Arc<str>,
        operation: Operation,
    ) -> Reply<'_, OperationRecord> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            let (now, shared) = (self.now(), self.shared());
            let id = OperationId::from_i64(self.next_id(now).await?.as_i64());
            self.act(verb::BeginOperation { id, namespace, operation, now, shared }).await
        })
    }

    fn operation(&self, namespace: &Arc<str>, id: OperationId) -> Reply<'_, OperationRecord> {
        let namespace = Arc::clone(namespace);
        Box::pin(self.driver().read(verb::GetOperation { namespace, id }))
    }

    fn operations(
        &self,
        namespace: &Arc<str>,
        before: Option<OperationId>,
        limit: usize,
    ) -> Reply<'_, Vec<OperationRecord>> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(async move {
            let verb = verb::ListOperations { namespace, before, limit, shared };
            let rows = self.driver().read(verb).await?;
            rows.into_iter().map(OperationRow::record).collect()
        })
    }

    fn cancel_operation(
        &self,
        namespace: &Arc<str>,
        id: OperationId,
    ) -> Reply<'_, OperationRecord> {
        let (namespace, now) = (Arc::clone(namespace), self.now());
        Box::pin(self.act(verb::CancelOperation { namespace, id, now }))
    }

    fn operate(&self, only: Option<OperationId>) -> Reply<'_, Operated> {
        Box::pin(async move {
            let now = self.now();
            self.ids().ready(self.driver(), now).await?;
            let limit = OPERATIONS_MAX;
            let (due, next) = self.driver().read(verb::DueOperations { now, limit }).await?;
            let (mut count, mut failed) = (0, None);
            for row in due.into_iter().filter(|row| only.is_none_or(|id| id == row.id)) {
                let id = row.id;
                match self.step(row, now).await {
                    Ok(()) => count += 1,
                    // Another node went on, or someone stopped it: the next round sees.
                    Err(error) if error.is_moved() => count += 1,
                    Err(error) => {
                        tracing::error!(operation = %id, %error, "cannot go on with an operation");
                        failed = Some(error);
                    }
                }
            }
            failed.map_or(Ok(Operated { count, next }), Err)
        })
    }

    fn forget_operations(&self) -> Reply<'_, ()> {
        let before = Timestamp::from_micros(
            self.now().as_micros() - i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX),
        );
        Box::pin(self.driver().write(verb::ForgetOperations { before }))
    }

    fn dead(&self, namespace: &Arc<str>, limit: usize) -> Reply<'_, Dead> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(self.driver().read(verb::DeadGroups { namespace, limit, shared }))
    }
}

impl<D: Driver> SqlStore<D> {
    /// The id of a queue that may take jobs of these kinds from here on.
    async fn queue_for(
        &self,
        namespace: &str,
        queue: &str,
        jobs: &[JobRecord],
    ) -> Result<i64, Error> {
        let namespace_id = self.namespace_id(namespace).await?;
        self.make_known(namespace_id, jobs.iter().map(|job| (queue, job.kind.as_str()))).await?;
        let kind = jobs.first().map_or("", |job| &job.kind);
        Ok(self.shared().catalog.pair(namespace_id, queue, kind)?.0)
    }

    /// Does one step of an operation.
    async fn step(&self, row: OperationRow, now: Timestamp) -> Result<(), Error> {
        let operation = row.operation()?;
        let namespace: Arc<str> = row.namespace.as_str().into();
        let is_counting = row.state == OperationState::Counting;
        let limit = if is_counting { COUNT_MAX } else { paced(operation.rate) };
        let found = match self.candidates(&row, &operation, limit).await {
            // Its namespace was deleted, and its jobs with it.
            Err(Error::NotFound { .. }) => {
                return self
                    .driver()
                    .write(verb::CancelOperation { namespace, id: row.id, now })
                    .await
                    .map(drop);
            }
            found => found?,
        };
        let after = progress(&row, &operation, &found, now);
        let queue_id = match &operation.deed {
            Deed::Move(queue) if !is_counting && !found.jobs.is_empty() => {
                let jobs = self.get(&namespace, found.jobs.clone()).await?;
                if jobs.is_empty() {
                    None
                } else {
                    Some(self.queue_for(&namespace, queue, &jobs).await?)
                }
            }
            _ => None,
        };
        let states = operation.query(now).map(|query| query.states).unwrap_or_default();
        let (jobs, shared, ids) = (found.jobs, self.shared(), Arc::clone(self.ids()));
        let verb =
            verb::Operate { row, operation, jobs, states, queue_id, after, now, shared, ids };
        for (workflow, first) in self.driver().write(verb).await? {
            let (scope, options) = ((Scope::Descendants, Some(first)), RetryOptions::default());
            match self.reopen(&namespace, workflow, scope, options).await {
                // It was deleted meanwhile.
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next jobs of an operation.
    async fn candidates(
        &self,
        row: &OperationRow,
        operation: &Operation,
        limit: usize,
    ) -> Result<Found, Error> {
        if let Target::Jobs(jobs) = &operation.target.0 {
            let from = jobs.partition_point(|job| job.as_i64() <= row.after_job);
            let to = jobs.len().min(from + limit);
            let next = jobs.get(to).and_then(|_| jobs[from..to].last().copied());
            return Ok(Found { jobs: jobs[from..to].to_vec(), next });
        }
        let mut query = operation.query(row.created_at).unwrap_or_default();
        query.cursor = Some(JobId::from_i64(row.after_job));
        query.limit = limit;
        self.find(&row.namespace.as_str().into(), query).await
    }
}

/// Jobs of one step at a rate.
fn paced(rate: Option<f64>) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 1 to 50")]
    let paced = |rate: f64| (rate / STEPS_PER_SECOND).ceil().clamp(1.0, 50.0) as usize;
    rate.map_or(STEP_MAX, paced)
}

/// How far an operation has come once a step is done.
fn progress(
    row: &OperationRow,
    operation: &Operation,
    found: &Found,
    now: Timestamp,
) -> OperationProgress {
    match (row.state, found.next) {
        (OperationState::Counting, None) => {
            OperationProgress { state: OperationState::Running, after_job: 0, next_at: Some(now) }
        }
        (_, None) => {
            let after_job = found.jobs.last().map_or(row.after_job, |job| job.as_i64());
            OperationProgress { state: OperationState::Completed, after_job, next_at: None }
        }
        (state, Some(next)) => {
            let pause = match (state, operation.rate) {
                #[expect(clippy::cast_precision_loss, reason = "at most 50")]
                (OperationState::Running, Some(rate)) => {
                    Duration::from_secs_f64(found.jobs.len() as f64 / rate)
                }
                _ => Duration::ZERO,
            };
            OperationProgress { state, after_job: next.as_i64(), next_at: Some(now + pause) }
        }
    }
}
