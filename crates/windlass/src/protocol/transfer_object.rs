//! Lines of an export: one queue, schedule or job each.
//!
//! Invariant: a line has no line break in it, and what is read of it is what was written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use super::job_object::Attempt;
use super::job_reading::{read_attempt, read_job_object};
use super::members::Object;
use super::queue_object::QueueObject;
use super::values::{base64, count, instant, text, word};
use super::{
    JobObject, PauseObject, Refusal, definition, document, read_definition, read_queue_patch,
};
use crate::job::{
    JobRecord, PauseOptions, QueueRecord, QueueSettings, Schedule, ScheduleRecord, Timestamp,
};
use crate::store::{Part, Saved, Transferred};

const PARTS: [(&str, Part); 3] =
    [("checkpoint", Part::Checkpoint), ("step", Part::Step), ("signal", Part::Signal)];

/// What a line holds.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    Queue { name: String, settings: Box<QueueSettings>, pause: Option<PauseOptions> },
    Schedule { name: String, schedule: Box<Schedule>, pause: Option<PauseOptions> },
    Job(Box<Transferred>),
}

#[derive(Serialize)]
struct JobLine<'a> {
    job: JobObject<'a>,
    /// Instead of the job's, where these have line breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_base64: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<Attempt<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    saved: Vec<SavedObject<'a>>,
}

#[derive(Serialize)]
struct SavedObject<'a> {
    part: &'static str,
    name: &'a str,
    place: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

#[derive(Serialize)]
struct ScheduleLine<'a> {
    schedule: &'a str,
    definition: &'a RawValue,
    paused: Option<PauseObject<'a>>,
}

fn written(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::Unreadable(format!("a line cannot be written: {error}"))
}

/// Writes a job.
pub(crate) fn job_line(job: &Transferred) -> Result<String, Refusal> {
    let record = &job.record;
    let breaks = |bytes: &[u8]| bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    let payload = Some(&record.payload).filter(|bytes| breaks(bytes));
    let result = record.result.as_ref().filter(|bytes| breaks(bytes));
    let stripped = (payload.is_some() || result.is_some()).then(|| JobRecord {
        payload: if payload.is_some() { Vec::new() } else { record.payload.clone() },
        result: if result.is_some() { None } else { record.result.clone() },
        ..record.clone()
    });
    let part = |part: Part| PARTS.iter().find(|(_, it)| *it == part).map_or("", |(word, _)| *word);
    let saved = job.saved.iter().map(|(of, item)| SavedObject {
        part: part(*of),
        name: &item.name,
        place: item.place,
        due_at: item.due_at,
        data_base64: item.data.as_ref().map(|data| STANDARD.encode(data)),
    });
    let line = JobLine {
        job: JobObject(stripped.as_ref().unwrap_or(record)),
        payload_base64: payload.map(|bytes| STANDARD.encode(bytes)),
        result_base64: result.map(|bytes| STANDARD.encode(bytes)),
        attempts: job.attempts.iter().map(Attempt::from).collect(),
        saved: saved.collect(),
    };
    serde_json::to_string(&line).map_err(|error| written(&error))
}

/// Writes a queue: its settings, as a change of them reads them, and its pause.
pub(crate) fn queue_line(queue: &QueueRecord) -> Result<String, Refusal> {
    let all = serde_json::to_value(QueueObject::from(queue)).map_err(|error| written(&error))?;
    let serde_json::Value::Object(mut settings) = all else {
        return Err(written(&"no object"));
    };
    let paused = settings.remove("paused");
    for other in ["name", "namespace", "version", "paused_types"] {
        settings.remove(other);
    }
    // Both say the same.
    if settings.get("backoff").is_some_and(|it| !it.is_null()) {
        settings.remove("retry_delay");
    }
    settings.retain(|name, value| name == "retention" || !value.is_null());
    let line = serde_json::json!({ "queue": queue.name, "settings": settings, "paused": paused });
    Ok(line.to_string())
}

/// Writes a schedule.
pub(crate) fn schedule_line(record: &ScheduleRecord) -> Result<String, Refusal> {
    let text = definition(&record.schedule)?;
    let definition: &RawValue = serde_json::from_str(&text).map_err(|error| written(&error))?;
    let paused = record.paused.as_ref().map(PauseObject::from);
    let line = ScheduleLine { schedule: &record.name, definition, paused };
    serde_json::to_string(&line).map_err(|error| written(&error))
}

/// Reads a line.
pub(crate) fn read_line(line: &str) -> Result<Line, String> {
    let read = || {
        let mut object = Object::read(document(line.as_bytes())?)?;
        let line = if object.has("job") {
            read_job_line(&mut object)?
        } else if object.has("queue") {
            read_queue_line(&mut object)?
        } else {
            read_schedule_line(&mut object)?
        };
        Refusal::unless_empty(object.finish())?;
        line.ok_or_else(|| Refusal::Unreadable("a line lacks what it is about".to_owned()))
    };
    read().map_err(|refusal: Refusal| refusal.message())
}

