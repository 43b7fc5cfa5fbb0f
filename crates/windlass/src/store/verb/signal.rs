//! Signals: someone tells a job something, and a handler that waits for it goes on.

use std::sync::Arc;

use crate::Error;
use crate::job::{Act, JobId, Timestamp};
use crate::store::driver::{BYTES_PER_ROW, Tx, Verb, Waits};
use crate::store::ids::Ids;
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::verb::Retry;
use crate::store::verb::locate;
use crate::store::verb::saved::list;
use crate::store::{Part, RetryOptions, Shared};

/// Gives a signal to a job that has not ended; false when it was given one of that name before, which
/// stands.
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) namespace: Arc<str>,
    pub(crate) job: JobId,
    pub(crate) name: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Arc<Ids>,
}

impl Verb for Signal {
    type Reply = bool;

    fn act(&self) -> Option<Act> {
        Some(Act::new(&self.namespace, "job.signal", self.job.to_string()).detail(&*self.name))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        // Whoever settles or deletes the job does so before this or after it, not meanwhile.
        for lock in [Sql::SignalLockLease, Sql::SignalLockJob] {
            tx.query(lock, &[self.job.as_i64().into()]).await?;
        }
        let row = locate(tx, namespace_id, self.job).await?;
        let state = row.record.state;
        if state.is_terminal() {
            return Err(Error::conflict(format!(
                "job {} is {state}: it takes no signal",
                self.job
            )));
        }
        let params = [
            self.job.as_i64().into(),
            Part::Signal.code().into(),
            self.name.as_str().into(),
            self.now.as_micros().into(),
            self.payload.as_slice().into(),
        ];
        let is_new = tx.execute(Sql::SignalAdd, &params).await? > 0;
        if is_new {
            self.wake(tx, &row).await?;
        }
        Ok(is_new)
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        1 + self.payload.len() / BYTES_PER_ROW
    }
}

impl Signal {
    /// Runs the job now if what it waits for is this signal.
    async fn wake<T: Tx>(&self, tx: &mut T, row: &JobRow) -> Result<(), Error> {
        let Room::Delayed { counts, .. } = row.room else { return Ok(()) };
        if row.record.reason != Some(crate::Reason::Snoozed) {
            return Ok(());
        }
        let steps = list(tx, self.job, Part::Step).await?;
        let waits = |step: &crate::store::Saved| {
            step.name == self.name && step.due_at.is_some() && step.data.is_none()
        };
        if !steps.iter().any(waits) {
            return Ok(());
        }
        let retry = Retry {
            namespace: Arc::clone(&self.namespace),
            job: self.job,
            options: RetryOptions::default(),
            now: self.now,
            shared: Arc::clone(&self.shared),
            ids: Arc::clone(&self.ids),
        };
        retry.run_now(tx, row, counts).await
    }
}
