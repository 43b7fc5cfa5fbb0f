//! Many jobs at once: what an operation would do, its start, and how far it is; groups of dead letters.
//!
//! Invariant: nothing is started but from a page that said how many jobs it is about.

use askama::Template;
use serde_json::{Map, Value, json};
use windlass::protocol::{OperationObject, read_operation};
use windlass::{DeadGroup, OperationId, OperationRecord, OperationState};

use super::Base;
use super::names::Names;
use super::query::Query;
use super::rows::JobRow;
use crate::dashboard::forms::Form;
use crate::dashboard::page::{Viewer, see};
use crate::dashboard::text::{Safe, brief, count, maybe_time, span, time, word_badge};
use crate::problem::Problem;
use crate::request::Name;
use crate::routes::Answer;

/// From this number of jobs on the number has to be typed.
const TYPED_FROM: u64 = 1000;

/// Operations on a page.
const PAGE: usize = 50;

/// Groups of dead letters on a page.
const GROUPS: usize = 100;

const ACTIONS: [(&str, &str); 6] = [
    ("retry", "Retry"),
    ("cancel", "Cancel"),
    ("move", "Move"),
    ("set_priority", "Set the priority of"),
    ("reschedule", "Reschedule"),
    ("delete", "Delete"),
];

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    base: Base,
    action: String,
    verb: &'static str,
    query: String,
    ids: Vec<String>,
    count: u64,
    shown: String,
    is_complete: bool,
    is_typed: bool,
    rows: Vec<JobRow>,
    /// Queues to move to.
    queues: Vec<String>,
}

#[derive(Template)]
#[template(path = "operations.html")]
struct OperationsPage {
    base: Base,
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "operation.html")]
struct OperationPage {
    base: Base,
    row: Row,
    definition: String,
    failures: Vec<(String, String)>,
    may_cancel: bool,
}

#[derive(Template)]
#[template(path = "dead.html")]
struct DeadPage {
    base: Base,
    groups: Vec<Group>,
    is_complete: bool,
    total: String,
}

struct Row {
    id: String,
    action: String,
    what: String,
    badge: Safe,
    matched: String,
    done: String,
    failed: String,
    share: u64,
    created: Safe,
    finished: Safe,
    took: String,
}

struct Group {
    fingerprint: String,
    kind: String,
    class: String,
    message: String,
    queues: String,
    count: String,
    first: Safe,
    last: Safe,
    sample: String,
}

/// Says what an operation would do, and asks what it needs to know.
pub(in crate::dashboard) async fn confirm(viewer: Viewer, form: Form) -> Answer {
    let action = form.text("action").unwrap_or("retry");
    let verb = ACTIONS.iter().find(|(name, _)| *name == action).map(|(_, verb)| *verb);
    let Some(verb) = verb else {
        return Err(Problem::unreadable("action: is not one of the list"));
    };
    let is_all = form.text("what") == Some("all");
    let query = form.text("q").filter(|_| is_all).unwrap_or_default().to_owned();
    let ids = if is_all { Vec::new() } else { form.all("id") };
    if !is_all && ids.is_empty() {
        return Err(Problem::unreadable("no job is selected: tick some first"));
    }
    let missing = json!({ "queue": "x", "priority": 2, "scheduled_at": viewer.now() });
    let params = match action {
        "move" => json!({ "queue": missing["queue"] }),
        "set_priority" => json!({ "priority": missing["priority"] }),
        "reschedule" => json!({ "scheduled_at": missing["scheduled_at"] }),
        _ => json!({}),
    };
    let request = read_operation(&document(action, (&query, &ids), &params))?;
    let preview = viewer.queue.preview_operation(&request.operation).await?;
    let content = ConfirmPage {
        base: Base::of(&viewer),
        action: action.to_owned(),
        verb,
        ids: ids.into_iter().map(str::to_owned).collect(),
        query,
        count: preview.count,
        shown: count(preview.count),
        is_complete: preview.complete,
        is_typed: preview.count > TYPED_FROM || !preview.complete,
        rows: preview.sample.iter().map(JobRow::from).collect(),
        queues: match action {
            "move" => Names::read(&viewer).await?.queues,
            _ => Vec::new(),
        },
    };
    viewer.page("Confirm", "operations", &content).await
}

pub(in crate::dashboard) async fn start(viewer: Viewer, form: Form) -> Answer {
    let action = form.text("action").unwrap_or_default();
    let expected = form.text("count").and_then(|text| text.parse::<u64>().ok());
    let Some(expected) = expected else {
        return Err(Problem::unreadable("count: how many jobs it is about is missing"));
    };
    let is_typed = form.is_on("typed") || expected > TYPED_FROM;
    let typed = form.text("confirm").map(|text| text.replace(',', ""));
    if is_typed && typed != Some(expected.to_string()) {
        let detail = format!("confirm: type {expected}, the number of jobs, to go on");
        return Err(Problem::unreadable(detail));
    }
    let params = params(action, &form);
    let query = form.text("q").unwrap_or_default();
    let body = document(action, (query, &form.all("id")), &Value::Object(params));
    let begun = viewer.queue.start_operation(read_operation(&body)?.operation).await?;
    see(&format!("{}/operations/{}?notice=started", viewer.root(), begun.id))
}

