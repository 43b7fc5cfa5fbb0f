//! The version of a job: what a change has to meet that must not overwrite another one.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::{JobId, JobRecord, Timestamp};
use crate::Reason;

/// Where a job stands and what people may change of it, in short: equal as long as nothing of that has
/// changed. Progress and the renewal of a lease change nothing.
///
/// Shown as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobVersion(u64);

/// A job, of whatever version or of one alone: [`JobId::at_version`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobRef {
    pub(crate) id: JobId,
    pub(crate) version: Option<JobVersion>,
}

impl JobId {
    /// This job as long as it is of this version: a change of it is refused with the code
    /// `precondition_failed` otherwise.
    #[must_use]
    pub const fn at_version(self, version: JobVersion) -> JobRef {
        JobRef { id: self, version: Some(version) }
    }
}

impl From<JobId> for JobRef {
    fn from(id: JobId) -> Self {
        Self { id, version: None }
    }
}

impl JobRecord {
    /// Its version.
    pub fn version(&self) -> JobVersion {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update(bytes.len().to_be_bytes());
            hash.update(bytes);
        };
        // Whether a worker serves its kind is no change of the job.
        let reason = self.reason.filter(|reason| *reason != Reason::NoWorker);
        let reason = reason.filter(|reason| *reason != Reason::Ready);
        let words = [self.state.as_str(), reason.map_or("", Reason::as_str), &self.queue];
        words.iter().for_each(|word| part(word.as_bytes()));
        let counts = [self.attempt, self.max_attempts, self.crashes, self.snoozes];
        counts.iter().for_each(|count| part(&count.to_be_bytes()));
        part(&[self.priority.get()]);
        let instants = [self.scheduled_at, self.started_at, self.completed_at];
        let micros = |at: Timestamp| at.as_micros().to_be_bytes().to_vec();
        instants.iter().for_each(|at| part(&at.map(micros).unwrap_or_default()));
        for (key, value) in &self.tags {
            part(key.as_bytes());
            part(value.as_bytes());
        }
        part(&self.payload);
        let digest = hash.finalize();
        let first = digest.iter().take(8).fold(0, |all, byte| (all << 8) | u64::from(*byte));
        JobVersion(first)
    }
}

impl fmt::Display for JobVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for JobVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let version = u64::from_str_radix(text, 16).ok().filter(|_| digits).map(Self);
        version.ok_or_else(|| "is not the version of a job (16 hexadecimal digits)".to_owned())
    }
}
