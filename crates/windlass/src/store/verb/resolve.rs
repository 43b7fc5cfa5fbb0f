//! Resolve: jobs whose parents have ended run, or end with them.
//!
//! Any node may run it at any time: one lock makes resolvers take turns, so that a job that waits for
//! two parents is released once. Nothing else ever counts parents.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::{Counts, Event, Reason, Settlement, State};
use crate::job::{JobId, Timestamp};
use crate::store::driver::{Batch, Param, Row, Tx, Verb, Waits};
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::verb::cancel::leave_room;
use crate::store::verb::enter::{Entry, enter, places};
use crate::store::{Resolved, Shared};
use crate::{Error, sabotage};

/// Columns of a row of the delayed room.
const DELAYED_WIDTH: usize = 10;

/// Looks at the children of these jobs; with none, at all children in the order of their parents.
#[derive(Debug)]
pub(crate) struct Resolve {
    pub(crate) parents: Vec<JobId>,
    pub(crate) after: i64,
    pub(crate) limit: usize,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

/// A dependency that is decided.
struct Edge {
    parent: i64,
    child: i64,
    /// None lets the child run; otherwise how it ends.
    end: Option<State>,
}

/// A job that waits for no other any more.
struct Free {
    job: i64,
    run_at: Option<Timestamp>,
    queue_id: i64,
    kind_id: i64,
    priority: i64,
    counts: Counts,
}

impl Verb for Resolve {
    type Reply = Resolved;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Resolved, Error> {
        if tx.query(Sql::DependencyAny, &[]).await?.is_empty() {
            return Ok(Resolved { any: false, next: None });
        }
        tx.execute(Sql::DependencyLock, &[]).await?;
        let mut edges = self.edges(tx).await?;
        let more = edges.len() >= self.limit;
        edges.truncate(self.limit);
        // What is left over is found from the first of these parents on.
        let next = edges.iter().map(|edge| edge.parent - 1).min().filter(|_| more);
        let mut met = Batch::with_capacity(2, edges.len());
        let mut children: BTreeMap<i64, Vec<Edge>> = BTreeMap::new();
        for edge in edges {
            met.push([edge.parent.into(), edge.child.into()]);
            children.entry(edge.child).or_default().push(edge);
        }
        if !met.is_empty() {
            tx.execute_each(Sql::DependencyRemove, &met).await?;
        }
        let mut waiting = Vec::with_capacity(children.len());
        for (child, edges) in children {
            match edges.iter().filter_map(|edge| edge.end).max_by_key(|state| state.code()) {
                Some(state) => self.end(tx, child, state).await?,
                None => waiting.push((child, edges.len())),
            }
        }
        self.release(tx, &waiting).await?;
        Ok(Resolved { any: true, next })
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

impl Resolve {
    async fn edges<T: Tx>(&self, tx: &mut T) -> Result<Vec<Edge>, Error> {
        let rows = if self.parents.is_empty() {
            let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
            tx.query(Sql::DependencyMet, &[self.after.into(), limit.into()]).await?
        } else {
            let parents = self.parents.iter().map(|id| Param::Int(id.as_i64())).collect();
            tx.query_each(Sql::DependencyOf, &Batch::of_rows(1, parents)).await?
        };
        rows.read(|row| {
            let (parent, child) = (row.int()?, row.int()?);
            let (any_end, ignores_failure) = (row.int()? != 0, row.int()? != 0);
            let state = row.opt_int()?.and_then(State::from_code);
            let is_gone = row.int()? != 0;
            let end = match state {
                Some(State::Completed) => None,
                _ if any_end || ignores_failure || sabotage::on("parent_ignored") => None,
                _ if is_gone => Some(State::Cancelled),
                Some(State::Cancelled) => Some(State::Cancelled),
                _ => Some(State::Failed),
            };
            Ok(Edge { parent, child, end })
        })
    }

    async fn end<T: Tx>(&self, tx: &mut T, child: i64, state: State) -> Result<(), Error> {
        let rows = tx.query(Sql::JobGet, &[child.into()]).await?;
        let Some(row) = rows.first(JobRow::read)? else { return Ok(()) };
        let Room::Blocked { .. } = row.room else { return Ok(()) };
        let event = if state == State::Cancelled { Event::Cancel } else { Event::LoseParent };
        let end = (state, Reason::Dependency);
        let end = Settlement::of_waiting(row.record.id, row.room.counts(), event, end);
        leave_room(tx, &row, &end, self.now).await
    }

    /// Children and how many of their dependencies were met: those that wait for no more go on, except
    /// perhaps for their time; the others wait for fewer.
    async fn release<T: Tx>(&self, tx: &mut T, children: &[(i64, usize)]) -> Result<(), Error> {
        if children.is_empty() {
            return Ok(());
        }
        let mut met = Batch::with_capacity(2, children.len());
        for (child, edges) in children {
            met.push([Param::Int(*child), Param::Int(i64::try_from(*edges).unwrap_or(i64::MAX))]);
        }
        let free = tx.query_each(Sql::BlockedTake, &met).await?.read(Free::read)?;
        if free.len() < children.len() {
            // Of those that were taken no row is left that could count down.
            tx.execute_each(Sql::BlockedMet, &met).await?;
        }
        let (delayed, free): (Vec<Free>, Vec<Free>) =
            free.into_iter().partition(|job| job.run_at.is_some_and(|at| at > self.now));
        self.delay(tx, &delayed).await?;
        let jobs: Vec<(i64, i64)> = free.iter().map(|free| (free.job, free.priority)).collect();
        let places = places(tx, &jobs, self.shared.settings.known().as_deref()).await?;
        let entries: Vec<Entry> = free
            .iter()
            .map(|free| Entry {
                job: free.job,
                queue_id: free.queue_id,
                kind_id: free.kind_id,
                priority: free.priority,
                seq: free.job,
                counts: free.counts,
                place: places.get(&free.job).copied(),
            })
            .collect();
        enter(tx, &entries).await
    }

    async fn delay<T: Tx>(&self, tx: &mut T, jobs: &[Free]) -> Result<(), Error> {
        let mut rows = Batch::with_capacity(DELAYED_WIDTH, jobs.len());
        for job in jobs {
            let at = job.run_at.map_or(0, Timestamp::as_micros).into();
            let [id, queue, kind, priority] =
                [job.job, job.queue_id, job.kind_id, job.priority].map(Param::Int);
            let [epoch, attempt, crashes, snoozes] = job.counts.columns().map(Param::Int);
            let reason = Reason::Scheduled.code().into();
            rows.push([at, id, reason, queue, kind, priority, epoch, attempt, crashes, snoozes]);
            tx.effects().delayed();
            let (id, pair) = (JobId::from_i64(job.job), (job.queue_id, job.kind_id));
            tx.effects().moved(id, pair, State::Pending, State::Delayed);
        }
        if rows.is_empty() {
            return Ok(());
        }
        tx.execute_each(Sql::DelayedInsert, &rows).await.map(drop)
    }
}

impl Free {
    fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            job: row.int()?,
            run_at: row.opt_int()?.map(Timestamp::from_micros),
            queue_id: row.int()?,
            kind_id: row.int()?,
            priority: row.int()?,
            counts: Counts {
                epoch: row.int()?,
                attempt: row.count()?,
                crashes: row.count()?,
                snoozes: row.count()?,
            },
        })
    }
}
