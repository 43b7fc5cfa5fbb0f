//! Jobs and their attempts as the API shows them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::depth::as_json;
use crate::job::{
    AttemptRecord, Backoff, BatchId, Dependency, JobId, JobRecord, Timestamp, Unique, WorkflowId,
};
use crate::queue::Page;

/// A job as the API shows it. Members that are not set are absent.
#[derive(Debug, Clone, Copy)]
pub struct JobObject<'a>(pub &'a JobRecord);

/// A job without payload and result: for observers.
#[derive(Debug, Clone, Copy)]
pub(super) struct JobBrief<'a>(pub(super) &'a JobRecord);

/// A job that was just stored: as it stands, or its id alone when it could not be read back (it may
/// have ended and been deleted meanwhile).
#[derive(Debug)]
pub enum StoredJob {
    /// As it stands.
    Read(Box<JobRecord>),
    /// Its id.
    Id(JobId),
}

/// A page of jobs: `{jobs, count, next_cursor, has_more}`, and `complete: false` where it ends early because
/// so many jobs had to be looked at.
#[derive(Debug, Serialize)]
pub struct PageObject<'a> {
    jobs: Vec<JobObject<'a>>,
    count: usize,
    next_cursor: Option<JobId>,
    has_more: bool,
    #[serde(skip_serializing_if = "is_true")]
    complete: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_true(flag: &bool) -> bool {
    *flag
}

/// The attempts of a job: `{attempts: [...]}`.
#[derive(Debug, Serialize)]
pub struct AttemptsObject<'a> {
    attempts: Vec<Attempt<'a>>,
}

impl StoredJob {
    /// The job's id.
    pub const fn id(&self) -> JobId {
        match self {
            Self::Read(job) => job.id,
            Self::Id(id) => *id,
        }
    }
}

impl Serialize for StoredJob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Read(job) => JobObject(job).serialize(serializer),
            Self::Id(id) => serializer.collect_map([("id", id)]),
        }
    }
}

impl<'a> From<&'a Page> for PageObject<'a> {
    fn from(page: &'a Page) -> Self {
        Self {
            jobs: page.jobs.iter().map(JobObject).collect(),
            count: page.jobs.len(),
            next_cursor: page.next_cursor,
            has_more: page.next_cursor.is_some(),
            complete: page.complete,
        }
    }
}

impl<'a> From<&'a [AttemptRecord]> for AttemptsObject<'a> {
    fn from(attempts: &'a [AttemptRecord]) -> Self {
        Self { attempts: attempts.iter().map(Attempt::from).collect() }
    }
}

/// The members in the order of the contract.
#[derive(Serialize)]
struct Members<'a> {
    id: JobId,
    #[serde(rename = "type")]
    kind: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    namespace: &'a str,
    queue: &'a str,
    priority: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    attempt: u32,
    max_attempts: u32,
    crashes: u32,
    max_crashes: u32,
    snoozes: u32,
    progress: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress_message: Option<&'a str>,
    tags: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fairness_key: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    depends_on: &'a [Dependency],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    blocked_by: &'a [JobId],
    #[serde(skip_serializing_if = "Option::is_none")]
    unique: Option<&'a Unique>,
    timeout_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_by: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    backoff: &'a Backoff,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<TickOfObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_id: Option<WorkflowId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<BatchId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_of: Option<BatchId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_expires_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_class: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_base64: Option<String>,
}

/// The schedule a job comes from.
#[derive(Serialize)]
struct TickOfObject<'a> {
    name: &'a str,
    tick: Timestamp,
}

impl Serialize for JobObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let job = self.0;
        let (payload, payload_base64) = json_or_base64(Some(&job.payload));
        let (result, result_base64) = json_or_base64(job.result.as_deref());
        let members =
            Members { payload, payload_base64, result, result_base64, ..Members::of(job) };
        members.serialize(serializer)
    }
}

impl Serialize for JobBrief<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Members::of(self.0).serialize(serializer)
    }
}