fn read_job_line(object: &mut Object<'_>) -> Result<Option<Line>, Refusal> {
    let Some(json) = object.raw("job") else { return Ok(None) };
    let mut record = read_job_object(json).map_err(Refusal::Unreadable)?;
    if let Some(payload) = object.get("payload_base64", base64) {
        record.payload = payload;
    }
    record.result = object.get("result_base64", base64).or(record.result);
    let list = |json: &RawValue| {
        let items: Result<Vec<Box<RawValue>>, _> = serde_json::from_str(json.get());
        items.map_err(|error| error.to_string())
    };
    let attempts = object.get("attempts", list).unwrap_or_default();
    let attempts = attempts.iter().map(|json| read_attempt(json)).collect::<Result<_, _>>();
    let saved = object.get("saved", list).unwrap_or_default();
    let saved = saved.iter().map(|json| read_saved(json)).collect::<Result<_, _>>()?;
    let attempts = attempts.map_err(Refusal::Unreadable)?;
    Ok(Some(Line::Job(Box::new(Transferred { record, attempts, saved }))))
}

fn read_saved(json: &RawValue) -> Result<(Part, Saved), Refusal> {
    let mut object = Object::read(json)?;
    let part = object.get("part", |json| word(json, &PARTS));
    let item = Saved {
        name: object.get("name", text).unwrap_or_default(),
        place: object.get("place", |json| count(json, 0..=u32::MAX)).unwrap_or(0),
        due_at: object.get("due_at", instant),
        data: object.get("data_base64", base64),
    };
    Refusal::unless_empty(object.finish())?;
    let part = part.ok_or_else(|| Refusal::Unreadable("what is kept has no part".to_owned()))?;
    Ok((part, item))
}

fn read_queue_line(object: &mut Object<'_>) -> Result<Option<Line>, Refusal> {
    let name = object.get("queue", text);
    let pause = object.object("paused", read_pause);
    let settings = match object.raw("settings") {
        Some(json) => read_queue_patch(json.get().as_bytes())?.apply(QueueSettings::default()),
        None => QueueSettings::default(),
    };
    let settings = Box::new(settings);
    Ok(name.map(|name| Line::Queue { name, settings, pause }))
}

fn read_schedule_line(object: &mut Object<'_>) -> Result<Option<Line>, Refusal> {
    let name = object.get("schedule", text);
    let pause = object.object("paused", read_pause);
    let Some((name, json)) = name.zip(object.raw("definition")) else { return Ok(None) };
    let schedule = Box::new(read_definition(json.get()).map_err(Refusal::Unreadable)?);
    Ok(Some(Line::Schedule { name, schedule, pause }))
}

/// When it began is not told again: here it begins now.
fn read_pause(object: &mut Object<'_>) -> PauseOptions {
    object.raw("since");
    PauseOptions {
        reason: object.get("reason", text),
        until: object.get("until", instant),
        by: object.get("by", text),
    }
}

impl Line {
    /// A pause that is still to come to its end.
    pub(crate) fn pause_of(pause: Option<PauseOptions>, now: Timestamp) -> Option<PauseOptions> {
        pause.filter(|pause| pause.until.is_none_or(|until| until > now))
    }
}

#[cfg(test)]
mod tests {
    use super::super::job_object::tests::record;
    use super::*;
    use crate::{AttemptRecord, Reason, State};

    #[test]
    fn a_job_comes_back_whole_on_one_line() {
        let mut job = record(b"{\n \"n\": 9007199254740993 }");
        job.state = State::DeadLetter;
        job.reason = Some(Reason::Exhausted);
        job.completed_at = Some(job.created_at);
        job.result = Some(b"\xff\n".to_vec());
        job.last_error = Some("two\nlines".to_owned());
        job.snoozes = 3;
        job.error_class = None;
        let attempt = AttemptRecord {
            attempt: 1,
            epoch: 4,
            worker: Some("w".to_owned()),
            started_at: Some(job.created_at),
            finished_at: Some(job.created_at),
            class: "panic".to_owned(),
            message: Some("boom".to_owned()),
            backtrace: Some("at\nmain".to_owned()),
        };
        let saved = Saved {
            name: "s".to_owned(),
            place: 2,
            due_at: Some(job.created_at),
            data: Some(vec![0xff, b'\n']),
        };
        let whole =
            Transferred { record: job, attempts: vec![attempt], saved: vec![(Part::Step, saved)] };

        let line = job_line(&whole).unwrap();

        assert!(!line.contains('\n'), "{line}");
        let Line::Job(read) = read_line(&line).unwrap() else { panic!("{line}") };
        assert_eq!(read.record, whole.record);
        assert_eq!((read.attempts, read.saved), (whole.attempts, whole.saved));
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for line in ["", "[]", "{}", r#"{"job":{}}"#, r#"{"queue":"q","settings":{"odd":1}}"#] {
            assert!(read_line(line).is_err(), "{line}");
        }
    }
}
