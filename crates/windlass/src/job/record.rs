//! A job as it is read back: everything known of it at one moment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Backoff, BatchId, Dependency, Held, JobId, Keys, Priority, TickOf, Timestamp, Unique,
    WorkflowId,
};
use crate::core::{Reason, State, fingerprint};

/// Everything known of a job at one moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct JobRecord {
    /// The id.
    pub id: JobId,
    /// Name of the handler (`type` in JSON).
    pub kind: String,
    /// Where it stands.
    pub state: State,
    /// Why it stands there.
    pub reason: Option<Reason>,
    /// The namespace of its queue.
    pub namespace: String,
    /// The queue.
    pub queue: String,
    /// The claim order's first key.
    pub priority: Priority,
    /// Input, byte for byte as it was given.
    pub payload: Vec<u8>,
    /// Number of the current or last attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// Attempts before it becomes a dead letter.
    pub max_attempts: u32,
    /// Leases lost so far.
    pub crashes: u32,
    /// Lost leases before quarantine.
    pub max_crashes: u32,
    /// Times it was put off without burning an attempt.
    pub snoozes: u32,
    /// 0 to 100.
    pub progress: f64,
    /// What the handler said with its last progress.
    pub progress_message: Option<String>,
    /// Filterable key-value pairs.
    pub tags: BTreeMap<String, String>,
    /// Pairs handed to the handler.
    pub metadata: BTreeMap<String, String>,
    /// The caller's correlation id.
    pub correlation_id: Option<String>,
    /// The caller's idempotency key.
    pub idempotency_key: Option<String>,
    /// The jobs it waited or waits for.
    pub depends_on: Vec<Dependency>,
    /// Those of them that have not ended yet; known where one job is read by its id.
    pub blocked_by: Vec<JobId>,
    /// What it has to wait its turn for.
    pub(crate) keys: Keys,
    /// Its unique key, as it was asked for.
    pub(crate) uniqueness: Option<Held>,
    /// Longest run of one attempt.
    pub timeout: Duration,
    /// No attempt starts later.
    pub start_by: Option<Timestamp>,
    /// End of the whole life.
    pub deadline: Option<Timestamp>,
    /// The wait between attempts.
    pub backoff: Backoff,
    /// The schedule it comes from, and its tick.
    pub schedule: Option<TickOf>,
    /// The workflow it is a node of.
    pub workflow_id: Option<WorkflowId>,
    /// Its name there.
    pub node: Option<String>,
    /// The batch it is a member of.
    pub batch_id: Option<BatchId>,
    /// The batch whose callback it is.
    pub callback_of: Option<BatchId>,
    /// Name of the worker that holds it, or that ended it.
    pub worker: Option<String>,
    /// When the lease ends unless it is renewed.
    pub lease_expires_at: Option<Timestamp>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it is or was to run.
    pub scheduled_at: Option<Timestamp>,
    /// When the current or last attempt was claimed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Message of the last failed attempt, or why it was cancelled.
    pub last_error: Option<String>,
    /// Class of the last failed attempt, as [`AttemptRecord::class`] has it.
    pub error_class: Option<String>,
    /// Output, byte for byte as the handler gave it.
    pub result: Option<Vec<u8>>,
}

impl JobRecord {
    /// What it asked to be the only one of.
    pub fn unique(&self) -> Option<&Unique> {
        self.uniqueness.as_ref().map(|held| &held.unique)
    }

    /// The key by which its concurrency is limited.
    pub fn concurrency_key(&self) -> Option<&str> {
        self.keys.concurrency.as_deref()
    }

    /// The key by which its rate is limited.
    pub fn rate_key(&self) -> Option<&str> {
        self.keys.rate.as_deref()
    }

    /// The key that takes turns with others in its queue.
    pub fn fairness_key(&self) -> Option<&str> {
        self.keys.fairness.as_deref()
    }

    /// What dead letters have in common that died of the same thing: type, class of the last failure, and
    /// its message without numbers and ids. None in any other state.
    pub fn fingerprint(&self) -> Option<String> {
        let message = self.last_error.as_deref().unwrap_or_default();
        let class = self.error_class.as_deref().unwrap_or_default();
        let is_dead = self.state == State::DeadLetter;
        is_dead.then(|| fingerprint(&self.kind, class, message))
    }
}

/// How one job of a kind went, without what it carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunRecord {
    /// The job.
    pub job: JobId,
    /// How it ended.
    pub state: State,
    /// When its last attempt was claimed; none when it was never tried.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// One attempt of a job: a failed one, the final one, or the one that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptRecord {
    /// Number, from 1.
    pub attempt: u32,
    /// Grows with each claim; part of the fence.
    pub epoch: i64,
    /// Name of the worker that ran it.
    pub worker: Option<String>,
    /// When it was claimed.
    pub started_at: Option<Timestamp>,
    /// When it ended; none while it runs.
    pub finished_at: Option<Timestamp>,
    /// `running`, `completed`, or why it failed: retryable, permanent, timeout, panic, crash,
    /// undecodable.
    pub class: String,
    /// The error's text.
    pub message: Option<String>,
    /// Where a panic came from.
    pub backtrace: Option<String>,
}
