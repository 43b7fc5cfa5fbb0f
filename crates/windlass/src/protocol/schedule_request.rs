//! Schedules as they are sent and stored: one form for both.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::{RawValue, to_raw_value};

use super::job_request::read_members;
use super::members::Object;
use super::queue_request::with_name;
use super::requests::read;
use super::schedule_object::definition;
use super::values::{count, duration, flag, instant, text};
use super::{Refusal, document};
use crate::Error;
use crate::job::{CatchUp, NewJob, Overlap, RunAt, Schedule, Timing};

/// Ticks of a preview, unless the request says otherwise, and at most.
const PREVIEW_DEFAULT: u32 = 5;
const PREVIEW_MAX: u32 = 100;

/// Changes of a schedule: members take the place of the present ones, null takes the default again; a job
/// is changed member by member.
#[derive(Debug, Clone)]
pub struct SchedulePatch(BTreeMap<String, Box<RawValue>>);

/// What to preview.
#[derive(Debug, Clone)]
pub struct PreviewRequest {
    /// When it ticks.
    pub schedule: Schedule,
    /// How many ticks, 1 to 100.
    pub count: usize,
}

impl SchedulePatch {
    /// The schedule with these changes.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each broken rule.
    pub fn apply(&self, schedule: &Schedule) -> Result<Schedule, Refusal> {
        let text = definition(schedule)?;
        let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text)
            .map_err(|error| Refusal::Unreadable(format!("a schedule cannot be read: {error}")))?;
        for (one, other) in [("cron", "interval"), ("interval", "cron")] {
            if self.0.contains_key(one) && members.remove(other).is_some() {
                members.remove("custom");
            }
        }
        for (name, value) in &self.0 {
            let merged = match members.get(name) {
                Some(present) if name == "job" => merged(present, value)?,
                _ => value.clone(),
            };
            put(&mut members, name, merged);
        }
        let whole = raw(&members)?;
        let mut object = Object::read(&whole)?;
        let changed = read_schedule(&mut object);
        let changed = Schedule { code: schedule.code.clone(), ..changed };
        object.refuse_all(changed.check());
        Refusal::unless_empty(object.finish())?;
        Ok(changed)
    }
}

/// Reads `{"name": "...", "cron": "..." or "interval": "...", "job": {...}, ...}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_new_schedule(body: &[u8]) -> Result<(String, Schedule), Refusal> {
    with_name(body, |object| {
        refuse_custom(object);
        let schedule = read_schedule(object);
        object.refuse_all(schedule.check());
        schedule
    })
}

/// Reads the members of a schedule that are to change.
///
/// # Errors
/// [`Refusal::Invalid`] when it is no object, or names what cannot be changed.
pub fn read_schedule_patch(body: &[u8]) -> Result<SchedulePatch, Refusal> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let document = document(body)?;
    let mut object = Object::read(document)?;
    refuse_custom(&mut object);
    if object.raw("name").is_some() {
        object.refuse("/name", "cannot be changed");
    }
    Refusal::unless_empty(object.broken())?;
    let members = serde_json::from_str(document.get())
        .map_err(|error| Refusal::Unreadable(format!("an object cannot be read: {error}")))?;
    Ok(SchedulePatch(members))
}

/// Reads `{"spec": "0 9 * * *" or "every 90s", "timezone": "UTC", "n": 5}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_preview(body: &[u8]) -> Result<PreviewRequest, Refusal> {
    read(body, |object| {
        let spec = object.get("spec", |json| Schedule::parse(&text(json)?));
        if spec.is_none() && !object.is_broken("/spec") {
            object.refuse("/spec", "is missing (a cron expression, or such as `every 90s`)");
        }
        let mut schedule = spec.unwrap_or_else(|| Schedule::cron("* * * * *"));
        schedule.timezone = object.get("timezone", text).unwrap_or(schedule.timezone);
        let count = object.get("n", |json| count(json, 1..=PREVIEW_MAX)).unwrap_or(PREVIEW_DEFAULT);
        if let Err(Error::Invalid(broken)) =
            schedule.clone().job(NewJob::new("preview", "")).check()
        {
            for error in broken {
                let is_timing = matches!(error.pointer.as_str(), "/cron" | "/interval");
                let pointer = if is_timing { "/spec" } else { &error.pointer };
                object.refuse(pointer, error.detail);
            }
        }
        PreviewRequest { schedule, count: usize::try_from(count).unwrap_or(usize::MAX) }
    })
}

