//! Changes of a job that was stored: only what is named changes.

use std::collections::BTreeMap;

use super::new_job::RunAt;
use super::{NewJob, Priority, Timestamp};
use crate::Error;

/// Changes of one job for [`Queue::edit`](crate::Queue::edit); what is not set stays as it is.
///
/// ```
/// use windlass::{JobEdit, Priority};
///
/// let edit = JobEdit::new().priority(Priority::HIGH).queue("urgent");
/// # let _ = edit;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobEdit {
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) queue: Option<String>,
    pub(crate) priority: Option<Priority>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) run_at: Option<RunAt>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

impl JobEdit {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes these bytes as the payload, at most 1 MiB. A unique key made of fields of the old payload
    /// stays as it is.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// The queue it moves the job to, if it does.
    pub fn queue_name(&self) -> Option<&str> {
        self.queue.as_deref()
    }

    /// Moves the job to another queue, which is made if it is not there.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Changes the priority.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Changes the attempts before the job becomes a dead letter, 1 to 2,147,483,647.
    #[must_use]
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Lets a job that waits run no earlier than this instant; one in the past means at once.
    #[must_use]
    pub fn at(mut self, instant: impl Into<Timestamp>) -> Self {
        self.run_at = Some(RunAt::At(instant.into()));
        self
    }

    /// Replaces all tags.
    #[must_use]
    pub fn tags<K: Into<String>, V: Into<String>>(
        mut self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.tags = Some(tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect());
        self
    }

    /// As a new job would be checked.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut job = NewJob::new("edit", self.payload.clone().unwrap_or_default());
        if let Some(queue) = &self.queue {
            job.queue.clone_from(queue);
        }
        job.policy.max_attempts = self.max_attempts;
        job.run_at = self.run_at;
        job.tags = self.tags.clone().unwrap_or_default();
        job.check()
    }
}
