//! Workflows and batches as the API shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::schedule_object::Template;
use crate::core::State;
use crate::job::{
    BatchId, BatchRecord, CallbackRecord, Dependency, JobId, JobRecord, Timestamp, WorkflowId,
    WorkflowRecord,
};
use crate::queue::Page;

/// A workflow, with a page of its nodes where one was asked for.
#[derive(Debug, Serialize)]
pub struct WorkflowObject<'a> {
    id: WorkflowId,
    name: &'a str,
    namespace: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    counts: BTreeMap<&'static str, u64>,
    created_at: Timestamp,
    completed_at: Option<Timestamp>,
    #[serde(flatten)]
    page: Option<NodesObject<'a>>,
}

#[derive(Debug, Serialize)]
struct NodesObject<'a> {
    nodes: Vec<NodeObject<'a>>,
    next_cursor: Option<JobId>,
    has_more: bool,
}

/// A node: what its job is called and where it stands.
#[derive(Debug, Serialize)]
struct NodeObject<'a> {
    name: &'a str,
    id: JobId,
    r#type: &'a str,
    queue: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    depends_on: &'a [Dependency],
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
}

/// A batch.
#[derive(Debug, Serialize)]
pub struct BatchObject<'a> {
    id: BatchId,
    description: &'a str,
    namespace: &'a str,
    state: &'static str,
    #[serde(flatten)]
    counts: Option<BatchCounts>,
    created_at: Timestamp,
    committed_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    callbacks: BTreeMap<&'static str, CallbackObject<'a>>,
}

/// Jobs of a batch; those that became dead letters have failed.
#[derive(Debug, Serialize)]
struct BatchCounts {
    total: u64,
    pending: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
}

#[derive(Debug, Serialize)]
struct CallbackObject<'a> {
    #[serde(flatten)]
    job: Template<'a>,
    /// Null until the job is made.
    job_id: Option<JobId>,
}

impl<'a> WorkflowObject<'a> {
    /// Without nodes.
    pub fn new(record: &'a WorkflowRecord) -> Self {
        let is_counted = !record.counts.is_empty() || record.state.is_terminal();
        let set = record.counts.iter().filter(|(_, n)| **n > 0);
        Self {
            id: record.id,
            name: &record.name,
            namespace: &record.namespace,
            state: record.state.as_str(),
            total: is_counted.then(|| record.total()),
            counts: set.map(|(state, n)| (state.as_str(), *n)).collect(),
            created_at: record.created_at,
            completed_at: record.completed_at,
            page: None,
        }
    }

    /// With a page of its nodes.
    pub fn with_nodes(record: &'a WorkflowRecord, page: &'a Page) -> Self {
        let nodes = page.jobs.iter().map(NodeObject::from).collect();
        let (next_cursor, has_more) = (page.next_cursor, page.next_cursor.is_some());
        Self { page: Some(NodesObject { nodes, next_cursor, has_more }), ..Self::new(record) }
    }
}

impl<'a> From<&'a JobRecord> for NodeObject<'a> {
    fn from(job: &'a JobRecord) -> Self {
        Self {
            name: job.node.as_deref().unwrap_or_default(),
            id: job.id,
            r#type: &job.kind,
            queue: &job.queue,
            state: job.state.as_str(),
            reason: job.reason.map(crate::Reason::as_str),
            depends_on: &job.depends_on,
            last_error: job.last_error.as_deref(),
        }
    }
}

impl<'a> From<&'a BatchRecord> for BatchObject<'a> {
    fn from(record: &'a BatchRecord) -> Self {
        let n = |state| record.counts.get(&state).copied().unwrap_or(0);
        let is_counted = !record.counts.is_empty() || record.committed_at.is_none();
        let callback = |callback: &'a CallbackRecord| {
            let job = Template::from(&callback.job);
            (callback.on.as_str(), CallbackObject { job, job_id: callback.id })
        };
        Self {
            id: record.id,
            description: &record.description,
            namespace: &record.namespace,
            state: record.state.as_str(),
            counts: is_counted.then(|| BatchCounts {
                total: record.counts.values().sum(),
                pending: record.pending(),
                completed: n(State::Completed),
                failed: n(State::Failed) + n(State::DeadLetter),
                cancelled: n(State::Cancelled),
            }),
            created_at: record.created_at,
            committed_at: record.committed_at,
            completed_at: record.completed_at,
            callbacks: record.callbacks.iter().map(callback).collect(),
        }
    }
}
