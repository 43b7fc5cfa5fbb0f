//! What a lease token alone allows: keep, log, extend.

use std::time::Duration;

use super::{RemoteWorkers, check_job, check_lease};
use crate::Error;
use crate::job::{JobId, LeaseToken, LogLevel, LogLine, PAYLOAD_BYTES_MAX, Timestamp};
use crate::store::{Fence, HeldBy, KnownWorker, LogNote, Part, Saved, WorkerOrigin};

impl RemoteWorkers {
    /// Keeps `data` with the job for its next attempt, instead of what an earlier call kept.
    ///
    /// # Errors
    /// [`Error::Lost`] when the lease is gone, [`Error::Invalid`] for more than 1 MiB or the token of another job.
    pub async fn checkpoint(
        &self,
        job: JobId,
        token: &LeaseToken,
        data: Vec<u8>,
    ) -> Result<(), Error> {
        if data.len() > PAYLOAD_BYTES_MAX {
            let detail = format!("is {} bytes long (at most {PAYLOAD_BYTES_MAX})", data.len());
            return Err(Error::invalid("/data", detail));
        }
        let (fence, _) = self.fence(job, token).await?;
        let item = Saved { data: Some(data), ..Saved::default() };
        let is_kept = self.queue.store().save(&fence, Part::Checkpoint, item).await?;
        if is_kept { Ok(()) } else { Err(Error::Lost { job }) }
    }

    /// Adds lines to the log of the job, as [`Ctx::log`](crate::Ctx::log) does; without an instant a line is
    /// of now.
    ///
    /// # Errors
    /// [`Error::Lost`] when the lease is gone, [`Error::Invalid`] when the token is of another job.
    pub async fn log(
        &self,
        job: JobId,
        token: &LeaseToken,
        lines: Vec<(Option<Timestamp>, LogLevel, String)>,
    ) -> Result<(), Error> {
        let (fence, _) = self.fence(job, token).await?;
        let store = self.queue.store();
        let attempt = store.holds(&fence).await?.ok_or(Error::Lost { job })?;
        let now = self.queue.clock().now();
        let notes = lines.into_iter().map(|(at, level, text)| {
            let line = LogLine::new(at.unwrap_or(now), attempt, level, text);
            LogNote { job, epoch: fence.epoch, line }
        });
        let notes: Vec<LogNote> = notes.collect();
        if notes.is_empty() {
            return Ok(());
        }
        store.add_lines(&fence.worker, notes).await
    }

    /// Renews the lease of a claim without registration for `lease` from now (by default as long as at first),
    /// and of all other jobs of that claim; returns when it ends, and whether the job is to be stopped. A
    /// registered worker's lease is renewed for its own length.
    ///
    /// # Errors
    /// [`Error::Lost`] when the lease is gone or over, [`Error::Invalid`] for a lease out of range, one that a
    /// registered worker asks for, or the token of another job.
    pub async fn extend(
        &self,
        job: JobId,
        token: &LeaseToken,
        lease: Option<Duration>,
    ) -> Result<(Timestamp, bool), Error> {
        let (fence, worker) = self.fence(job, token).await?;
        if lease.is_some() && worker.origin != WorkerOrigin::Passing {
            let detail = "was agreed on at the registration: only claims without one change it";
            return Err(Error::invalid("/lease", detail));
        }
        let lease = lease.unwrap_or(worker.lease);
        check_lease(lease)?;
        let now = self.queue.clock().now();
        let beat = self.queue.store().heartbeat(&fence.worker, Some(lease)).await?;
        let same = |held: &&HeldBy| held.job == job && held.epoch == fence.epoch;
        match beat.leases.iter().find(same) {
            Some(held) if beat.alive => Ok((now + lease, held.cancelling)),
            _ => Err(Error::Lost { job }),
        }
    }

    /// The lease that a token speaks of, and whose it is.
    async fn fence(&self, job: JobId, token: &LeaseToken) -> Result<(Fence, KnownWorker), Error> {
        check_job(job, token)?;
        let known = self.find(token.worker).await?;
        let worker = known.filter(|worker| worker.key.nonce == token.nonce);
        let worker = worker.ok_or(Error::Lost { job })?;
        Ok((Fence { job, epoch: token.epoch, worker: worker.key.clone() }, worker))
    }
}