fn params(action: &str, form: &Form) -> Map<String, Value> {
    let mut params = match action {
        "cancel" => form.members(&["reason"]),
        "move" => form.members(&["queue"]),
        "set_priority" => form.members(&["priority"]),
        "reschedule" => form.members(&["scheduled_at", "delay"]),
        _ => Map::new(),
    };
    let flag = match action {
        "retry" => Some("reset_attempts"),
        "cancel" | "delete" => Some("force"),
        _ => None,
    };
    if let Some(name) = flag.filter(|name| form.is_on(name)) {
        params.insert(name.to_owned(), true.into());
    }
    params
}

/// The request that the API would get.
fn document(action: &str, (query, ids): (&str, &[&str]), params: &Value) -> Vec<u8> {
    let mut members = json!({ "action": action, "params": params });
    if ids.is_empty() {
        members["filter"] = Value::Object(Query::read(query).members());
    } else {
        members["ids"] = ids.into();
    }
    members.to_string().into_bytes()
}

pub(in crate::dashboard) async fn list(viewer: Viewer) -> Answer {
    let before = viewer.parameter("before").map(|text| id(&text)).transpose()?;
    let mut found = viewer.queue.operations(before).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let content = OperationsPage {
        base: Base::of(&viewer),
        next: found.last().filter(|_| more).map(|last| last.id.to_string()),
        rows: found.iter().map(Row::from).collect(),
    };
    viewer.page("Operations", "operations", &content).await
}

pub(in crate::dashboard) async fn show(viewer: Viewer, Name(text): Name) -> Answer {
    let operation = viewer.queue.operation(id(&text)?).await?;
    let failure =
        |failure: &windlass::OperationFailure| (failure.job.to_string(), failure.detail.clone());
    let content = OperationPage {
        base: Base::of(&viewer),
        row: Row::from(&operation),
        definition: definition(&operation),
        failures: operation.failures.iter().map(failure).collect(),
        may_cancel: !operation.state.is_terminal(),
    };
    viewer.page(&format!("Operation {text}"), "operations", &content).await
}

pub(in crate::dashboard) async fn cancel(viewer: Viewer, Name(text): Name) -> Answer {
    viewer.queue.cancel_operation(id(&text)?).await?;
    see(&format!("{}/operations/{text}?notice=stopped", viewer.root()))
}

pub(in crate::dashboard) async fn dead(viewer: Viewer) -> Answer {
    let dead = viewer.queue.dead_groups().await?;
    let content = DeadPage {
        base: Base::of(&viewer),
        total: count(dead.groups.iter().map(|group| group.count).sum()),
        groups: dead.groups.iter().take(GROUPS).map(Group::from).collect(),
        is_complete: dead.complete && dead.groups.len() <= GROUPS,
    };
    viewer.page("Dead letters", "dead", &content).await
}

fn id(text: &str) -> Result<OperationId, Problem> {
    text.parse().map_err(Problem::unreadable)
}

/// What it does to which jobs, as the API has it.
fn definition(operation: &OperationRecord) -> String {
    let object = serde_json::to_value(OperationObject::from(operation)).unwrap_or_default();
    let kept = ["action", "params", "filter", "ids", "rate"];
    let kept = kept.into_iter().filter_map(|name| Some((name, object.get(name)?)));
    crate::dashboard::text::as_json(&kept.collect::<std::collections::BTreeMap<_, _>>())
}

impl From<&OperationRecord> for Row {
    fn from(operation: &OperationRecord) -> Self {
        let object = serde_json::to_value(OperationObject::from(operation)).unwrap_or_default();
        let what = match &object["filter"] {
            Value::Object(filter) => {
                let word = |(name, value): (&String, &Value)| {
                    let value = value.to_string().replace(['"', '[', ']'], "");
                    format!("{name}:{value}")
                };
                filter.iter().map(word).collect::<Vec<_>>().join(" ")
            }
            _ => format!("{} selected", object["ids"].as_array().map_or(0, Vec::len)),
        };
        let class = match operation.state {
            OperationState::Counting => "pending",
            OperationState::Running => "running",
            OperationState::Completed => "completed",
            OperationState::Cancelled => "cancelled",
        };
        let through = operation.done + operation.failed;
        let took = operation.finished_at.map(|end| end.since(operation.created_at));
        Self {
            id: operation.id.to_string(),
            action: operation.operation.action().replace('_', " "),
            what: brief(&what, 80),
            badge: word_badge(class, operation.state.as_str()),
            matched: count(operation.matched),
            done: count(operation.done),
            failed: count(operation.failed),
            share: (100 * through).checked_div(operation.matched).unwrap_or(0).min(100),
            created: time(operation.created_at),
            finished: maybe_time(operation.finished_at),
            took: took.map(span).unwrap_or_default(),
        }
    }
}

impl From<&DeadGroup> for Group {
    fn from(group: &DeadGroup) -> Self {
        Self {
            fingerprint: group.fingerprint.clone(),
            kind: group.kind.clone(),
            class: group.error_class.clone(),
            message: brief(&group.message, 240),
            queues: group.queues.join(", "),
            count: count(group.count),
            first: time(group.first_at),
            last: time(group.last_at),
            sample: group.sample.to_string(),
        }
    }
}
