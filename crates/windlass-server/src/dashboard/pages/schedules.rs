//! Schedules: the list, one schedule with its past and its future, and what is done to it.

use askama::Template;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use windlass::protocol::{
    PreviewObject, ScheduleObject, read_new_schedule, read_pause_everywhere, read_preview,
    read_schedule_patch,
};
use windlass::{ScheduleRecord, TickEnd, TickRecord, Timestamp};

use super::Base;
use super::names::Names;
use super::queues::Pause;
use crate::dashboard::forms::Form;
use crate::dashboard::page::{Viewer, see, written};
use crate::dashboard::text::{Safe, as_json, encoded, maybe_time, time};
use crate::problem::Problem;
use crate::request::Name;
use crate::routes::Answer;

/// Ticks of the past and of the future on a page.
const PAST: usize = 30;
const AHEAD: usize = 5;

/// Schedules on a page.
const PAGE: usize = 100;

#[derive(Template)]
#[template(path = "schedules.html")]
struct SchedulesPage {
    base: Base,
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct SchedulePage {
    base: Base,
    row: Row,
    ticks: Vec<Tick>,
    ahead: Vec<Safe>,
    definition: String,
    may_see: bool,
}

#[derive(Template)]
#[template(path = "schedule_form.html")]
struct FormPage {
    base: Base,
    /// Where the form is sent; the name of the schedule where it exists.
    name: Option<String>,
    version: String,
    fields: Fields,
    names: Names,
}

#[derive(Template)]
#[template(path = "preview.html")]
struct Preview {
    spec: String,
    timezone: String,
    ticks: Vec<String>,
    problem: String,
}

#[derive(Default)]
struct Fields {
    spec: String,
    timezone: String,
    overlap: String,
    catch_up: String,
    jitter: String,
    kind: String,
    queue: String,
    payload: String,
    priority: String,
    max_attempts: String,
}

struct Row {
    name: String,
    spec: String,
    timezone: String,
    kind: String,
    queue: String,
    overlap: String,
    catch_up: String,
    pause: Option<Pause>,
    next: Safe,
    last: Safe,
    source: &'static str,
}

struct Tick {
    class: &'static str,
    title: String,
    at: Safe,
    end: &'static str,
    job: Option<String>,
}

pub(in crate::dashboard) async fn list(viewer: Viewer) -> Answer {
    let after = viewer.parameter("after").unwrap_or_default();
    let mut found = viewer.queue.schedules(&after).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(|last| encoded(&last.name));
    let rows = found.iter().map(Row::from).collect();
    let content = SchedulesPage { base: Base::of(&viewer), rows, next };
    viewer.page("Schedules", "schedules", &content).await
}

pub(in crate::dashboard) async fn show(viewer: Viewer, Name(name): Name) -> Answer {
    let record = viewer.queue.schedule(&name).await?;
    let mut ticks = viewer.queue.schedule_ticks(&name, None, PAST).await?;
    ticks.reverse();
    // Those that tick by a function of a program are known to that program alone.
    let ahead = record.schedule.ticks(viewer.now(), AHEAD).unwrap_or_default();
    let may_see = viewer.caller.role().sees_payloads();
    let content = SchedulePage {
        base: Base::of(&viewer),
        row: Row::from(&record),
        ticks: ticks.iter().map(Tick::from).collect(),
        ahead: ahead.into_iter().map(time).collect(),
        definition: if may_see { as_json(&ScheduleObject::from(&record)) } else { String::new() },
        may_see,
    };
    viewer.page(&format!("Schedule {name}"), "schedules", &content).await
}

impl From<&ScheduleRecord> for Row {
    fn from(record: &ScheduleRecord) -> Self {
        let object = serde_json::to_value(ScheduleObject::from(record)).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            name: record.name.clone(),
            spec: spec(&object),
            timezone: text(&object["timezone"]),
            kind: text(&object["job"]["type"]),
            queue: text(&object["job"]["queue"]),
            overlap: text(&object["overlap"]),
            catch_up: text(&object["catch_up"]),
            pause: record.paused.as_ref().map(Pause::from),
            next: maybe_time(record.next_tick.filter(|_| record.paused.is_none())),
            last: maybe_time(record.last_tick),
            source: record.source.as_str(),
        }
    }
}

