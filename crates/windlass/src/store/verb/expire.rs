//! Expire: ends waiting jobs whose `start_by` or `deadline` has passed, even where no worker looks.
//!
//! Any node may run it at any time: a job is ended by whoever deletes its row.

use std::time::Duration;

use crate::Error;
use crate::core::Settlement;
use crate::job::{JobId, Timestamp};
use crate::store::driver::{Tx, Verb, Waits};
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::verb::cancel::leave_room;
use crate::store::verb::job_part::too_late;

/// A job that runs past its limit is looked at again after this time.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Looks at up to `limit` jobs whose limit has come; says how many rows it looked at.
#[derive(Debug)]
pub(crate) struct Expire {
    pub(crate) limit: usize,
    pub(crate) now: Timestamp,
}

impl Verb for Expire {
    type Reply = usize;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<usize, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::ExpiryTake, &[self.now.as_micros().into(), limit.into()]).await?;
        let mut due = rows.ints()?;
        // One order for everyone who waits for jobs.
        due.sort_unstable();
        for job in &due {
            let rows = tx.query(Sql::JobGet, &[(*job).into()]).await?;
            if let Some(row) = rows.first(JobRow::read)? {
                self.look_at(tx, &row).await?;
            }
        }
        Ok(due.len())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

impl Expire {
    async fn look_at<T: Tx>(&self, tx: &mut T, row: &JobRow) -> Result<(), Error> {
        let job = &row.record;
        if job.state.is_terminal() {
            return Ok(());
        }
        let late = too_late(job.start_by, job.deadline, self.now);
        match (late, row.room) {
            (
                Some((event, state, reason)),
                Room::Ready { .. }
                | Room::Delayed { .. }
                | Room::Blocked { .. }
                | Room::Throttled { .. },
            ) => {
                let settlement =
                    Settlement::of_waiting(job.id, row.room.counts(), event, (state, reason));
                leave_room(tx, row, &settlement, self.now).await
            }
            (_, Room::Lease { .. }) => self.look_again(tx, job.id, self.now + LOOK_AGAIN).await,
            _ => {
                let limits = [job.start_by, job.deadline];
                let next = limits.into_iter().flatten().filter(|limit| *limit >= self.now).min();
                let next = next.map(|limit| limit + Duration::from_micros(1));
                self.look_again(tx, job.id, next.unwrap_or(self.now + LOOK_AGAIN)).await
            }
        }
    }

    async fn look_again<T: Tx>(&self, tx: &mut T, job: JobId, at: Timestamp) -> Result<(), Error> {
        let params = [at.as_micros().into(), job.as_i64().into()];
        tx.execute(Sql::ExpiryInsert, &params).await?;
        Ok(())
    }
}
