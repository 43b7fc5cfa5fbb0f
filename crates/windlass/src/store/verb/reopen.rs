//! Reopen: nodes of a workflow that ended without success run again, parents before children.
//!
//! Ids of nodes ascend from parents to children, so a node is looked at after all that it waits for.

use std::collections::HashMap;
use std::sync::Arc;

use super::bundle::{Sort, lock_in};
use super::parents::{Brief, brief};
use super::retry::Retry;
use crate::Error;
use crate::core::{Reason, State};
use crate::job::{Act, Dependency, JobId, ParentEnd, Timestamp, WorkflowId};
use crate::store::driver::{Batch, Param, Tx, Verb, Waits};
use crate::store::ids::Ids;
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::{RetryOptions, Shared};

/// Reopens those of the next so many nodes that can run again.
#[derive(Debug)]
pub(crate) struct Reopen {
    pub(crate) namespace: Arc<str>,
    pub(crate) workflow: WorkflowId,
    pub(crate) scope: Scope,
    pub(crate) after: i64,
    pub(crate) limit: usize,
    pub(crate) options: RetryOptions,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Arc<Ids>,
}

/// Which nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those that ended without success, for whatever reason.
    All,
    /// Those that ended because of a node they waited for.
    Descendants,
}

/// What was done.
#[derive(Debug)]
pub(crate) struct Reopened {
    pub(crate) count: usize,
    /// Where to go on, if there is more.
    pub(crate) next: Option<i64>,
}

impl Verb for Reopen {
    type Reply = Reopened;

    fn act(&self) -> Option<Act> {
        // Once for all batches; what follows from the retry of a job has its own line.
        let act = Act::new(&self.namespace, "workflow.retry", self.workflow.to_string());
        (self.after == 0).then_some(act)
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Reopened, Error> {
        tx.query(Sql::EndedLock, &[]).await?;
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let id = self.workflow.as_i64();
        lock_in(tx, (namespace_id, Sort::Workflow), id).await?;
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::MemberIds, &[id, self.after, limit].map(Param::Int)).await?;
        let found = rows.read(|row| Ok((row.int()?, row.opt_int()?, row.opt_int()?)))?;
        let next = found.last().filter(|_| found.len() >= self.limit).map(|(job, ..)| *job);
        let ended = found.into_iter().filter(|(_, state, reason)| self.is_meant(*state, *reason));
        let ended = Batch::of_rows(1, ended.map(|(job, ..)| Param::Int(job)).collect());
        let mut count = 0;
        if !ended.is_empty() {
            count = self.reopen_all(tx, &ended).await?;
        }
        Ok(Reopened { count, next })
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

impl Reopen {
    fn is_meant(&self, state: Option<i64>, reason: Option<i64>) -> bool {
        let by_dependency = reason == Some(Reason::Dependency.code());
        match state {
            None => false,
            Some(state) if state == State::Completed.code() => false,
            Some(_) => self.scope == Scope::All || by_dependency,
        }
    }

    async fn reopen_all<T: Tx>(&self, tx: &mut T, ended: &Batch<'_>) -> Result<usize, Error> {
        let mut rows = tx.query_each(Sql::JobGet, ended).await?.read(JobRow::read)?;
        rows.sort_unstable_by_key(|row| row.record.id);
        let mut known = parents_of(tx, &rows).await?;
        let mut count = 0;
        for row in &rows {
            let Ok(waits_for) = waits_for(row, &known, self.scope) else { continue };
            let Room::Ended { counts } = row.room else { continue };
            let retry = Retry {
                namespace: Arc::clone(&self.namespace),
                job: row.record.id,
                version: None,
                options: self.options.clone(),
                now: self.now,
                shared: Arc::clone(&self.shared),
                ids: Arc::clone(&self.ids),
            };
            retry.revive(tx, row, counts, &waits_for).await?;
            if let Some(brief) = known.get_mut(&row.record.id) {
                brief.ended = None;
            }
            count += 1;
        }
        Ok(count)
    }
}

/// How the parents of these nodes stand.
pub(super) async fn parents_of<T: Tx>(
    tx: &mut T,
    rows: &[JobRow],
) -> Result<HashMap<JobId, Brief>, Error> {
    let parents = rows.iter().flat_map(|row| row.record.depends_on.iter().map(|on| on.id));
    let mut parents: Vec<JobId> = parents.collect();
    parents.sort_unstable();
    parents.dedup();
    let known = brief(tx, &parents).await?;
    Ok(known.into_iter().map(|brief| (brief.job, brief)).collect())
}

/// What a node has to wait for, or the parent that would end it again at once.
pub(super) fn waits_for(
    row: &JobRow,
    known: &HashMap<JobId, Brief>,
    scope: Scope,
) -> Result<Vec<Dependency>, JobId> {
    let mut waits_for = Vec::new();
    for on in &row.record.depends_on {
        let is_lenient = on.on == ParentEnd::Any || on.ignores_failure();
        match known.get(&on.id).map(|parent| parent.ended) {
            Some(None) => waits_for.push(*on),
            Some(Some(State::Completed)) => {}
            Some(Some(_)) if !is_lenient => return Err(on.id),
            // Deleted: whoever retries the whole workflow wants the rest of it.
            None if !is_lenient && scope == Scope::Descendants => return Err(on.id),
            Some(Some(_)) | None => {}
        }
    }
    Ok(waits_for)
}
