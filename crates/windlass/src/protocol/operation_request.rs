//! Operations as they are sent and stored: one form for both.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::members::Object;
use super::requests::{delay, read};
use super::values::{
    Read, batch_id, duration, flag, instant, job_id, number, priority, text, workflow_id,
};
use super::{Refusal, document};
use crate::job::{JobId, KEY_BYTES_MAX, Priority, RunAt, Timestamp, check_storable};
use crate::queue::JobFilter;
use crate::store::{Deed, ListQuery, Operation, OperationTarget, Target};
use crate::{Error, Reason, RetryOptions, State};

const ACTIONS: [&str; 6] = ["retry", "cancel", "delete", "move", "set_priority", "reschedule"];

/// A request for an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationRequest {
    /// What to do to which jobs.
    pub operation: Operation,
    /// Say what it would be done to, and do nothing.
    pub dry_run: bool,
}

/// Reads `{"action": "retry", "filter": {"state": "dead_letter"} or "ids": ["812"], "params": {...},
/// "rate": 10, "dry_run": false}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule, an empty filter among them.
pub fn read_operation(body: &[u8]) -> Result<OperationRequest, Refusal> {
    read(body, |object| {
        let dry_run = object.get("dry_run", flag).unwrap_or(false);
        let operation = read_members(object);
        let mut checked = operation.check();
        // A filter that cannot be read names something.
        if let (Err(Error::Invalid(broken)), true) =
            (&mut checked, object.is_broken_within("/filter"))
        {
            broken.retain(|error| error.pointer != "/filter");
        }
        object.refuse_all(checked);
        OperationRequest { operation, dry_run }
    })
}

/// An operation as it is stored.
pub(crate) fn operation_text(operation: &Operation) -> Result<String, Error> {
    serde_json::to_string(&members(operation))
        .map_err(|error| Error::bug(format!("an operation cannot be written: {error}")))
}

/// Reads what [`operation_text`] has written.
pub(crate) fn read_operation_text(text: &str) -> Result<Operation, String> {
    let read = || {
        let mut object = Object::read(document(text.as_bytes())?)?;
        let operation = read_members(&mut object);
        Refusal::unless_empty(object.finish()).map(|()| operation)
    };
    read().map_err(|refusal| refusal.message())
}

/// The members of an operation, as a request has them.
pub(super) fn members(operation: &Operation) -> Value {
    let mut members = json!({ "action": operation.action(), "params": params(&operation.deed) });
    match &operation.target.0 {
        Target::Filter(query) => members["filter"] = filter(query),
        Target::Jobs(jobs) => members["ids"] = jobs.iter().map(ToString::to_string).collect(),
    }
    if let Some(rate) = operation.rate {
        members["rate"] = rate.into();
    }
    members
}

fn params(deed: &Deed) -> Value {
    match deed {
        Deed::Retry(options) => {
            let mut params = json!({ "reset_attempts": options.reset_attempts });
            if !options.delay.is_zero() {
                params["delay"] = millis(options.delay);
            }
            if let Some(priority) = options.priority {
                params["priority"] = priority.get().into();
            }
            params
        }
        Deed::Cancel { reason: Some(reason), force } => json!({ "reason": reason, "force": force }),
        Deed::Cancel { reason: None, force } | Deed::Delete { force } => json!({ "force": force }),
        Deed::Move(queue) => json!({ "queue": queue }),
        Deed::SetPriority(priority) => json!({ "priority": priority.get() }),
        Deed::Reschedule(RunAt::At(instant)) => json!({ "scheduled_at": instant }),
        Deed::Reschedule(RunAt::In(span)) => json!({ "delay": millis(*span) }),
    }
}

fn millis(span: std::time::Duration) -> Value {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).into()
}

