//! What remote workers are answered, and workers as the API shows them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::RefusedObject;
use super::job_object::json_or_base64;
use crate::core::State;
use crate::job::{BatchId, JobId, LeaseToken, Timestamp, WorkerId, WorkerRecord, WorkflowId};
use crate::remote::{Handed, HandedJob, Pulse};

/// How often a worker is to be heard of at least, so that what it is asked reaches it soon.
const HEARTBEAT_MAX: Duration = Duration::from_secs(10);

/// The answer to a registration: `{worker_id, heartbeat_ms, lease_ms}`.
#[derive(Debug, Serialize)]
pub struct RegisteredObject {
    worker_id: WorkerId,
    heartbeat_ms: u64,
    lease_ms: u64,
}

impl RegisteredObject {
    /// The answer for a worker with this lease: three heartbeats in it, and one in 10 s.
    pub fn new(worker_id: WorkerId, lease: Duration) -> Self {
        let heartbeat = (lease / 3).min(HEARTBEAT_MAX);
        Self { worker_id, heartbeat_ms: millis(heartbeat), lease_ms: millis(lease) }
    }
}

/// The answer to a claim: `{jobs, state, cancel}`.
#[derive(Debug, Serialize)]
pub struct ClaimObject<'a> {
    jobs: Vec<LeasedJob<'a>>,
    state: &'static str,
    cancel: &'a [JobId],
}

#[derive(Debug, Serialize)]
struct LeasedJob<'a> {
    id: JobId,
    #[serde(rename = "type")]
    kind: &'a str,
    namespace: &'a str,
    queue: &'a str,
    state: &'static str,
    priority: u8,
    attempt: u32,
    max_attempts: u32,
    crashes: u32,
    snoozes: u32,
    timeout_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    checkpoint: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_base64: Option<String>,
    tags: &'a BTreeMap<String, String>,
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<TickObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_id: Option<WorkflowId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<BatchId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_of: Option<BatchId>,
    lease: LeaseObject,
}

#[derive(Debug, Serialize)]
struct TickObject<'a> {
    name: &'a str,
    tick: Timestamp,
}

#[derive(Debug, Serialize)]
struct LeaseObject {
    token: TokenText,
    epoch: i64,
    expires_at: Timestamp,
    expires_in_ms: u64,
}

#[derive(Debug)]
struct TokenText(LeaseToken);

impl Serialize for TokenText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'a> From<&'a Handed> for ClaimObject<'a> {
    fn from(handed: &'a Handed) -> Self {
        let jobs = handed.jobs().iter().map(LeasedJob::from).collect();
        Self { jobs, state: handed.state.as_str(), cancel: &handed.cancel }
    }
}

impl<'a> From<&'a HandedJob> for LeasedJob<'a> {
    fn from(job: &'a HandedJob) -> Self {
        let info = &job.info;
        let (payload, payload_base64) = json_or_base64(Some(&job.payload));
        let (checkpoint, checkpoint_base64) = json_or_base64(job.checkpoint.as_deref());
        let tick = info.schedule.as_ref();
        Self {
            id: info.id,
            kind: &info.kind,
            namespace: &info.namespace,
            queue: &info.queue,
            state: State::Running.as_str(),
            priority: info.priority.get(),
            attempt: info.attempt,
            max_attempts: info.max_attempts,
            crashes: info.crashes,
            snoozes: info.snoozes,
            timeout_ms: millis(job.timeout),
            deadline: job.deadline,
            created_at: info.created_at,
            payload,
            payload_base64,
            checkpoint,
            checkpoint_base64,
            tags: &info.tags,
            metadata: &info.metadata,
            correlation_id: info.correlation_id.as_deref(),
            schedule: tick.map(|of| TickObject { name: &of.schedule, tick: of.tick }),
            workflow_id: info.workflow_id,
            node: info.node.as_deref(),
            batch_id: info.batch_id,
            callback_of: info.callback_of,
            lease: LeaseObject::new(job.token, job.expires_at, job.expires_in),
        }
    }
}

impl LeaseObject {
    fn new(token: LeaseToken, expires_at: Timestamp, expires_in: Duration) -> Self {
        let expires_in_ms = millis(expires_in);
        Self { token: TokenText(token), epoch: token.epoch, expires_at, expires_in_ms }
    }
}

/// The answer to an extension: `{id, lease, cancel}`.
#[derive(Debug, Serialize)]
pub struct ExtendObject {
    id: JobId,
    lease: LeaseObject,
    cancel: bool,
}

impl ExtendObject {
    /// The answer for a job whose lease ends at this instant, so long from now.
    pub fn new(
        id: JobId,
        token: LeaseToken,
        (expires_at, expires_in): (Timestamp, Duration),
        cancel: bool,
    ) -> Self {
        Self { id, lease: LeaseObject::new(token, expires_at, expires_in), cancel }
    }
}

/// The answer to a heartbeat: `{cancel, lost, state}`.
#[derive(Debug, Serialize)]
pub struct HeartbeatObject<'a> {
    cancel: &'a [JobId],
    lost: &'a [JobId],
    state: &'static str,
}

impl<'a> From<&'a Pulse> for HeartbeatObject<'a> {
    fn from(pulse: &'a Pulse) -> Self {
        Self { cancel: &pulse.cancel, lost: &pulse.lost, state: pulse.state.as_str() }
    }
}

/// What became of a reported end: `{id, status, state}`, with `error` where it was refused.
#[derive(Debug, Serialize)]
pub struct SettledObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<JobId>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RefusedObject>,
}

impl SettledObject {
    /// It is stored.
    pub fn applied(id: JobId, state: State) -> Self {
        Self::stored(id, "applied", state)
    }

    /// It was stored before.
    pub fn already_applied(id: JobId, state: State) -> Self {
        Self::stored(id, "already_applied", state)
    }

    /// The lease is gone.
    pub const fn lease_lost(id: JobId) -> Self {
        Self { id: Some(id), status: "lease_lost", state: None, error: None }
    }

    /// It breaks a rule.
    pub const fn invalid(id: Option<JobId>, error: RefusedObject) -> Self {
        Self { id, status: "invalid", state: None, error: Some(error) }
    }

    fn stored(id: JobId, status: &'static str, state: State) -> Self {
        Self { id: Some(id), status, state: Some(state.as_str()), error: None }
    }
}

/// A worker as the API shows it.
#[derive(Debug, Serialize)]
pub struct WorkerObject<'a> {
    id: WorkerId,
    name: &'a str,
    namespace: Option<&'a str>,
    queues: &'a [String],
    types: &'a [String],
    concurrency: u64,
    leases: u64,
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    remote: bool,
    state: &'static str,
    alive: bool,
    lease_ms: u64,
    started_at: Timestamp,
    expires_at: Timestamp,
}

impl<'a> WorkerObject<'a> {
    /// A worker as it is at `now`.
    pub fn new(worker: &'a WorkerRecord, now: Timestamp) -> Self {
        Self {
            id: worker.id,
            name: &worker.name,
            namespace: worker.namespace.as_deref(),
            queues: &worker.queues,
            types: &worker.kinds,
            concurrency: worker.concurrency,
            leases: worker.leases,
            labels: &worker.labels,
            version: worker.version.as_deref(),
            remote: worker.is_remote,
            state: worker.state.as_str(),
            alive: worker.expires_at > now,
            lease_ms: millis(worker.lease),
            started_at: worker.started_at,
            expires_at: worker.expires_at,
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
