//! Workflows and batches as they are sent.

use std::collections::{BTreeMap, HashMap};

use serde_json::value::RawValue;

use super::dependency_request::{ENDS, FAILURES};
use super::job_request::read_members;
use super::members::Object;
use super::requests::read;
use super::schedule_object::Template;
use super::schedule_request::read_template;
use super::values::{flag, text, word};
use super::{Refusal, document};
use crate::job::{After, CallbackOn, Flow, NewBatch, NewJob, Node};
use crate::{Error, FieldError};

/// What a workflow is called that says nothing.
const NAME: &str = "workflow";

/// Reads `{"name": "...", "nodes": [{"name": "...", "type": "...", ..., "after": ["..."]}]}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_workflow(body: &[u8], header: Option<&str>) -> Result<Flow, Refusal> {
    let mut object = Object::read(document(body)?)?;
    let mut flow = Flow::new(object.get("name", text).unwrap_or_else(|| NAME.to_owned()));
    flow.idempotency_key = read_key(&mut object, header);
    let list: Option<Vec<&RawValue>> = object.get("nodes", list);
    if list.is_none() && !object.is_broken("/nodes") {
        object.refuse("/nodes", "is missing (a list of nodes)");
    }
    let mut broken = Vec::new();
    let mut waits = Vec::new();
    for (place, json) in list.unwrap_or_default().into_iter().enumerate() {
        let prefix = format!("/nodes/{place}");
        match read_node(json, &mut flow) {
            Ok((after, wrong)) => {
                waits.push((place, after));
                broken.extend(wrong.into_iter().map(|field| field.under(&prefix)));
            }
            Err(refusal) => broken.push(FieldError::new(prefix, refusal.message())),
        }
    }
    if broken.is_empty() {
        broken = connect(&mut flow, waits);
    }
    broken.splice(0..0, object.finish());
    Refusal::unless_empty(broken)?;
    Ok(flow)
}

/// A node that is come after, by name.
struct Named {
    name: String,
    after: After,
}

/// Adds a node, and says what it comes after and what is wrong with it.
fn read_node(json: &RawValue, flow: &mut Flow) -> Result<(Vec<Named>, Vec<FieldError>), Refusal> {
    let mut object = Object::read(json)?;
    let name = object.get("name", text);
    if name.is_none() && !object.is_broken("/name") {
        object.refuse("/name", "is missing (what other nodes call it)");
    }
    let list: Vec<&RawValue> = object.get("after", list).unwrap_or_default();
    let mut after = Vec::with_capacity(list.len());
    for (index, json) in list.into_iter().enumerate() {
        match read_after(json) {
            Ok(named) => after.push(named),
            Err(broken) => {
                for (member, detail) in broken {
                    object.refuse(&format!("/after/{index}{member}"), detail);
                }
            }
        }
    }
    let (job, _) = read_members(&mut object, None);
    flow.add_new(name.unwrap_or_default(), job, [] as [Node; 0]);
    Ok((after, object.finish()))
}

fn read_after(json: &RawValue) -> Result<Named, Vec<(String, String)>> {
    let plain = After::from(Node::at(0));
    if !json.get().starts_with('{') {
        let name = text(json).map_err(|_| {
            vec![(String::new(), "must be a name or {name, on, on_failure}".to_owned())]
        })?;
        return Ok(Named { name, after: plain });
    }
    let mut object =
        Object::read(json).map_err(|refusal| vec![(String::new(), refusal.message())])?;
    let name = object.get("name", text);
    let on = object.get("on", |json| word(json, &ENDS)).unwrap_or_default();
    let on_failure = object.get("on_failure", |json| word(json, &FAILURES)).unwrap_or_default();
    if name.is_none() && !object.is_broken("/name") {
        object.refuse("/name", "is missing (the name of another node)");
    }
    let broken = object.finish();
    match name {
        Some(name) if broken.is_empty() => {
            Ok(Named { name, after: After { on, on_failure, ..plain } })
        }
        _ => Err(broken.into_iter().map(|error| (error.pointer, error.detail)).collect()),
    }
}

/// Names become places; says which are unknown.
fn connect(flow: &mut Flow, waits: Vec<(usize, Vec<Named>)>) -> Vec<FieldError> {
    let names = flow.nodes.iter().enumerate().map(|(place, node)| (node.name.clone(), place));
    let places: HashMap<String, usize> = names.collect();
    let mut broken = Vec::new();
    for (place, after) in waits {
        for (index, Named { name, after }) in after.into_iter().enumerate() {
            match places.get(&name) {
                Some(parent) => flow.nodes[place].after.push(After { place: *parent, ..after }),
                None => {
                    let shown: String = name.chars().take(128).collect();
                    let pointer = format!("/nodes/{place}/after/{index}");
                    broken.push(FieldError::new(pointer, format!("no node is called `{shown}`")));
                }
            }
        }
    }
    broken
}

/// Reads `{"description": "...", "on_success": {job}, "on_complete": {job}, "on_first_failure": {job}}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_new_batch(body: &[u8], header: Option<&str>) -> Result<NewBatch, Refusal> {
    read(body, |object| {
        let mut batch =
            NewBatch::new(object.get("description", text).unwrap_or_else(|| "batch".to_owned()));
        batch.idempotency_key = read_key(object, header);
        for on in CallbackOn::ALL {
            if let Some(job) = object.object(on.as_str(), read_template) {
                batch = batch.callback(on, job);
            }
        }
        object.refuse_all(batch.check());
        batch
    })
}

