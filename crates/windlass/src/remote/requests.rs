//! What remote workers ask for, and what they are answered.

use std::collections::BTreeMap;
use std::time::Duration;

use super::check_lease;
use crate::core::State;
use crate::job::{
    CLAIM_JOBS_MAX, CLAIM_WAIT_MAX, Ending, FOLLOW_UP_BYTES_MAX, FOLLOW_UPS_MAX, JobId, LeaseToken,
    NewJob, SERVED_NAMES_MAX, SLOTS_MAX, TAG_KEY_BYTES_MAX, TAG_VALUE_BYTES_MAX, TAGS_MAX,
    WorkerState, check_name,
};
use crate::store::Report;
use crate::{Error, FieldError};

/// Bytes of what a worker says of its version.
const VERSION_BYTES_MAX: usize = 128;

/// A worker that registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRemoteWorker {
    /// A name for people; several workers may have the same.
    pub name: String,
    /// The queues it serves, in the order of their turns; empty means all.
    pub queues: Vec<String>,
    /// The kinds it serves; empty means all.
    pub kinds: Vec<String>,
    /// Jobs it runs at a time, 1 to 10,000 (default 10).
    pub concurrency: usize,
    /// What else it says of itself: at most 64 pairs.
    pub labels: BTreeMap<String, String>,
    /// Its own version, at most 128 bytes.
    pub version: Option<String>,
    /// How long it may be silent, 1 s to 24 h (default 30 s).
    pub lease: Duration,
}

impl NewRemoteWorker {
    /// A worker with this name that serves everything.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            queues: Vec::new(),
            kinds: Vec::new(),
            concurrency: 10,
            labels: BTreeMap::new(),
            version: None,
            lease: Duration::from_secs(30),
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let mut broken = check_served(&self.queues, &self.kinds);
        let mut refuse = |pointer: &str, detail: String| {
            broken.push(FieldError::new(pointer, detail));
        };
        if let Err(detail) = check_name(&self.name) {
            refuse("/name", detail);
        }
        if !(1..=SLOTS_MAX as usize).contains(&self.concurrency) {
            refuse("/concurrency", format!("is {} (1 to {SLOTS_MAX} allowed)", self.concurrency));
        }
        if self.labels.len() > TAGS_MAX {
            refuse("/labels", format!("has {} pairs (at most {TAGS_MAX})", self.labels.len()));
        }
        for (key, value) in &self.labels {
            let is_long = key.len() > TAG_KEY_BYTES_MAX || value.len() > TAG_VALUE_BYTES_MAX;
            if key.is_empty() || is_long || key.contains('\0') || value.contains('\0') {
                let detail = "must have 1 to 128 bytes, its value at most 256, and no NUL";
                refuse("/labels", format!("a label {detail}"));
            }
        }
        if self.version.as_ref().is_some_and(|it| it.len() > VERSION_BYTES_MAX || it.contains('\0'))
        {
            refuse("/version", format!("must have at most {VERSION_BYTES_MAX} bytes and no NUL"));
        }
        if let Err(Error::Invalid(lease)) = check_lease(self.lease) {
            broken.extend(lease);
        }
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }
}

/// Names of queues and kinds, each checked.
pub(super) fn check_served(queues: &[String], kinds: &[String]) -> Vec<FieldError> {
    let mut broken = Vec::new();
    for (pointer, names) in [("/queues", queues), ("/types", kinds)] {
        if names.len() > SERVED_NAMES_MAX {
            let detail = format!("has {} names (at most {SERVED_NAMES_MAX})", names.len());
            broken.push(FieldError::new(pointer, detail));
            continue;
        }
        for (place, name) in names.iter().enumerate() {
            if let Err(detail) = check_name(name) {
                broken.push(FieldError::new(format!("{pointer}/{place}"), detail));
            }
        }
    }
    broken
}

/// What a worker wants with one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Of these queues only, taking turns in this order; empty means those of the registration.
    pub queues: Vec<String>,
    /// Of these kinds only; empty means those of the registration.
    pub kinds: Vec<String>,
    /// Jobs, 1 to 1,000 (default 1).
    pub limit: usize,
    /// How long to wait for the first, at most 60 s (default none).
    pub wait: Duration,
}

