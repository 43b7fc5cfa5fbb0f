//! The settings of a queue as a form: to create it, and to change it.
//!
//! Invariant: the form is the whole of the settings (but for weights of fairness keys): a field that is empty takes its
//! default. What is refused is drawn at its field, beside what was written.

use askama::Template;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::{Map, Value};
use windlass::protocol::{QueueObject, Refusal, read_new_queue, read_queue_patch};
use windlass::{Error, FieldError, Keep, QueueRecord, QueueSettings, format_duration};

use super::Base;
use super::queues::back;
use crate::dashboard::forms::Form;
use crate::dashboard::page::Viewer;
use crate::request::Name;
use crate::routes::Answer;

/// How a field is filled in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Input {
    Text,
    Number,
    /// Several, with commas between them.
    Spans,
    /// A span, or `forever`.
    Kept,
    Choice,
    Tick,
}

use Input::{Choice, Kept, Number, Spans, Text, Tick};

/// A field: its name is the place of its member, with dots; label, what stands for nothing, how it is filled in.
type Line = (&'static str, &'static str, &'static str, Input);

const LIMITS: &[Line] = &[
    ("concurrency", "Jobs at a time", "no limit", Number),
    ("max_depth", "Depth at most", "no limit", Number),
    ("ttl", "Start within", "no limit", Text),
];

const RATE: &[Line] = &[
    ("rate.count", "Starts", "no limit", Number),
    ("rate.per", "in", "1m", Text),
    ("rate.burst", "at once", "1", Number),
];

const RETRIES: &[Line] = &[
    ("retries", "Retries", "19", Number),
    ("backoff.strategy", "Waits grow", "exponential", Choice),
    ("backoff.initial", "First wait", "1s", Text),
    ("backoff.max", "Longest wait", "1h", Text),
    ("backoff.multiplier", "Factor", "2", Number),
    ("backoff.exponent", "Power", "2", Number),
    ("backoff.delays", "Waits of a list", "10s, 1m, 10m", Spans),
    ("backoff.jitter", "Jitter, 0 to 1", "0.1", Number),
];

const TURNS: &[Line] =
    &[("fair", "Fairness keys take turns", "", Tick), ("fair.window", "Window", "50", Number)];

const RETENTION: &[Line] = &[
    ("retention.completed", "completed", "24h", Kept),
    ("retention.failed", "failed", "30d", Kept),
    ("retention.dead_letter", "dead letter", "30d", Kept),
    ("retention.cancelled", "cancelled", "7d", Kept),
];

const GROUPS: [(&str, &[Line]); 5] = [
    ("Limits", LIMITS),
    ("Rate", RATE),
    ("Retries", RETRIES),
    ("Fairness", TURNS),
    ("Keep jobs that are", RETENTION),
];

/// Words of the field `backoff.strategy`.
const STRATEGIES: [&str; 5] = ["exponential", "linear", "constant", "polynomial", "list"];

/// Fields that belong together.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) fields: Vec<Field>,
}

/// One of them, with what is in it.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) placeholder: &'static str,
    input: Input,
    pub(super) value: String,
    /// What was wrong with it.
    pub(super) error: String,
}

impl Field {
    pub(super) fn is_tick(&self) -> bool {
        self.input == Tick
    }

    pub(super) fn is_number(&self) -> bool {
        self.input == Number
    }

    /// The words to choose from.
    pub(super) fn choices(&self) -> &'static [&'static str] {
        if self.input == Choice { &STRATEGIES } else { &[] }
    }
}

#[derive(Template)]
#[template(path = "queue_form.html")]
struct FormPage {
    base: Base,
    /// The queue that is changed; none for a new one.
    name: Option<String>,
    version: i64,
    /// The name of a new one, as it was written, and what was wrong with it.
    written: String,
    name_error: String,
    groups: Vec<Group>,
    /// What was wrong elsewhere.
    errors: Vec<String>,
    conflict: bool,
}