impl<'a> Members<'a> {
    /// Everything but payload and result.
    fn of(job: &'a JobRecord) -> Self {
        Self {
            id: job.id,
            kind: &job.kind,
            state: job.state.as_str(),
            reason: job.reason.map(crate::Reason::as_str),
            namespace: &job.namespace,
            queue: &job.queue,
            priority: job.priority.get(),
            payload: None,
            payload_base64: None,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            max_crashes: job.max_crashes,
            snoozes: job.snoozes,
            progress: job.progress,
            progress_message: job.progress_message.as_deref(),
            tags: &job.tags,
            metadata: &job.metadata,
            correlation_id: job.correlation_id.as_deref(),
            idempotency_key: job.idempotency_key.as_deref(),
            concurrency_key: job.concurrency_key(),
            rate_key: job.rate_key(),
            fairness_key: job.fairness_key(),
            depends_on: &job.depends_on,
            blocked_by: &job.blocked_by,
            unique: job.unique(),
            timeout_ms: u64::try_from(job.timeout.as_millis()).unwrap_or(u64::MAX),
            start_by: job.start_by,
            deadline: job.deadline,
            backoff: &job.backoff,
            schedule: job
                .schedule
                .as_ref()
                .map(|of| TickOfObject { name: &of.schedule, tick: of.tick }),
            workflow_id: job.workflow_id,
            node: job.node.as_deref(),
            batch_id: job.batch_id,
            callback_of: job.callback_of,
            worker: job.worker.as_deref(),
            lease_expires_at: job.lease_expires_at,
            created_at: job.created_at,
            updated_at: job.updated_at,
            scheduled_at: job.scheduled_at,
            started_at: job.started_at,
            completed_at: job.completed_at,
            last_error: job.last_error.as_deref(),
            error_class: job.error_class.as_deref(),
            result: None,
            result_base64: None,
        }
    }
}

/// Bytes as they are when they are JSON a reader can take, as base64 otherwise.
pub fn json_or_base64(bytes: Option<&[u8]>) -> (Option<&RawValue>, Option<String>) {
    let Some(bytes) = bytes else { return (None, None) };
    match as_json(bytes) {
        Some(json) => (Some(json), None),
        None => (None, Some(STANDARD.encode(bytes))),
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Attempt<'a> {
    attempt: u32,
    epoch: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    class: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backtrace: Option<&'a str>,
}

impl<'a> From<&'a AttemptRecord> for Attempt<'a> {
    fn from(record: &'a AttemptRecord) -> Self {
        Self {
            attempt: record.attempt,
            epoch: record.epoch,
            worker: record.worker.as_deref(),
            started_at: record.started_at,
            finished_at: record.finished_at,
            class: &record.class,
            message: record.message.as_deref(),
            backtrace: record.backtrace.as_deref(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Priority, Reason, State};

    pub(in crate::protocol) fn record(payload: &[u8]) -> JobRecord {
        let created_at = Timestamp::from_micros(1_767_225_600_000_000);
        JobRecord {
            id: "812".parse().unwrap(),
            kind: "echo".to_owned(),
            state: State::Pending,
            reason: Some(Reason::Ready),
            namespace: "default".to_owned(),
            queue: "default".to_owned(),
            priority: Priority::NORMAL,
            payload: payload.to_vec(),
            attempt: 0,
            max_attempts: 20,
            crashes: 0,
            max_crashes: 3,
            snoozes: 0,
            progress: 0.0,
            progress_message: None,
            tags: BTreeMap::new(),
            metadata: BTreeMap::new(),
            correlation_id: None,
            idempotency_key: None,
            keys: crate::job::Keys::default(),
            uniqueness: None,
            depends_on: Vec::new(),
            blocked_by: Vec::new(),
            timeout: Duration::from_secs(1800),
            start_by: None,
            deadline: None,
            backoff: Backoff::default(),
            schedule: None,
            workflow_id: None,
            node: None,
            batch_id: None,
            callback_of: None,
            worker: None,
            lease_expires_at: None,
            created_at,
            updated_at: created_at,
            scheduled_at: None,
            started_at: None,
            completed_at: None,
            last_error: None,
            error_class: None,
            result: None,
        }
    }

    #[test]
    fn a_new_job_shows_what_is_set() {
        let job = record(br#"{"n":9007199254740993,  "n":1.0}"#);

        let json = serde_json::to_string(&JobObject(&job)).unwrap();

        assert_eq!(
            json,
            r#"{"id":"812","type":"echo","state":"pending","reason":"ready","#.to_owned()
                + r#""namespace":"default","queue":"default","priority":2,"#
                + r#""payload":{"n":9007199254740993,  "n":1.0},"attempt":0,"max_attempts":20,"#
                + r#""crashes":0,"max_crashes":3,"snoozes":0,"progress":0.0,"tags":{},"timeout_ms":1800000,"#
                + r#""backoff":{"strategy":"exponential","initial":"1s","max":"1h","#
                + r#""multiplier":2.0,"exponent":2.0,"jitter":0.1},"#
                + r#""created_at":"2026-01-01T00:00:00.000000Z","#
                + r#""updated_at":"2026-01-01T00:00:00.000000Z"}"#
        );
    }

    #[test]
    fn bytes_that_are_not_json_are_base64() {
        let mut job = record(&[0xff, 0]);
        job.result = Some(b"plain".to_vec());

        let json = serde_json::to_value(JobObject(&job)).unwrap();

        assert_eq!(json["payload_base64"], "/wA=");
        assert_eq!(json["result_base64"], "cGxhaW4=");
        assert!(json.get("payload").is_none() && json.get("result").is_none());
    }
}