/// A filter as the members of an object; what does not filter is left out.
fn filter(query: &ListQuery) -> Value {
    let mut members: BTreeMap<&str, Value> = BTreeMap::new();
    let states = query.states.iter().map(|state| state.as_str().to_owned()).collect();
    let tags = query.tags.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    let lists = [
        ("state", states),
        ("type", query.kinds.clone()),
        ("queue", query.queues.clone()),
        ("tag", tags),
        ("fingerprint", query.fingerprints.clone()),
        ("correlation_id", query.correlation_ids.clone()),
        ("reason", query.reasons.iter().map(|reason| reason.as_str().to_owned()).collect()),
    ];
    let lists: Vec<(&str, Vec<String>)> = lists.into();
    members.extend(
        lists
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(name, list)| (name, list.into())),
    );
    if !query.priorities.is_empty() {
        let classes: Vec<u8> = query.priorities.iter().map(|class| class.get()).collect();
        members.insert("priority", classes.into());
    }
    if let Some(text) = &query.text {
        members.insert("q", text.as_str().into());
    }
    if let Some(id) = query.bundle {
        let name = if query.is_workflow { "workflow_id" } else { "batch_id" };
        members.insert(name, id.to_string().into());
    }
    for (name, at) in [
        ("created_after", query.created_after),
        ("created_before", query.created_before),
        ("updated_after", query.updated_after),
        ("updated_before", query.updated_before),
    ] {
        members.extend(at.map(|at| (name, at.to_string().into())));
    }
    json!(members)
}

fn read_members(object: &mut Object<'_>) -> Operation {
    let action = object.get("action", action);
    if action.is_none() && !object.is_broken("/action") {
        object.refuse("/action", format!("is missing (one of {})", ACTIONS.join(", ")));
    }
    let deed = object.object("params", |params| read_deed(action, params));
    // Without parameters: what it needs is then missing in them.
    let deed = deed.unwrap_or_else(|| {
        let mut none = Object::empty();
        let deed = read_deed(action, &mut none);
        for error in none.finish() {
            object.refuse(&format!("/params{}", error.pointer), error.detail);
        }
        deed
    });
    let filter = object.object("filter", read_filter);
    let ids = object.get("ids", ids);
    let target = match (filter, ids) {
        (Some(filter), None) => filter.into(),
        (None, Some(ids)) => ids.into(),
        (Some(filter), Some(_)) => {
            object.refuse("/ids", "cannot be given together with filter");
            filter.into()
        }
        // Ids that cannot be read: said already.
        (None, None) if object.is_broken("/ids") => Vec::new().into(),
        (None, None) => JobFilter::new().into(),
    };
    Operation { deed, target, rate: object.get("rate", number) }
}

fn read_deed(action: Option<&str>, params: &mut Object<'_>) -> Deed {
    match action {
        Some("cancel") => Deed::Cancel {
            reason: params.get("reason", text).map(crate::job::truncated),
            force: params.get("force", flag).unwrap_or(false),
        },
        Some("delete") => Deed::Delete { force: params.get("force", flag).unwrap_or(false) },
        Some("move") => Deed::Move(needed(params, "queue", text).unwrap_or_default()),
        Some("set_priority") => {
            Deed::SetPriority(needed(params, "priority", priority).unwrap_or(Priority::NORMAL))
        }
        Some("reschedule") => {
            let delay = params.get("delay", duration).map(RunAt::In);
            let at = if delay.is_some() {
                params.get("scheduled_at", |_| {
                    Err::<RunAt, _>("cannot be given together with delay".to_owned())
                })
            } else {
                needed(params, "scheduled_at", |json| instant(json).map(RunAt::At))
            };
            Deed::Reschedule(delay.or(at).unwrap_or(RunAt::At(Timestamp::from_micros(0))))
        }
        _ => Deed::Retry(RetryOptions {
            reset_attempts: params.get("reset_attempts", flag).unwrap_or(false),
            delay: params.get("delay", delay).unwrap_or_default(),
            priority: params.get("priority", priority),
        }),
    }
}

