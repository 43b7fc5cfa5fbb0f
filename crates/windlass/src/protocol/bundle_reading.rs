//! Workflows and batches as a client of the API sends and reads them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::bundle_request::callbacks_text;
use super::job_reading::{known, reading};
use super::members::Object;
use super::new_job_object::NewJobObject;
use super::schedule_object::Template;
use super::schedule_request::read_template;
use super::values::{batch_id, instant, job_id, text, workflow_id};
use crate::Error;
use crate::core::State;
use crate::job::{
    BatchId, BundleState, CallbackOn, Flow, JobId, NewBatch, NewJob, ParentEnd, ParentFailure,
    Timestamp, WorkflowId,
};
use crate::store::{BundleRow, Sort};

/// A workflow as [`read_workflow`](super::read_workflow) reads it.
#[derive(Serialize)]
struct NewWorkflow<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    nodes: Vec<NewNode<'a>>,
}

#[derive(Serialize)]
struct NewNode<'a> {
    name: &'a str,
    #[serde(flatten)]
    job: NewJobObject<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    after: Vec<NewAfter<'a>>,
}

#[derive(Serialize)]
struct NewAfter<'a> {
    name: &'a str,
    on: ParentEnd,
    on_failure: ParentFailure,
}

/// A batch as [`read_new_batch`](super::read_new_batch) reads it.
#[derive(Serialize)]
struct NewBatchObject<'a> {
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(flatten)]
    callbacks: BTreeMap<&'static str, Template<'a>>,
}

/// Writes a workflow.
pub(crate) fn workflow_json(flow: &Flow, now: Timestamp) -> Result<Box<RawValue>, Error> {
    let name_of = |place: usize| flow.nodes.get(place).map_or("", |node| node.name.as_str());
    let nodes = flow.nodes.iter().map(|node| {
        let after = node.after.iter().map(|after| NewAfter {
            name: name_of(after.place),
            on: after.on,
            on_failure: after.on_failure,
        });
        NewNode { name: &node.name, job: NewJobObject::new(&node.job, now), after: after.collect() }
    });
    written(&NewWorkflow {
        name: &flow.name,
        idempotency_key: flow.idempotency_key.as_deref(),
        nodes: nodes.collect(),
    })
}

/// Writes a batch.
pub(crate) fn new_batch_json(batch: &NewBatch) -> Result<Box<RawValue>, Error> {
    let callbacks = batch.callbacks.iter().map(|(on, job)| (on.as_str(), Template::from(job)));
    written(&NewBatchObject {
        description: &batch.description,
        idempotency_key: batch.idempotency_key.as_deref(),
        callbacks: callbacks.collect(),
    })
}

fn written(object: &impl Serialize) -> Result<Box<RawValue>, Error> {
    serde_json::value::to_raw_value(object)
        .map_err(|error| Error::bug(format!("a workflow or batch cannot be written: {error}")))
}

/// Reads a workflow.
pub(crate) fn read_workflow_object(json: &RawValue) -> Result<BundleRow, String> {
    reading(json, |object| {
        let id = object.get("id", workflow_id).map(WorkflowId::as_i64)?;
        let mut row = common(object, (id, Sort::Workflow))?;
        row.name = object.get("name", text)?;
        let counts: BTreeMap<String, u64> = object.get("counts", known).unwrap_or_default();
        let counts = counts.into_iter().filter_map(|(word, n)| Some((word.parse().ok()?, n)));
        row.counts = counts.collect();
        Some(row)
    })
}

/// Reads a batch. Of its jobs the API says how many failed, and not which of them are dead letters.
pub(crate) fn read_batch_object(json: &RawValue) -> Result<BundleRow, String> {
    reading(json, |object| {
        let id = object.get("id", batch_id).map(BatchId::as_i64)?;
        let mut row = common(object, (id, Sort::Batch))?;
        row.name = object.get("description", text)?;
        row.committed_at = object.get("committed_at", instant);
        for (name, state) in ENDS {
            row.counts.extend(object.get(name, known::<u64>).map(|n| (state, n)));
        }
        let callbacks = object.object("callbacks", |inner| read_made(inner, &mut row.made));
        if let Some(callbacks) = callbacks.filter(|callbacks| !callbacks.is_empty()) {
            row.callbacks = Some(callbacks_text(&callbacks).ok()?);
        }
        Some(row)
    })
}