/// Reads `{"reason": "..."}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_cancel_workflow(body: &[u8]) -> Result<Option<String>, Refusal> {
    read(body, |object| object.get("reason", text))
}

/// Reads `{"reset_attempts": false}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_retry_workflow(body: &[u8]) -> Result<bool, Refusal> {
    read(body, |object| object.get("reset_attempts", flag).unwrap_or(false))
}

fn read_key(object: &mut Object<'_>, header: Option<&str>) -> Option<String> {
    let member = object.get("idempotency_key", text);
    if let (Some(member), Some(header)) = (&member, header)
        && member != header
    {
        object.refuse("/idempotency_key", "differs from the Idempotency-Key header");
    }
    member.or_else(|| header.map(str::to_owned))
}

fn list(json: &RawValue) -> Result<Vec<&RawValue>, String> {
    serde_json::from_str(json.get()).map_err(|_| "must be a list".to_owned())
}

/// Callbacks as they are stored.
pub(crate) fn callbacks_text(callbacks: &[(CallbackOn, NewJob)]) -> Result<String, Error> {
    let members = callbacks.iter().map(|(on, job)| (on.as_str(), Template::from(job)));
    let members: BTreeMap<&str, Template<'_>> = members.collect();
    serde_json::to_string(&members)
        .map_err(|error| Error::bug(format!("callbacks cannot be written: {error}")))
}

/// Reads callbacks as they are stored.
pub(crate) fn read_callbacks(text: &str) -> Result<Vec<(CallbackOn, NewJob)>, String> {
    let read = || {
        let mut object = Object::read(document(text.as_bytes())?)?;
        let mut callbacks = Vec::new();
        for on in CallbackOn::ALL {
            callbacks.extend(object.object(on.as_str(), read_template).map(|job| (on, job)));
        }
        Refusal::unless_empty(object.finish())?;
        Ok(callbacks)
    };
    read().map_err(|refusal: Refusal| refusal.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers<T: std::fmt::Debug>(read: Result<T, Refusal>) -> Vec<String> {
        read.unwrap_err().errors().iter().map(|error| error.pointer.clone()).collect()
    }

    #[test]
    fn names_become_edges_in_any_order() {
        let body = br#"{"name":"order","nodes":[
            {"name":"ship","type":"ship","after":["pay",{"name":"pack","on":"any","on_failure":"run"}]},
            {"name":"pay","type":"charge","payload":{"n": 1.0}},{"name":"pack","type":"pack"}]}"#;

        let flow = read_workflow(body, Some("k")).unwrap();

        let places: Vec<usize> = flow.nodes[0].after.iter().map(|after| after.place).collect();
        assert_eq!(places, [1, 2]);
        assert_eq!(flow.nodes[0].after[1].on, crate::job::ParentEnd::Any);
        assert_eq!(flow.nodes[1].job.payload, br#"{"n": 1.0}"#);
        assert_eq!((flow.name.as_str(), flow.idempotency_key.as_deref()), ("order", Some("k")));
        assert_eq!(flow.check().unwrap(), [1, 2, 0]);
    }

    #[test]
    fn every_mistake_is_named() {
        let body =
            br#"{"nodes":[{"type":"t","after":"x","colour":1},{"name":"b","after":[1,{"on":"no"}]},
            7],"idempotency_key":"a","shape":1}"#;
        let expected = [
            "/idempotency_key",
            "/shape",
            "/nodes/0/after",
            "/nodes/0/name",
            "/nodes/0/colour",
            "/nodes/1/after/0",
            "/nodes/1/after/1/on",
            "/nodes/1/after/1/name",
            "/nodes/1/type",
            "/nodes/1/type",
            "/nodes/2",
        ];
        let mut found = pointers(read_workflow(body, Some("b")));
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        expected.dedup();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, expected);
        assert_eq!(pointers(read_workflow(b"{}", None)), ["/nodes"]);
        let unknown = br#"{"nodes":[{"name":"a","type":"t","after":["b"]}]}"#;
        assert_eq!(pointers(read_workflow(unknown, None)), ["/nodes/0/after/0"]);
    }

    #[test]
    fn callbacks_are_stored_as_they_are_sent() {
        let body =
            br#"{"description":"May","on_success":{"type":"a","payload":{"n": 1.0},"queue":"q"},
            "on_first_failure":{"type":"b","delay":"5s"}}"#;

        let batch = read_new_batch(body, None).unwrap();

        let text = callbacks_text(&batch.callbacks).unwrap();
        assert_eq!(read_callbacks(&text).unwrap(), batch.callbacks);
        assert_eq!(batch.callbacks.len(), 2);
        let refused = br#"{"on_complete":{"type":"a","unique":{"key":"k"},"idempotency_key":"k"}}"#;
        assert_eq!(
            pointers(read_new_batch(refused, None)),
            ["/on_complete/idempotency_key", "/on_complete/unique"]
        );
    }
}
