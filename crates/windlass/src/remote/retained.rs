//! Ends of attempts that are reported without a token, for protocols that have none.
//!
//! Invariant: the lease that stands decides, and only that of a claim without registration.

use super::{RemoteWorkers, ReportReply, ReportedJob};
use crate::Error;
use crate::job::{Ending, JobError, JobId, LeaseToken};
use crate::store::WorkerOrigin;

impl RemoteWorkers {
    /// Ends the attempt that runs under a claim without registration, whoever asks: completed with these bytes,
    /// or failed with this message. With `worker`, only if the claim was made under this name.
    ///
    /// Whoever reports late may end a newer attempt, where tokens would keep them from it: this is for protocols
    /// that have none.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job, or nobody holds it under such a claim.
    pub async fn settle_held(
        &self,
        job: JobId,
        worker: Option<&str>,
        end: Result<Option<Vec<u8>>, String>,
    ) -> Result<ReportReply, Error> {
        let missing = || Error::not_found(format!("a claim of job {job}"));
        let namespace = self.queue.namespace().into();
        let held = self.queue.store().find_holder(&namespace, job).await?;
        let (id, epoch) = held.ok_or_else(missing)?;
        let holder = self.find(id).await?.filter(|it| it.origin == WorkerOrigin::Passing);
        let holder = holder.filter(|it| worker.is_none_or(|name| *it.key.name == *name));
        let nonce = holder.ok_or_else(missing)?.key.nonce;
        let token = LeaseToken { worker: id, epoch, nonce, job };
        let ending = match end {
            Ok(result) => Ending::Complete { result },
            Err(message) => JobError::from(message).into_ending(),
        };
        let item = ReportedJob { job, token, ending, follow_ups: Vec::new() };
        match self.settle_one(item).await {
            // It ended between the look and the report.
            Err(Error::Lost { .. }) => Err(missing()),
            reply => reply,
        }
    }
}
