//! Resolve: jobs whose parents have ended run, or end with them.
//!
//! Any node may run it at any time: one lock makes resolvers take turns, so that a job that waits for
//! two parents is released once. Nothing else ever counts parents.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Error;
use crate::core::{Counts, Event, Reason, Settlement, State};
use crate::job::{JobId, Timestamp};
use crate::store::driver::{Batch, Param, Tx, Verb, Waits};
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::verb::cancel::leave_room;
use crate::store::verb::enter::{Entry, enter};
use crate::store::{Resolved, Shared};

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
        let mut children: BTreeMap<i64, Vec<Edge>> = BTreeMap::new();
        for edge in edges {
            tx.execute(Sql::DependencyRemove, &[edge.parent.into(), edge.child.into()]).await?;
            children.entry(edge.child).or_default().push(edge);
        }
        for (child, edges) in children {
            self.release(tx, child, &edges).await?;
        }
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
                _ if any_end || ignores_failure => None,
                _ if is_gone => Some(State::Cancelled),
                Some(State::Cancelled) => Some(State::Cancelled),
                _ => Some(State::Failed),
            };
            Ok(Edge { parent, child, end })
        })
    }

    async fn release<T: Tx>(&self, tx: &mut T, child: i64, edges: &[Edge]) -> Result<(), Error> {
        let end = edges.iter().filter_map(|edge| edge.end).max_by_key(|state| state.code());
        let met = i64::try_from(edges.len()).unwrap_or(i64::MAX);
        if end.is_none() && tx.execute(Sql::BlockedMet, &[child.into(), met.into()]).await? == 1 {
            return Ok(());
        }
        let rows = tx.query(Sql::JobGet, &[child.into()]).await?;
        let Some(row) = rows.first(JobRow::read)? else { return Ok(()) };
        let Room::Blocked { run_at, counts } = row.room else { return Ok(()) };
        match end {
            Some(state) => self.end(tx, &row, state).await,
            None => self.wait(tx, &row, run_at, counts).await,
        }
    }

    async fn end<T: Tx>(&self, tx: &mut T, row: &JobRow, state: State) -> Result<(), Error> {
        let event = if state == State::Cancelled { Event::Cancel } else { Event::LoseParent };
        let end = (state, Reason::Dependency);
        let end = Settlement::of_waiting(row.record.id, row.room.counts(), event, end);
        leave_room(tx, row, &end, self.now).await
    }

    /// Nothing holds the job back any more, except perhaps its time.
    async fn wait<T: Tx>(
        &self,
        tx: &mut T,
        row: &JobRow,
        run_at: Option<Timestamp>,
        counts: Counts,
    ) -> Result<(), Error> {
        if tx.execute(Sql::BlockedRemove, &[row.record.id.as_i64().into()]).await? == 0 {
            return Err(Error::moved(format!("job {}", row.record.id)));
        }
        let class = i64::from(row.record.priority.get());
        let [id, queue, kind, priority] =
            [row.record.id.as_i64(), row.queue_id, row.kind_id, class].map(Param::Int);
        let [epoch, attempt, crashes, snoozes] = counts.columns().map(Param::Int);
        let Some(run_at) = run_at.filter(|run_at| *run_at > self.now) else {
            let settings = self.shared.settings.known();
            let entry = Entry::of(row, row.record.id.as_i64(), settings.as_deref());
            return enter(tx, &[entry]).await;
        };
        let reason = Reason::Scheduled.code().into();
        let at = run_at.as_micros().into();
        let delayed = [at, id, reason, queue, kind, priority, epoch, attempt, crashes, snoozes];
        tx.execute(Sql::DelayedInsert, &delayed).await?;
        tx.effects().delayed();
        tx.effects().moved(row.record.id, row.pair(), State::Pending, State::Delayed);
        Ok(())
    }
}
