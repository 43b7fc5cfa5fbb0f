//! Jobs that a handler asks for, until its attempt ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Error;
use crate::job::{FOLLOW_UP_BYTES_MAX, FOLLOW_UPS_MAX, NewJob};

/// Follow-up jobs in the order asked for, each checked.
#[derive(Debug, Default)]
pub(super) struct FollowUpList(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    jobs: Vec<NewJob>,
    bytes: usize,
    /// The job completes in a transaction of the application's, which takes none of these along.
    is_closed: bool,
}

impl FollowUpList {
    pub(super) fn push(&self, job: NewJob) -> Result<(), Error> {
        job.check()?;
        let mut list = self.lock();
        if list.is_closed {
            return Err(Error::conflict(
                "the job has completed within a transaction: enqueue in that transaction",
            ));
        }
        if list.jobs.len() == FOLLOW_UPS_MAX {
            let detail = format!("are more than {FOLLOW_UPS_MAX} in one attempt");
            return Err(Error::invalid("/follow_ups", detail));
        }
        let bytes = list.bytes + job.payload.len();
        if bytes > FOLLOW_UP_BYTES_MAX {
            let detail = format!("have {bytes} bytes of payload (at most {FOLLOW_UP_BYTES_MAX})");
            return Err(Error::invalid("/follow_ups", detail));
        }
        list.bytes = bytes;
        list.jobs.push(job);
        Ok(())
    }

    /// Takes no more jobs; refused when there are some.
    pub(super) fn close(&self) -> Result<(), Error> {
        let mut list = self.lock();
        if !list.jobs.is_empty() {
            return Err(Error::conflict(
                "the handler asked for follow-up jobs: enqueue them in the transaction instead",
            ));
        }
        list.is_closed = true;
        Ok(())
    }

    pub(super) fn take(&self) -> Vec<NewJob> {
        std::mem::take(&mut *self.lock()).jobs
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