fn needed<'a, T>(
    params: &mut Object<'a>,
    name: &str,
    read: impl FnOnce(&'a RawValue) -> Read<T>,
) -> Option<T> {
    let value = params.get(name, read);
    let pointer = format!("/{name}");
    if value.is_none() && !params.is_broken(&pointer) {
        params.refuse(&pointer, "is missing");
    }
    value
}

fn action(json: &RawValue) -> Read<&'static str> {
    super::values::word(json, &ACTIONS.map(|action| (action, action)))
}

fn ids(json: &RawValue) -> Read<Vec<JobId>> {
    let wrong = |_| "must be a list of job ids such as [\"812\"]".to_owned();
    let ids: Vec<&RawValue> = serde_json::from_str(json.get()).map_err(wrong)?;
    ids.into_iter().map(job_id).collect()
}

/// Reads the parameters of a list of jobs as members: one value each, or a list of them.
fn read_filter(object: &mut Object<'_>) -> JobFilter {
    let mut filter = JobFilter::new();
    for state in object.get("state", |json| several(json, read_state)).unwrap_or_default() {
        filter = filter.state(state);
    }
    for kind in object.get("type", |json| several(json, text)).unwrap_or_default() {
        filter = filter.kind(kind);
    }
    for queue in object.get("queue", |json| several(json, text)).unwrap_or_default() {
        filter = filter.queue(queue);
    }
    for class in object.get("priority", |json| several(json, priority)).unwrap_or_default() {
        filter = filter.priority(class);
    }
    for (key, value) in object.get("tag", |json| several(json, read_tag)).unwrap_or_default() {
        filter = filter.tag(key, value);
    }
    for one in object.get("fingerprint", |json| several(json, text)).unwrap_or_default() {
        filter = filter.fingerprint(one);
    }
    for id in object.get("correlation_id", |json| several(json, text)).unwrap_or_default() {
        filter = filter.correlation_id(id);
    }
    for reason in object.get("reason", |json| several(json, read_reason)).unwrap_or_default() {
        filter = filter.reason(reason);
    }
    if let Some(text) = object.get("q", |json| searched(&text(json)?)) {
        filter = filter.text(text);
    }
    let workflow = object.get("workflow_id", workflow_id);
    if let Some(id) = workflow {
        filter = filter.workflow(id);
    }
    if let Some(id) = object.get("batch_id", batch_id) {
        if workflow.is_some() {
            object.refuse("/batch_id", "cannot be given together with workflow_id");
        }
        filter = filter.batch(id);
    }
    if let Some(at) = object.get("created_after", instant) {
        filter = filter.created_after(at);
    }
    if let Some(at) = object.get("created_before", instant) {
        filter = filter.created_before(at);
    }
    if let Some(at) = object.get("updated_after", instant) {
        filter = filter.updated_after(at);
    }
    if let Some(at) = object.get("updated_before", instant) {
        filter = filter.updated_before(at);
    }
    filter
}

/// A text to search for.
///
/// # Errors
/// Says how long it may be.
pub fn searched(text: &str) -> Result<String, String> {
    match text.len() {
        1..=KEY_BYTES_MAX => check_storable(text).map(|()| text.to_owned()),
        bytes => Err(format!("is {bytes} bytes long (1 to {KEY_BYTES_MAX} allowed)")),
    }
}

fn read_reason(json: &RawValue) -> Read<Reason> {
    text(json)?.parse()
}

fn read_state(json: &RawValue) -> Read<State> {
    text(json)?.parse()
}

fn read_tag(json: &RawValue) -> Read<(String, String)> {
    split_tag(&text(json)?)
}