/// Reads a schedule as it is stored.
pub(crate) fn read_definition(definition: &str) -> Result<Schedule, String> {
    let read = || {
        let mut object = Object::read(document(definition.as_bytes())?)?;
        let schedule = read_schedule(&mut object);
        Refusal::unless_empty(object.finish())?;
        Ok(schedule)
    };
    let mut schedule = read().map_err(|refusal: Refusal| refusal.message())?;
    schedule.code.is_elsewhere = schedule.job.is_none();
    Ok(schedule)
}

fn refuse_custom(object: &mut Object<'_>) {
    if object.raw("custom").is_some() {
        object.refuse("/custom", "is for schedules that code declares");
    }
}

fn read_schedule(object: &mut Object<'_>) -> Schedule {
    let cron = object.get("cron", text);
    let interval = object.get("interval", duration);
    let is_custom = object.get("custom", flag).unwrap_or(false);
    let timing = match (cron, interval) {
        (Some(_), Some(interval)) => {
            object.refuse("/interval", "cannot be given together with cron");
            Timing::Every(interval)
        }
        (Some(cron), None) => Timing::Cron(cron),
        (None, Some(interval)) => Timing::Every(interval),
        (None, None) if is_custom => Timing::Custom,
        (None, None) => {
            if !object.is_broken("/cron") && !object.is_broken("/interval") {
                object.refuse("/cron", "is missing (an expression, or an interval instead)");
            }
            Timing::Every(Duration::from_secs(60))
        }
    };
    let default = Schedule::of(timing);
    Schedule {
        timezone: object.get("timezone", text).unwrap_or_else(|| default.timezone.clone()),
        start: object.get("start", instant),
        end: object.get("end", instant),
        jitter: object.get("jitter", duration).unwrap_or_default(),
        catch_up: object.get("catch_up", catch_up).unwrap_or_default(),
        overlap: object.get("overlap", overlap).unwrap_or_default(),
        run_on_start: object.get("run_on_start", flag).unwrap_or(false),
        job: object.object("job", read_template),
        ..default
    }
}

/// A job that is stored with each tick: its times are spans.
pub(super) fn read_template(object: &mut Object<'_>) -> NewJob {
    let start_within = object.get("start_within", duration).map(RunAt::In);
    let deadline_in = object.get("deadline_in", duration).map(RunAt::In);
    let (mut job, _) = read_members(object, None);
    job.start_by = job.start_by.or(start_within);
    job.deadline = job.deadline.or(deadline_in);
    job
}

fn catch_up(json: &RawValue) -> Result<CatchUp, String> {
    text(json)?.parse()
}

fn overlap(json: &RawValue) -> Result<Overlap, String> {
    text(json)?.parse()
}

/// One object over another.
fn merged(present: &RawValue, change: &RawValue) -> Result<Box<RawValue>, Refusal> {
    let read = |json: &RawValue| -> Option<BTreeMap<String, Box<RawValue>>> {
        serde_json::from_str(json.get()).ok()
    };
    let (Some(mut members), Some(changes)) = (read(present), read(change)) else {
        return Ok(change.to_owned());
    };
    for (one, other) in [("payload", "payload_base64"), ("payload_base64", "payload")] {
        if changes.contains_key(one) {
            members.remove(other);
        }
    }
    for (name, value) in changes {
        put(&mut members, &name, value);
    }
    raw(&members)
}

