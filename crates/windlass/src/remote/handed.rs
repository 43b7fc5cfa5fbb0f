//! Jobs on their way to a worker: leased already, and given back unless they arrive.

use std::sync::Arc;
use std::time::Duration;

use super::desk::Desk;
use crate::Error;
use crate::job::{JobId, LeaseToken, Timestamp, WorkerId, WorkerState};
use crate::store::{Claimed, WorkerKey};
use crate::worker::JobInfo;

/// A job under lease, with all that a handler needs.
#[derive(Debug)]
#[non_exhaustive]
pub struct HandedJob {
    /// The job and its attempt.
    pub info: JobInfo,
    /// Input, byte for byte.
    pub payload: Vec<u8>,
    /// What an earlier attempt kept.
    pub checkpoint: Option<Vec<u8>>,
    /// Longest run of the attempt.
    pub timeout: Duration,
    /// The end of the job's whole life, if it has one.
    pub deadline: Option<Timestamp>,
    /// Says that the worker holds it.
    pub token: LeaseToken,
    /// When the lease ends unless the worker is heard of.
    pub expires_at: Timestamp,
    /// The same from the claim on, for workers whose clock is off.
    pub expires_in: Duration,
}

/// What a claim brought. Dropped before [`received`](Self::received), it gives the jobs back, uncounted.
#[derive(Debug)]
#[must_use = "jobs that are dropped go back"]
pub struct Handed {
    desk: Arc<Desk>,
    worker: Option<(WorkerKey, bool)>,
    jobs: Vec<HandedJob>,
    /// What the worker is asked to do.
    pub state: WorkerState,
    /// Jobs that the worker holds and is to stop, where that is news.
    pub cancel: Vec<JobId>,
}

impl Handed {
    pub(super) fn none(desk: &Arc<Desk>) -> Self {
        let desk = Arc::clone(desk);
        let (state, cancel) = (WorkerState::Run, Vec::new());
        Self { desk, worker: None, jobs: Vec::new(), state, cancel }
    }

    /// Jobs that `worker` holds until `expires_at`; when it is passing, it was made for them.
    pub(super) fn new(
        desk: &Arc<Desk>,
        (worker, is_passing): (WorkerKey, bool),
        claimed: Vec<Claimed>,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Self {
        let handed = |job: Claimed| HandedJob {
            info: JobInfo::of(&job),
            token: LeaseToken {
                worker: WorkerId::from_i64(worker.id),
                epoch: job.run.counts.epoch,
                nonce: worker.nonce,
                job: job.run.job,
            },
            timeout: job.timeout,
            deadline: job.run.deadline,
            payload: job.payload,
            checkpoint: None,
            expires_at,
            expires_in: expires_at.since(now),
        };
        let jobs = claimed.into_iter().map(handed).collect::<Vec<_>>();
        let mut full = Self::none(desk);
        (full.jobs, full.worker) = (jobs, Some((worker, is_passing)));
        full
    }

    /// The jobs, most urgent first.
    pub fn jobs(&self) -> &[HandedJob] {
        &self.jobs
    }

    /// The worker has them, as far as anyone can know: from here on they are its own.
    pub fn received(mut self) {
        self.worker = None;
    }

    /// Only jobs that were claimed before can have any.
    pub(super) async fn read_checkpoints(&mut self) -> Result<(), Error> {
        let again = self.jobs.iter().filter(|job| job.info.epoch > 1).map(|job| job.info.id);
        let again: Vec<JobId> = again.collect();
        if again.is_empty() {
            return Ok(());
        }
        for (id, data) in self.desk.store().checkpoints(again).await? {
            if let Some(job) = self.jobs.iter_mut().find(|job| job.info.id == id) {
                job.checkpoint = Some(data);
            }
        }
        Ok(())
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        let Some((worker, is_passing)) = self.worker.take() else { return };
        let leases: Vec<_> = self.jobs.iter().map(|job| (job.info.id, job.info.epoch)).collect();
        if !leases.is_empty() {
            self.desk.give_back(worker, (!is_passing).then_some(leases));
        }
    }
}
