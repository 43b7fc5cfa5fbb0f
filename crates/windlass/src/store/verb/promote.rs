//! Promote: delayed jobs whose time has come can be claimed.
//!
//! Any node may run it at any time: a row is moved by whoever deletes it.

use std::sync::Arc;

use crate::core::{Counts, Event, Reason, State};
use crate::job::{JobId, Timestamp};
use crate::store::driver::{Tx, Verb, Waits};
use crate::store::ids::Ids;
use crate::store::statements::Sql;
use crate::store::verb::enter::{Entry, enter, places};
use crate::store::{Promoted, Shared};
use crate::{Error, sabotage};

/// Promotes up to `limit` due jobs.
#[derive(Debug)]
pub(crate) struct Promote {
    pub(crate) limit: usize,
    pub(crate) now: Timestamp,
    pub(crate) ids: Arc<Ids>,
    pub(crate) shared: Arc<Shared>,
}

/// A row of the delayed room.
struct Due {
    run_at: i64,
    job: i64,
    reason: i64,
    queue_id: i64,
    kind_id: i64,
    priority: i64,
    counts: Counts,
}

impl Verb for Promote {
    type Reply = Promoted;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Promoted, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let early = if sabotage::on("promote_early") { 3_600_000_000 } else { 0 };
        let params = [(self.now.as_micros() + early).into(), limit.into()];
        let rows = tx.query(Sql::PromoteTake, &params).await?;
        let mut due = rows.read(|row| {
            Ok(Due {
                run_at: row.int()?,
                job: row.int()?,
                reason: row.int()?,
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
        })?;
        due.sort_unstable_by_key(|row| (row.run_at, row.job));
        self.make_ready(tx, &due).await?;
        let rows = tx.query(Sql::DelayedNext, &[]).await?;
        let next = rows.first_int()?.map(Timestamp::from_micros);
        Ok(Promoted { count: due.len(), next })
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

impl Promote {
    /// Moves the rows, each under a fresh seq: the order of run times among each other and towards
    /// jobs that became ready meanwhile.
    async fn make_ready<T: Tx>(&self, tx: &mut T, due: &[Due]) -> Result<(), Error> {
        let jobs: Vec<(i64, i64)> = due.iter().map(|row| (row.job, row.priority)).collect();
        let places = places(tx, &jobs, self.shared.settings.known().as_deref()).await?;
        let mut entries = Vec::with_capacity(due.len());
        let copies = if sabotage::on("promote_twice") { 2 } else { 1 };
        for row in due.iter().flat_map(|row| std::iter::repeat_n(row, copies)) {
            let seq = self.ids.next(self.now)?.as_i64();
            entries.push(Entry {
                job: row.job,
                queue_id: row.queue_id,
                kind_id: row.kind_id,
                priority: row.priority,
                seq,
                counts: row.counts,
                place: places.get(&row.job).copied(),
            });
            let from = Reason::from_code(row.reason).map_or(State::Delayed, Reason::waiting_state);
            debug_assert_eq!(from.after(Event::Promote), Ok(State::Pending));
            let (id, pair) = (JobId::from_i64(row.job), (row.queue_id, row.kind_id));
            tx.effects().moved(id, pair, from, State::Pending);
        }
        enter(tx, &entries).await
    }
}