/// Takes the callbacks, and the jobs that were made of them.
fn read_made(object: &mut Object<'_>, made: &mut [Option<JobId>; 3]) -> Vec<(CallbackOn, NewJob)> {
    let mut callbacks = Vec::new();
    for (on, made) in CallbackOn::ALL.into_iter().zip(made) {
        let job = object.object(on.as_str(), |inner| {
            *made = inner.get("job_id", job_id);
            read_template(inner)
        });
        callbacks.extend(job.map(|job| (on, job)));
    }
    callbacks
}

/// The counts of a batch by the names that the API has for them.
const ENDS: [(&str, State); 4] = [
    ("pending", State::Pending),
    ("completed", State::Completed),
    ("failed", State::Failed),
    ("cancelled", State::Cancelled),
];

/// What both have.
fn common(object: &mut Object<'_>, (id, sort): (i64, Sort)) -> Option<BundleRow> {
    let created_at = object.get("created_at", instant)?;
    let state: BundleState = object.get("state", |json| text(json)?.parse())?;
    let mut row = BundleRow::shown((id, sort), state, created_at);
    row.namespace = object.get("namespace", text)?;
    row.ended_at = object.get("completed_at", instant);
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::super::{BatchObject, WorkflowObject, read_new_batch, read_workflow};
    use super::*;
    use crate::job::{BatchRecord, CallbackRecord, Node, WorkflowRecord};

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn a_workflow_is_read_as_it_was_written() {
        let mut flow = Flow::new("w").idempotency_key("k");
        let first = flow.add_new("a", NewJob::new("t", "1").queue("q"), [] as [Node; 0]);
        flow.add_new("b", NewJob::new("t", "{\"n\": 1}"), [first.any_end()]);
        flow.add_new("c", NewJob::new("t", "1"), [first.ignore_failure()]);

        let json = workflow_json(&flow, NOW).unwrap();
        let read = read_workflow(json.get().as_bytes(), None).unwrap();

        assert_eq!(read.digest(), flow.digest());
        assert_eq!((read.len(), read.idempotency_key.as_deref()), (3, Some("k")));
    }

    #[test]
    fn a_batch_is_read_as_it_was_written() {
        let batch = NewBatch::new("b").idempotency_key("k").on_complete(NewJob::new("t", "[1]"));

        let json = new_batch_json(&batch).unwrap();

        assert_eq!(read_new_batch(json.get().as_bytes(), None).unwrap(), batch);
    }

    #[test]
    fn what_is_shown_of_both_is_read() {
        let (namespace, state) = ("n".to_owned(), BundleState::Running);
        let workflow = WorkflowRecord {
            id: WorkflowId::from_i64(4),
            name: "w".to_owned(),
            namespace: namespace.clone(),
            state,
            counts: BTreeMap::from([(State::Pending, 2), (State::DeadLetter, 1)]),
            created_at: NOW,
            completed_at: None,
        };
        let (on, job, id) = (CallbackOn::Complete, NewJob::new("t", "[1]"), JobId::from_i64(6));
        let batch = BatchRecord {
            id: BatchId::from_i64(5),
            description: "b".to_owned(),
            namespace,
            state,
            counts: BTreeMap::from([(State::Pending, 2), (State::Failed, 1)]),
            created_at: NOW,
            committed_at: Some(NOW),
            completed_at: None,
            callbacks: vec![CallbackRecord { on, job: job.clone(), id: Some(id) }],
        };
        let raw = |text: String| RawValue::from_string(text).unwrap();

        let shown = raw(serde_json::to_string(&WorkflowObject::new(&workflow)).unwrap());
        let read = read_workflow_object(&shown).unwrap();
        assert_eq!((read.id, &read.name, read.state), (4, &workflow.name, state));
        assert_eq!((read.counts, read.created_at), (workflow.counts, NOW));
        let shown = raw(serde_json::to_string(&BatchObject::from(&batch)).unwrap());
        let read = read_batch_object(&shown).unwrap();
        assert_eq!(read.callbacks().unwrap(), [(on, job)]);
        assert_eq!(read.made(on), Some(id));
        assert_eq!((read.committed_at, read.counts[&State::Failed]), (Some(NOW), 1));
    }
}
