//! Jobs that ended longer ago than their queue keeps them are deleted, and old lines of the audit; safe from any node, because
//! whoever deletes the outcome decides.

use std::time::Duration;

use super::{ROUND_MAX, Round};
use crate::core::State;
use crate::queue::Queue;
use crate::{Error, Timestamp};

/// Between two rounds that found nothing to delete.
const EVERY: Duration = Duration::from_secs(30);

/// How often to look from the first job on again. In between a round goes on where the last one ended:
/// what is kept longer than what lies around it is walked over once per this time, not once per round.
const FULL_EVERY: Duration = Duration::from_secs(3600);

/// The states in which jobs are deleted by time.
const ENDED: [State; 4] = [State::Completed, State::Failed, State::DeadLetter, State::Cancelled];

pub(super) struct Prune {
    queue: Queue,
    /// Where the next round goes on, by state.
    after: [i64; ENDED.len()],
    full_at: Option<Timestamp>,
    /// Whether lines of the audit may be left that are kept no longer.
    trims: bool,
    /// Whole days go at once here.
    by_day: bool,
}

impl Prune {
    pub(super) fn new(queue: &Queue) -> Self {
        let queue = queue.clone();
        Self { queue, after: [0; ENDED.len()], full_at: None, trims: false, by_day: false }
    }
}

impl Round for Prune {
    const NAME: &'static str = "prune";

    async fn tick(&mut self) -> Result<Duration, Error> {
        let now = self.queue.clock().now();
        if self.full_at.is_none_or(|at| now.since(at) >= FULL_EVERY) {
            (self.after, self.full_at) = ([0; ENDED.len()], Some(now));
            self.trims = true;
            self.by_day = drop_days(&self.queue).await?.is_some();
        }
        if self.trims {
            self.trims = self.queue.trim_audit(ROUND_MAX).await? == ROUND_MAX;
        }
        let mut more = self.trims;
        for (state, after) in ENDED.into_iter().zip(&mut self.after) {
            let pruned = self.queue.store().prune(state, *after, ROUND_MAX, self.by_day).await?;
            if let Some(next) = pruned.next {
                (*after, more) = (next, true);
            }
        }
        Ok(if more { Duration::ZERO } else { EVERY })
    }

    async fn pause(&mut self, pause: Duration) {
        self.queue.clock().sleep(pause).await;
    }
}

/// Drops whole days where the database can; where it may not, jobs go one by one.
async fn drop_days(queue: &Queue) -> Result<Option<usize>, Error> {
    match queue.store().drop_days().await {
        Err(error @ Error::Bug { .. }) => {
            tracing::warn!(%error, "days cannot be dropped: their jobs are deleted one by one");
            Ok(None)
        }
        done => done,
    }
}

/// Deletes everything that is kept no longer, and says how much.
pub(crate) async fn prune_all(queue: &Queue) -> Result<usize, Error> {
    let mut deleted = drop_days(queue).await?.unwrap_or(0);
    for state in ENDED {
        let mut after = 0;
        loop {
            let pruned = queue.store().prune(state, after, ROUND_MAX, false).await?;
            deleted += pruned.deleted;
            match pruned.next {
                Some(next) => after = next,
                None => break,
            }
        }
    }
    Ok(deleted)
}
