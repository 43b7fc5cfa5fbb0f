//! What a worker tells observers, after the commit it speaks of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::core::State;
use crate::job::{BatchId, JobId, Priority, TickOf, Timestamp, TraceContext, WorkflowId};
use crate::store::Claimed;

/// Something that happened to a job in this worker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A handler is about to run.
    Started(Arc<JobInfo>),
    /// An attempt's outcome is stored.
    Settled {
        /// The job and its attempt.
        info: Arc<JobInfo>,
        /// Where the job stands now.
        state: State,
        /// From the moment it was stored (first attempt) or claimed until the handler began.
        waited: Duration,
        /// How long the handler ran.
        ran: Duration,
    },
    /// The outcome was refused: the job belongs to another attempt by now, or has been cancelled.
    Lost(Arc<JobInfo>),
}

/// What a handler may know of its job.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JobInfo {
    /// The id.
    pub id: JobId,
    /// The kind.
    pub kind: Arc<str>,
    /// The queue.
    pub queue: Arc<str>,
    /// The namespace.
    pub namespace: Arc<str>,
    /// The priority.
    pub priority: Priority,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// Attempts before the job becomes a dead letter.
    pub max_attempts: u32,
    /// Leases lost before this one.
    pub crashes: u32,
    /// Times it was put off so far.
    pub snoozes: u32,
    /// Grows with each claim: pass it to other systems that can refuse an older one (a fence).
    pub epoch: i64,
    /// When the job was stored.
    pub created_at: Timestamp,
    /// When this attempt was claimed.
    pub claimed_at: Timestamp,
    /// The caller's correlation id.
    pub correlation_id: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Metadata given with the job.
    pub metadata: BTreeMap<String, String>,
    /// The schedule this job comes from, and its tick: when it was to be made, whenever it was.
    pub schedule: Option<TickOf>,
    /// The workflow this job is a node of.
    pub workflow_id: Option<WorkflowId>,
    /// Its name there.
    pub node: Option<String>,
    /// The batch this job is a member of; jobs it enqueues may join it ([`NewJob::batch`](crate::NewJob::batch)).
    pub batch_id: Option<BatchId>,
    /// The batch whose callback this job is.
    pub callback_of: Option<BatchId>,
    /// Bytes of the payload.
    pub payload_bytes: usize,
}

impl JobInfo {
    /// The trace that the job is part of, if it is of one: the parent of what the handler does.
    pub fn trace(&self) -> Option<TraceContext> {
        TraceContext::of(&self.metadata)
    }

    pub(crate) fn of(claimed: &Claimed) -> Self {
        let run = &claimed.run;
        Self {
            id: run.job,
            kind: Arc::clone(&claimed.kind),
            queue: Arc::clone(&claimed.queue),
            namespace: Arc::clone(&claimed.namespace),
            priority: claimed.priority,
            attempt: run.counts.attempt,
            max_attempts: run.max_attempts,
            crashes: run.counts.crashes,
            snoozes: run.counts.snoozes,
            epoch: run.counts.epoch,
            created_at: claimed.created_at,
            claimed_at: run.started_at,
            correlation_id: claimed.correlation_id.clone(),
            tags: claimed.tags.clone(),
            metadata: claimed.metadata.clone(),
            schedule: claimed.origin.schedule.clone(),
            workflow_id: claimed.origin.workflow,
            node: claimed.origin.node.clone(),
            batch_id: claimed.origin.batch,
            callback_of: claimed.origin.callback_of,
            payload_bytes: claimed.payload.len(),
        }
    }
}