fn put(members: &mut BTreeMap<String, Box<RawValue>>, name: &str, value: Box<RawValue>) {
    if value.get() == "null" && name != "payload" {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
}

fn raw(members: &BTreeMap<String, Box<RawValue>>) -> Result<Box<RawValue>, Refusal> {
    to_raw_value(members)
        .map_err(|error| Refusal::Unreadable(format!("an object cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers<T: std::fmt::Debug>(read: Result<T, Refusal>) -> Vec<String> {
        read.unwrap_err().errors().iter().map(|error| error.pointer.clone()).collect()
    }

    const WHOLE: &[u8] = br#"{"name":"nightly","cron":"0 3 * * *","timezone":"Europe/Berlin",
        "start":"2026-01-01T00:00:00Z","end":"2027-01-01T00:00:00Z","jitter":"5m","catch_up":"all:7",
        "overlap":"skip","run_on_start":true,"job":{"type":"report","payload":{"n": 1.0},"queue":"q",
        "priority":"high","timeout":"90s","max_attempts":3,"max_crashes":2,
        "backoff":{"strategy":"list","delays":["1s","2s"]},"correlation_id":"c","tags":{"a":"b"},
        "metadata":{"m":"n"},"delay":"1m","start_within":"1h","deadline_in":"2h"}}"#;

    #[test]
    fn what_is_read_is_written_the_same() {
        let (name, schedule) = read_new_schedule(WHOLE).unwrap();

        let text = definition(&schedule).unwrap();
        let again = read_definition(&text).unwrap();

        assert_eq!(name, "nightly");
        assert_eq!(definition(&again).unwrap(), text);
        assert_eq!(again.job, schedule.job);
        assert_eq!((again.catch_up, again.overlap), (CatchUp::All(7), Overlap::Skip));
        assert!(again.ticks_like(&schedule) && again.run_on_start);
        assert!(text.contains(r#"{"n": 1.0}"#), "{text}");
        let bytes = Schedule::every(Duration::from_secs(90)).job(NewJob::new("t", [0xff]));
        let text = definition(&bytes).unwrap();
        assert_eq!(read_definition(&text).unwrap().job, bytes.job, "{text}");
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let (_, schedule) = read_new_schedule(WHOLE).unwrap();
        let patch = |json: &str| read_schedule_patch(json.as_bytes()).unwrap().apply(&schedule);

        let period =
            patch(r#"{"interval":"90s","catch_up":null,"job":{"payload":null,"queue":null}}"#);

        let period = period.unwrap();
        assert_eq!(period.timing, Timing::Every(Duration::from_secs(90)));
        assert_eq!((period.catch_up, period.overlap), (CatchUp::Last, Overlap::Skip));
        let job = period.job.unwrap();
        assert_eq!((job.payload.as_slice(), job.queue.as_str()), (&b"null"[..], "default"));
        assert_eq!(job.kind, "report");
        assert_eq!(
            pointers(patch(r#"{"cron":"x","colour":1,"job":{"type":null}}"#)),
            ["/job/type", "/cron", "/colour"]
        );
        assert_eq!(
            pointers(read_schedule_patch(br#"{"name":"x","custom":true}"#)),
            ["/custom", "/name"]
        );
    }

    #[test]
    fn every_mistake_is_named() {
        let body = br#"{"name":"n","cron":"0 3 * *","interval":"5","timezone":"X","catch_up":"some",
            "overlap":1,"job":{"type":"t","idempotency_key":"k","scheduled_at":"2026-01-01T00:00:00Z",
            "colour":1},"every":"1s"}"#;
        let expected = [
            "/interval",
            "/catch_up",
            "/overlap",
            "/job/colour",
            "/cron",
            "/timezone",
            "/job/idempotency_key",
            "/job/scheduled_at",
            "/every",
        ];
        assert_eq!(pointers(read_new_schedule(body)), expected);
        assert_eq!(pointers(read_new_schedule(br#"{"name":"n"}"#)), ["/cron", "/job"]);
        assert!(matches!(read_new_schedule(b"{}"), Err(Refusal::Invalid(_))));
        assert_eq!(
            pointers(read_preview(br#"{"spec":"x","n":0,"timezone":"Y"}"#)),
            ["/n", "/spec", "/timezone"]
        );
        assert_eq!(pointers(read_preview(b"")), ["/spec"]);
    }
}
