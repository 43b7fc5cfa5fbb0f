//! Operations and groups of dead letters as the API shows them.

use serde::Serialize;
use serde_json::Value;

use super::job_object::JobBrief;
use super::operation_request::members;
use crate::job::{JobId, Timestamp};
use crate::queue::{DeadGroups, OperationPreview};
use crate::store::{OperationFailure, OperationRecord};

/// An operation: `{id, action, params, filter or ids, rate, state, matched, done, failed, failures,
/// created_at, finished_at}`.
#[derive(Debug, Serialize)]
pub struct OperationObject<'a> {
    id: String,
    #[serde(flatten)]
    members: Value,
    state: &'static str,
    matched: u64,
    done: u64,
    failed: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<FailureObject<'a>>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct FailureObject<'a> {
    id: JobId,
    detail: &'a str,
}

/// What an operation would be done to: `{count, complete, sample}`.
#[derive(Debug, Serialize)]
pub struct DryRunObject<'a> {
    count: u64,
    complete: bool,
    sample: Vec<JobBrief<'a>>,
}

/// Groups of dead letters: `{groups: [...], complete}`.
#[derive(Debug, Serialize)]
pub struct DeadGroupsObject<'a> {
    groups: Vec<GroupObject<'a>>,
    complete: bool,
}

#[derive(Debug, Serialize)]
struct GroupObject<'a> {
    fingerprint: &'a str,
    r#type: &'a str,
    error_class: &'a str,
    message: &'a str,
    queues: &'a [String],
    count: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    sample: JobId,
}

impl<'a> From<&'a OperationRecord> for OperationObject<'a> {
    fn from(record: &'a OperationRecord) -> Self {
        let failure = |failure: &'a OperationFailure| FailureObject {
            id: failure.job,
            detail: &failure.detail,
        };
        Self {
            id: record.id.to_string(),
            members: members(&record.operation),
            state: record.state.as_str(),
            matched: record.matched,
            done: record.done,
            failed: record.failed,
            failures: record.failures.iter().map(failure).collect(),
            created_at: record.created_at,
            finished_at: record.finished_at,
        }
    }
}

impl<'a> From<&'a OperationPreview> for DryRunObject<'a> {
    fn from(preview: &'a OperationPreview) -> Self {
        Self {
            count: preview.count,
            complete: preview.complete,
            sample: preview.sample.iter().map(JobBrief).collect(),
        }
    }
}

impl<'a> From<&'a DeadGroups> for DeadGroupsObject<'a> {
    fn from(dead: &'a DeadGroups) -> Self {
        let groups = dead.groups.iter().map(|group| GroupObject {
            fingerprint: &group.fingerprint,
            r#type: &group.kind,
            error_class: &group.error_class,
            message: &group.message,
            queues: &group.queues,
            count: group.count,
            first_at: group.first_at,
            last_at: group.last_at,
            sample: group.sample,
        });
        Self { groups: groups.collect(), complete: dead.complete }
    }
}