impl Default for ClaimRequest {
    fn default() -> Self {
        Self { queues: Vec::new(), kinds: Vec::new(), limit: 1, wait: Duration::ZERO }
    }
}

impl ClaimRequest {
    pub(super) fn broken(&self) -> Vec<FieldError> {
        let mut broken = Vec::new();
        if !(1..=CLAIM_JOBS_MAX).contains(&self.limit) {
            let detail = format!("is {} (1 to {CLAIM_JOBS_MAX} allowed)", self.limit);
            broken.push(FieldError::new("/limit", detail));
        }
        if self.wait > CLAIM_WAIT_MAX {
            broken.push(FieldError::new("/wait", "is longer than 60 s"));
        }
        broken
    }
}

/// A claim without registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassingClaim {
    /// The name that the jobs show as their worker.
    pub worker: String,
    /// How long the jobs are leased unless that is extended, 1 s to 24 h (default 30 s).
    pub lease: Duration,
    /// What is wanted.
    pub claim: ClaimRequest,
}

impl PassingClaim {
    pub(super) fn check(&self) -> Result<(), Error> {
        let mut broken = check_served(&self.claim.queues, &self.claim.kinds);
        broken.extend(self.claim.broken());
        if let Err(detail) = check_name(&self.worker) {
            broken.push(FieldError::new("/worker", detail));
        }
        if let Err(Error::Invalid(lease)) = check_lease(self.lease) {
            broken.extend(lease);
        }
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }
}

/// A job that a worker says it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldJob {
    /// The job.
    pub job: JobId,
    /// Its token.
    pub token: LeaseToken,
    /// How far it is, 0 to 100; none changes nothing.
    pub percent: Option<f64>,
    /// What to show with it.
    pub message: Option<String>,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// Jobs that someone asked to stop.
    pub cancel: Vec<JobId>,
    /// Jobs on the list that the worker does not hold any more: whatever it reports is refused.
    pub lost: Vec<JobId>,
    /// What the worker is asked to do.
    pub state: WorkerState,
}

/// The end of an attempt, as its worker reports it; made by [`read_settle`](crate::protocol::read_settle).
#[derive(Debug, Clone)]
pub struct ReportedJob {
    pub(crate) job: JobId,
    pub(crate) token: LeaseToken,
    pub(crate) ending: Ending,
    pub(crate) follow_ups: Vec<NewJob>,
}

impl ReportedJob {
    /// The job.
    pub const fn job(&self) -> JobId {
        self.job
    }

    /// The queues of its follow-up jobs.
    pub fn follow_up_queues(&self) -> impl Iterator<Item = &str> {
        self.follow_ups.iter().map(NewJob::queue_name)
    }

    /// What is wrong with the number or size of its follow-up jobs, which are checked each for itself.
    pub(crate) fn check_follow_ups(jobs: &[NewJob]) -> Result<(), String> {
        if jobs.len() > FOLLOW_UPS_MAX {
            return Err(format!("has {} jobs (at most {FOLLOW_UPS_MAX})", jobs.len()));
        }
        let bytes: usize = jobs.iter().map(|job| job.payload.len()).sum();
        if bytes > FOLLOW_UP_BYTES_MAX {
            return Err(format!("has {bytes} bytes of payload (at most {FOLLOW_UP_BYTES_MAX})"));
        }
        Ok(())
    }

    pub(super) fn into_report(self) -> Report {
        let Self { job, token, ending, follow_ups } = self;
        Report { job, epoch: token.epoch, ending, unit: fastrand::f64(), follow_ups }
    }
}

/// What became of a reported end.
#[derive(Debug)]
pub enum ReportReply {
    /// It is stored, and this is where the job stands.
    Applied(State),
    /// It was stored before, and this is where the job stands.
    AlreadyApplied(State),
    /// The lease is gone: nothing changed.
    LeaseLost,
    /// It cannot be stored: nothing changed, and the lease stands.
    Invalid(Error),
}
