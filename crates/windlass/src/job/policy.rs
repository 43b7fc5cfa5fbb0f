//! What a kind of job asks for unless a single job says otherwise.
//!
//! Who speaks first: the job, its kind's policy, the settings of its queue, the built-in default.

use std::time::Duration;

use super::{Backoff, Priority};

/// Defaults of a kind: attempts, crashes, timeout, backoff and priority.
///
/// A job stores what held when it was enqueued; changing a policy changes future jobs only.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// None leaves it to the queue.
    pub(crate) max_attempts: Option<u32>,
    pub(crate) max_crashes: u32,
    pub(crate) timeout: Duration,
    /// None leaves it to the queue.
    pub(crate) backoff: Option<Backoff>,
    pub(crate) priority: Priority,
}

impl Default for Policy {
    /// Attempts and backoff as the queue has them (20, exponential, unless it is set otherwise),
    /// 3 crashes, 30 minutes, priority normal.
    fn default() -> Self {
        Self {
            max_attempts: None,
            max_crashes: 3,
            timeout: Duration::from_secs(30 * 60),
            backoff: None,
            priority: Priority::NORMAL,
        }
    }
}

impl Policy {
    /// Attempts before the job becomes a dead letter, from 1.
    #[must_use]
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
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
        self.backoff = Some(backoff);
        self
    }

    /// The claim order's first key.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }
}