/// When it ticks, as forms have it.
fn spec(object: &Value) -> String {
    match (object["cron"].as_str(), object["interval"].as_str()) {
        (Some(cron), _) => cron.to_owned(),
        (None, Some(interval)) => format!("every {interval}"),
        (None, None) => "by a function".to_owned(),
    }
}

impl From<&TickRecord> for Tick {
    fn from(tick: &TickRecord) -> Self {
        let class = match tick.end {
            TickEnd::Fired => "completed",
            TickEnd::Skipped => "cancelled",
            TickEnd::Triggered => "running",
        };
        Self {
            class,
            title: format!("{} for {}", tick.end.as_str(), tick.tick),
            at: time(tick.tick),
            end: tick.end.as_str(),
            job: tick.job.map(|job| job.to_string()),
        }
    }
}

/// The form of a new schedule, or of the one that is named.
pub(in crate::dashboard) async fn ask(viewer: Viewer) -> Answer {
    let name = viewer.parameter("name").filter(|name| !name.is_empty());
    let Some(name) = name else {
        let fields = Fields {
            spec: "*/5 * * * *".to_owned(),
            timezone: "UTC".to_owned(),
            overlap: "allow".to_owned(),
            queue: "default".to_owned(),
            payload: "{}".to_owned(),
            ..Fields::default()
        };
        let version = String::new();
        let names = Names::read(&viewer).await?;
        let content = FormPage { base: Base::of(&viewer), name: None, version, fields, names };
        return viewer.page("New schedule", "schedules", &content).await;
    };
    let record = viewer.queue.schedule(&name).await?;
    let content = FormPage {
        base: Base::of(&viewer),
        version: record.version.to_string(),
        fields: Fields::of(&record)?,
        names: Names::read(&viewer).await?,
        name: Some(name.clone()),
    };
    viewer.page(&format!("Edit schedule {name}"), "schedules", &content).await
}

impl Fields {
    fn of(record: &ScheduleRecord) -> Result<Self, Problem> {
        #[derive(serde::Deserialize)]
        struct Kept<'a> {
            #[serde(borrow)]
            job: Option<Carried<'a>>,
        }
        #[derive(serde::Deserialize)]
        struct Carried<'a> {
            #[serde(borrow)]
            payload: Option<&'a RawValue>,
        }
        let json = as_json(&ScheduleObject::from(record));
        let object: Value = serde_json::from_str(&json).map_err(|_| Problem::internal())?;
        // Taken as it is written: numbers keep their digits.
        let kept: Kept<'_> = serde_json::from_str(&json).map_err(|_| Problem::internal())?;
        let payload = kept.job.and_then(|job| job.payload).map(|json| json.get().to_owned());
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        Ok(Self {
            spec: spec(&object),
            timezone: text(&object["timezone"]),
            overlap: text(&object["overlap"]),
            catch_up: text(&object["catch_up"]),
            jitter: text(&object["jitter"]),
            kind: text(&object["job"]["type"]),
            queue: text(&object["job"]["queue"]),
            payload: payload.unwrap_or_default(),
            priority: text(&object["job"]["priority"]),
            max_attempts: text(&object["job"]["max_attempts"]),
        })
    }
}

/// What a form says, as the API reads it.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catch_up: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter: Option<&'a str>,
    job: JobPart<'a>,
}

#[derive(Serialize)]
struct JobPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<Value>,
}