/// Splits `key:value`.
///
/// # Errors
/// Says what is expected.
pub fn split_tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once(':').ok_or("must be KEY:VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn several<'a, T>(json: &'a RawValue, read: impl Fn(&'a RawValue) -> Read<T>) -> Read<Vec<T>> {
    if !json.get().starts_with('[') {
        return Ok(vec![read(json)?]);
    }
    let list: Vec<&RawValue> =
        serde_json::from_str(json.get()).map_err(|error| error.to_string())?;
    list.into_iter().map(read).collect()
}

impl From<JobFilter> for OperationTarget {
    fn from(filter: JobFilter) -> Self {
        Self(Target::Filter(Box::new(filter.into_conditions())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(json: &str) -> Vec<String> {
        let refusal = read_operation(json.as_bytes()).unwrap_err();
        refusal.errors().iter().map(|error| error.pointer.clone()).collect()
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let bodies = [
            r#"{"action":"retry","filter":{"state":"dead_letter","type":["a","b"],"queue":"q",
                "priority":[1,"low"],"tag":"k:v:w","fingerprint":"f","correlation_id":"c",
                "created_after":"2030-01-01T00:00:00Z","created_before":"2031-01-01T00:00:00Z"},
                "params":{"reset_attempts":true,"delay":"5s","priority":"high"},"rate":2.5}"#,
            r#"{"action":"cancel","ids":["3","1","3"],"params":{"reason":"why","force":true}}"#,
            r#"{"action":"cancel","ids":["1"]}"#,
            r#"{"action":"cancel","filter":{"workflow_id":"5"}}"#,
            r#"{"action":"cancel","filter":{"batch_id":"5"}}"#,
            r#"{"action":"delete","filter":{"queue":"q"},"params":{"force":true}}"#,
            r#"{"action":"move","filter":{"queue":"q"},"params":{"queue":"other"}}"#,
            r#"{"action":"set_priority","filter":{"queue":"q"},"params":{"priority":0}}"#,
            r#"{"action":"reschedule","filter":{"queue":"q"},"params":{"delay":"1h"}}"#,
            r#"{"action":"reschedule","filter":{"queue":"q"},
                "params":{"scheduled_at":"2030-01-01T00:00:00Z"}}"#,
        ];
        for body in bodies {
            let operation = read_operation(body.as_bytes()).unwrap().operation;
            let text = operation_text(&operation).unwrap();

            assert_eq!(read_operation_text(&text).unwrap(), operation, "{body}\n{text}");
        }
    }

    #[test]
    fn every_mistake_is_named() {
        let cases = [
            ("{}", vec!["/action", "/filter"]),
            (r#"{"action":"retry"}"#, vec!["/filter"]),
            (r#"{"action":"retry","filter":{}}"#, vec!["/filter"]),
            (r#"{"action":"retry","ids":[]}"#, vec!["/ids"]),
            (r#"{"action":"retry","ids":["1"],"filter":{"queue":"q"}}"#, vec!["/ids"]),
            (
                r#"{"action":"retry","filter":{"workflow_id":"1","batch_id":"1"}}"#,
                vec!["/filter/batch_id"],
            ),
            (r#"{"action":"move","ids":["1"]}"#, vec!["/params/queue"]),
            (r#"{"action":"move","ids":["1"],"params":{"queue":"a b"}}"#, vec!["/params/queue"]),
            (r#"{"action":"shout","ids":["1"]}"#, vec!["/action"]),
            (r#"{"action":"delete","filter":{"colour":"red"}}"#, vec!["/filter/colour"]),
            (r#"{"action":"retry","ids":["1"],"rate":0}"#, vec!["/rate"]),
            (r#"{"action":"retry","ids":["1"],"params":{"force":true}}"#, vec!["/params/force"]),
            (
                r#"{"action":"reschedule","ids":["1"],"params":{"delay":"1h","scheduled_at":"x"}}"#,
                vec!["/params/scheduled_at"],
            ),
        ];
        for (body, expected) in cases {
            let found = pointers(body);
            for pointer in expected {
                assert!(found.iter().any(|one| one == pointer), "{body}: {found:?}");
            }
        }
    }
}
