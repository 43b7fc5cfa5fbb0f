//! What a kind of job asks for unless a single job says otherwise.

use std::time::Duration;

use super::{Backoff, Priority};

/// Defaults of a kind: attempts, crashes, timeout, backoff and priority.
///
/// A job stores what held when it was enqueued; changing a policy changes future jobs only.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(crate) max_attempts: u32,
    pub(crate) max_crashes: u32,
    pub(crate) timeout: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) priority: Priority,
}

impl Default for Policy {
    /// 20 attempts, 3 crashes, 30 minutes, exponential backoff, priority normal.
    fn default() -> Self {
        Self {
            max_attempts: 20,
            max_crashes: 3,
            timeout: Duration::from_secs(30 * 60),
            backoff: Backoff::default(),
            priority: Priority::NORMAL,
        }
    }
}

impl Policy {
    /// Attempts before the job becomes a dead letter, from 1.
    #[must_use]
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Lost leases (crashes of the worker process) before quarantine, 1 to 100.
    #[must_use]
    pub const fn max_crashes(mut self, crashes: u32) -> Self {
        self.max_crashes = crashes;
        self
    }

    /// Longest run of one attempt, 1 ms to 7 days.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The wait between attempts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// The claim order's first key.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }
}