/// Reads the form; the name stands in the address of a schedule that exists.
fn body(form: &Form, is_new: bool) -> Result<Vec<u8>, Problem> {
    let spec = form.text("spec").unwrap_or_default();
    let interval = spec.strip_prefix("every ").map(str::trim);
    let is_function = spec == "by a function";
    let payload: Option<&RawValue> = form
        .text("payload")
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error| Problem::unreadable(format!("payload: is not JSON: {error}")))?;
    let written = Written {
        name: form.text("name").filter(|_| is_new),
        cron: Some(spec).filter(|_| interval.is_none() && !is_function),
        interval,
        timezone: form.text("timezone"),
        overlap: form.text("overlap"),
        catch_up: form.text("catch_up"),
        jitter: form.text("jitter"),
        job: JobPart {
            r#type: form.text("type"),
            queue: form.text("queue"),
            payload,
            priority: form.number("priority"),
            max_attempts: form.number("max_attempts"),
        },
    };
    serde_json::to_vec(&written).map_err(|_| Problem::internal())
}

pub(in crate::dashboard) async fn create(viewer: Viewer, form: Form) -> Answer {
    let (name, schedule) = read_new_schedule(&body(&form, true)?)?;
    viewer.queue.create_schedule(&name, schedule).await?;
    back(&viewer, &name, "created")
}

pub(in crate::dashboard) async fn change(viewer: Viewer, Name(name): Name, form: Form) -> Answer {
    let found = viewer.queue.schedule(&name).await?;
    let schedule = read_schedule_patch(&body(&form, false)?)?.apply(&found.schedule)?;
    let version = form.text("version").and_then(|text| text.parse().ok());
    let version = version.unwrap_or(found.version);
    viewer.queue.configure_schedule(&name, schedule, Some(version)).await?;
    back(&viewer, &name, "changed")
}

pub(in crate::dashboard) async fn pause(viewer: Viewer, Name(name): Name, form: Form) -> Answer {
    let body = Value::Object(form.members(&["reason", "until"])).to_string();
    viewer.queue.pause_schedule(&name, read_pause_everywhere(body.as_bytes())?).await?;
    back(&viewer, &name, "paused")
}

pub(in crate::dashboard) async fn resume(viewer: Viewer, Name(name): Name) -> Answer {
    viewer.queue.resume_schedule(&name).await?;
    back(&viewer, &name, "resumed")
}

pub(in crate::dashboard) async fn trigger(viewer: Viewer, Name(name): Name) -> Answer {
    let job = viewer.queue.trigger_schedule(&name).await?;
    see(&format!("{}/jobs/{job}?notice=triggered", viewer.root()))
}

pub(in crate::dashboard) async fn delete(viewer: Viewer, Name(name): Name) -> Answer {
    viewer.queue.delete_schedule(&name, None).await?;
    see(&format!("{}/schedules?notice=deleted", viewer.root()))
}

/// The next ticks of what is being written: a part of a page.
pub(in crate::dashboard) async fn preview(viewer: Viewer) -> Answer {
    let part = ticks(&viewer).unwrap_or_else(|problem| Preview {
        spec: String::new(),
        timezone: String::new(),
        ticks: Vec::new(),
        problem: problem.detail().to_owned(),
    });
    written(&part)
}

fn ticks(viewer: &Viewer) -> Result<Preview, Problem> {
    let mut members = serde_json::Map::new();
    for name in ["spec", "timezone"] {
        let value = viewer.parameter(name).filter(|text| !text.trim().is_empty());
        members.extend(value.map(|text| (name.to_owned(), text.into())));
    }
    let request = read_preview(Value::Object(members).to_string().as_bytes())?;
    let ticks: Vec<Timestamp> = request.schedule.ticks(viewer.now(), request.count)?;
    let told = serde_json::to_value(PreviewObject::new(&request.schedule, &ticks));
    let told = told.map_err(|_| Problem::internal())?;
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    let (spec, timezone) = (text("spec"), text("timezone"));
    // Not how far away they are: whoever writes a schedule wants to see hours.
    let ticks = ticks.into_iter().map(clock).collect();
    Ok(Preview { spec, timezone, ticks, problem: String::new() })
}

/// An instant to the second.
fn clock(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

fn back(viewer: &Viewer, name: &str, notice: &str) -> Answer {
    see(&format!("{}/schedules/{}?notice={notice}", viewer.root(), encoded(name)))
}