/// The fields with what holds for a queue.
pub(super) fn filled(queue: &QueueRecord) -> Vec<Group> {
    let object = serde_json::to_value(QueueObject::from(queue)).unwrap_or_default();
    groups(&[], |(name, .., input)| match input {
        Kept => kept(&queue.settings, name),
        Tick => object.get(*name).filter(|it| !it.is_null()).map_or("", |_| "on").to_owned(),
        Text | Number | Spans | Choice => {
            object.pointer(&pointer(name)).map(text).unwrap_or_default()
        }
    })
}

fn groups(broken: &[FieldError], value: impl Fn(&Line) -> String) -> Vec<Group> {
    let field = |line: &'static Line| {
        let (name, label, placeholder, input) = *line;
        let own = broken.iter().filter(|error| field_of(&error.pointer) == Some(name));
        let error = own.map(|error| error.detail.as_str()).collect::<Vec<_>>().join("; ");
        Field { name, label, placeholder, input, value: value(line), error }
    };
    let group = |(title, lines): (&'static str, &'static [Line])| Group {
        title,
        fields: lines.iter().map(field).collect(),
    };
    GROUPS.into_iter().map(group).collect()
}

/// The field whose member, or a part of it, is at this place.
fn field_of(place: &str) -> Option<&'static str> {
    let names = GROUPS.iter().flat_map(|(_, lines)| lines.iter().map(|(name, ..)| *name));
    let is_in = |name: &&str| {
        let rest = place.strip_prefix(&pointer(name));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // The longest name is that of the member itself.
    names.filter(is_in).max_by_key(|name| name.len())
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// How long jobs of a state are kept, where that was said.
fn kept(settings: &QueueSettings, name: &str) -> String {
    let retention = &settings.retention;
    let kept = match name.rsplit('.').next() {
        Some("completed") => retention.completed,
        Some("failed") => retention.failed,
        Some("dead_letter") => retention.dead_letter,
        _ => retention.cancelled,
    };
    match kept {
        None => String::new(),
        Some(Keep::Forever) => "forever".to_owned(),
        Some(Keep::For(span)) => format_duration(span),
    }
}

/// The form as the members of the API; what is empty is left out.
fn members(form: &Form) -> Map<String, Value> {
    let mut all = Map::new();
    let lines = GROUPS.iter().flat_map(|(_, lines)| lines.iter());
    for (name, .., input) in lines {
        let Some(written) = form.text(name) else { continue };
        let value = match input {
            Tick => Value::Object(Map::new()),
            Number => serde_json::from_str(written).unwrap_or_else(|_| written.into()),
            Kept if written == "forever" => Value::Null,
            Spans => written.split([',', ' ']).filter(|span| !span.is_empty()).collect(),
            Text | Choice | Kept => written.into(),
        };
        match name.split_once('.') {
            // Without turns there is nothing for a window to be of.
            Some(("fair", _)) if !form.is_on("fair") => {}
            Some((outer, inner)) => {
                let place = all.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                place[inner] = value;
            }
            None => drop(all.insert((*name).to_owned(), value)),
        }
    }
    all
}

fn bytes(members: Map<String, Value>) -> Vec<u8> {
    Value::Object(members).to_string().into_bytes()
}

/// Broken rules that can be drawn, or the refusal as it is.
fn broken(refusal: Refusal) -> Result<Vec<FieldError>, crate::problem::Problem> {
    match refusal.errors() {
        [] => Err(refusal.into()),
        errors => Ok(errors.to_vec()),
    }
}

pub(in crate::dashboard) async fn ask(viewer: Viewer) -> Answer {
    let content = FormPage::new(&viewer, None, groups(&[], |_| String::new()));
    viewer.page("New queue", "queues", &content).await
}

pub(in crate::dashboard) async fn create(viewer: Viewer, form: Form) -> Answer {
    let mut members = members(&form);
    members.extend(form.members(&["name"]));
    let (name, settings) = match read_new_queue(&bytes(members)) {
        Ok(read) => read,
        Err(refusal) => return refuse(&viewer, None, &form, &broken(refusal)?).await,
    };
    viewer.caller.check_target(&name)?;
    match viewer.queue.create_queue(&name, settings).await {
        Ok(_) => back(&viewer, &name, "created"),
        Err(Error::Invalid(broken)) => refuse(&viewer, None, &form, &broken).await,
        Err(Error::Conflict { .. }) => {
            let taken = FieldError::new("/name", "there is a queue of this name");
            refuse(&viewer, None, &form, &[taken]).await
        }
        Err(error) => Err(error.into()),
    }
}

pub(in crate::dashboard) async fn configure(
    viewer: Viewer,
    Name(name): Name,
    form: Form,
) -> Answer {
    let found = viewer.queue.queue(&name).await?;
    let version = form.text("version").and_then(|text| text.parse().ok());
    let version = version.unwrap_or(found.version);
    let mut settings = match read_queue_patch(&bytes(members(&form))) {
        Ok(patch) => patch.apply(QueueSettings::default()),
        Err(refusal) => {
            return refuse(&viewer, Some((&found, version)), &form, &broken(refusal)?).await;
        }
    };
    if let (Some(new), Some(old)) = (&mut settings.fair, &found.settings.fair) {
        new.weights.clone_from(&old.weights);
    }
    match viewer.queue.configure_queue(&name, settings, Some(version)).await {
        Ok(_) => back(&viewer, &name, "changed"),
        Err(Error::Invalid(broken)) => {
            refuse(&viewer, Some((&found, version)), &form, &broken).await
        }
        Err(Error::Conflict { code: "precondition_failed", .. }) => {
            let written = groups(&[], |(name, ..)| form.text(name).unwrap_or_default().to_owned());
            let mut content = FormPage::new(&viewer, Some((&found, found.version)), written);
            content.conflict = true;
            draw(&viewer, StatusCode::CONFLICT, &content).await
        }
        Err(error) => Err(error.into()),
    }
}

impl FormPage {
    fn new(viewer: &Viewer, queue: Option<(&QueueRecord, i64)>, groups: Vec<Group>) -> Self {
        Self {
            base: Base::of(viewer),
            name: queue.map(|(queue, _)| queue.name.clone()),
            version: queue.map_or(0, |(_, version)| version),
            written: String::new(),
            name_error: String::new(),
            groups,
            errors: Vec::new(),
            conflict: false,
        }
    }
}

/// Shows the form again, with what was written and what is wrong with it.
async fn refuse(
    viewer: &Viewer,
    queue: Option<(&QueueRecord, i64)>,
    form: &Form,
    broken: &[FieldError],
) -> Answer {
    let written = groups(broken, |(name, ..)| form.text(name).unwrap_or_default().to_owned());
    let mut content = FormPage::new(viewer, queue, written);
    form.text("name").unwrap_or_default().clone_into(&mut content.written);
    for error in broken.iter().filter(|error| field_of(&error.pointer).is_none()) {
        match error.pointer.as_str() {
            "/name" => content.name_error.clone_from(&error.detail),
            place => content.errors.push(format!("{place} {}", error.detail)),
        }
    }
    draw(viewer, StatusCode::UNPROCESSABLE_ENTITY, &content).await
}

async fn draw(viewer: &Viewer, status: StatusCode, content: &FormPage) -> Answer {
    let title = match &content.name {
        Some(name) => format!("Settings of {name}"),
        None => "New queue".to_owned(),
    };
    let page = viewer.page(&title, "queues", content).await?;
    Ok((status, page).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_at_its_field() {
        assert_eq!(field_of("/rate/count"), Some("rate.count"));
        assert_eq!(field_of("/backoff/delays/3"), Some("backoff.delays"));
        assert_eq!(field_of("/fair"), Some("fair"));
        assert_eq!(field_of("/fair/window"), Some("fair.window"));
        assert_eq!((field_of("/ttls"), field_of("/name"), field_of("")), (None, None, None));
    }
}
