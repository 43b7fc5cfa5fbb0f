//! Why a job does not run.

use std::collections::BTreeMap;

use super::{JobId, Timestamp};

/// What is in the way of one job, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The job.
    pub job: JobId,
    /// What is in the way, the most lasting first; none when the next claim of a worker that serves it,
    /// and comes to its place in the line, takes it.
    pub blockers: Vec<Blocker>,
}

/// One thing that is in the way of a job, a queue or a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocker {
    /// `ended`, `running`, `too_late`, `blocked`, `paused`, `limit`, `fairness`, `rate`, `order`, `admission`,
    /// `queue_limit`, `queue_rate`, `no_worker`, or the reason of a job that waits
    /// for its time: `scheduled`, `snoozed`, `rate_limited`, `backoff`, `crashed`. Of queues also `empty`, of
    /// schedules also `over`, `overlap`, `by_code`, `due`, of batches also `open`, `members`.
    pub code: &'static str,
    /// The same in a sentence.
    pub message: String,
    /// What shows it, by name.
    pub evidence: BTreeMap<&'static str, String>,
    /// When it is over by itself, if that is known.
    pub until: Option<Timestamp>,
}

impl Blocker {
    pub(crate) const fn new(code: &'static str, message: String) -> Self {
        Self { code, message, evidence: BTreeMap::new(), until: None }
    }

    pub(crate) fn shown_by(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.evidence.insert(name, value.to_string());
        self
    }

    pub(crate) fn shown_by_any(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.shown_by(name, &value),
            None => self,
        }
    }

    pub(crate) const fn until(mut self, until: Option<Timestamp>) -> Self {
        self.until = until;
        self
    }
}
