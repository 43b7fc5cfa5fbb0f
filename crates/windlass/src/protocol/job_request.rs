//! A job as it is sent, read into a [`NewJob`] that may be stored.

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};

use super::dependency_request::read_dependencies;
use super::depth::depth;
use super::members::Object;
use super::unique_request::read_unique;
use super::values::{
    base64, batch_id, count, duration, durations, instant, number, priority, text,
};
use super::{Refusal, document};
use crate::job::{
    ATTEMPTS_MAX, Backoff, CRASHES_MAX, DELAY_MAX, JSON_DEPTH_MAX, JobEdit, NewJob,
    PAYLOAD_BYTES_MAX, RunAt, Strategy,
};

/// Reads a job; every broken rule is named. The payload keeps its bytes, and a missing one is `null`.
///
/// `idempotency_key` is the key of the request's header, which stands for the member.
///
/// # Errors
/// [`Refusal::Incomplete`] when the type is missing, [`Refusal::TooLarge`] for too large a payload,
/// [`Refusal::Invalid`] for every other broken rule.
pub fn read_job(body: &RawValue, idempotency_key: Option<&str>) -> Result<NewJob, Refusal> {
    let mut object = Object::read(body)?;
    let (job, is_incomplete) = read_members(&mut object, idempotency_key);
    match Refusal::unless_empty(object.finish()) {
        Ok(()) => Ok(job),
        Err(Refusal::Invalid(broken)) if job.payload.len() > PAYLOAD_BYTES_MAX => {
            Err(Refusal::TooLarge(broken))
        }
        Err(Refusal::Invalid(broken)) if is_incomplete => Err(Refusal::Incomplete(broken)),
        Err(refusal) => Err(refusal),
    }
}

/// Takes the members of a job, and says whether its type is missing.
pub(super) fn read_members(object: &mut Object<'_>, header: Option<&str>) -> (NewJob, bool) {
    let kind = object.get("type", text).filter(|kind| !kind.is_empty());
    let is_incomplete = kind.is_none() && !object.is_broken("/type");
    if is_incomplete {
        object.refuse("/type", "is missing (the name of the job's handler)");
    }
    let payload = read_payload(object).unwrap_or_else(|| b"null".to_vec());
    let mut job = NewJob::new(kind.unwrap_or_default(), payload);
    read_options(object, &mut job);
    read_times(object, &mut job);
    read_key(object, &mut job, header);
    job.unique = object.object("unique", read_unique).flatten();
    set(&mut job.depends_on, read_dependencies(object));
    job.batch = object.get("batch_id", batch_id);
    object.refuse_all(job.check());
    (job, is_incomplete)
}

/// Reads a job that was stored with SQL: its options are an object of the members that a request may
/// have besides type, queue and payload. Says in a sentence what is wrong with it.
pub(crate) fn read_row(
    queue: &str,
    kind: &str,
    payload: &str,
    options: &str,
) -> Result<NewJob, String> {
    let unreadable = |what: &'static str| move |error| format!("{what}: {error}");
    let mut members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(options).map_err(unreadable("options"))?;
    let payload: &RawValue = serde_json::from_str(payload).map_err(unreadable("payload"))?;
    for taken in ["type", "queue", "payload", "payload_base64"] {
        if members.contains_key(taken) {
            return Err(format!("options: `{taken}` is a column"));
        }
    }
    let name = |name: &str| to_raw_value(name).map_err(unreadable("name"));
    members.insert("type".to_owned(), name(kind)?);
    members.insert("queue".to_owned(), name(queue)?);
    members.insert("payload".to_owned(), payload.to_owned());
    let body = to_raw_value(&members).map_err(unreadable("options"))?;
    read_job(&body, None).map_err(|refusal| refusal.message())
}

/// Reads what is to change of a job: `{"payload", "queue", "priority", "max_attempts", "scheduled_at",
/// "tags"}`, each of them optional.
///
/// # Errors
/// [`Refusal::TooLarge`] for too large a payload, [`Refusal::Invalid`] naming each other broken rule.
pub fn read_edit(body: &[u8]) -> Result<JobEdit, Refusal> {
    let mut object = Object::read(document(body)?)?;
    let edit = JobEdit {
        payload: read_payload(&mut object),
        queue: object.get("queue", text),
        priority: object.get("priority", priority),
        max_attempts: object.get("max_attempts", |json| count(json, 1..=ATTEMPTS_MAX)),
        run_at: object.get("scheduled_at", instant).map(RunAt::At),
        tags: object.strings("tags"),
    };
    object.refuse_all(edit.check());
    if edit == JobEdit::default() && object.is_sound() {
        object.refuse(
            "",
            "changes nothing (payload, queue, priority, max_attempts, scheduled_at, tags)",
        );
    }
    match Refusal::unless_empty(object.finish()) {
        Err(Refusal::Invalid(broken))
            if edit.payload.as_ref().is_some_and(|bytes| bytes.len() > PAYLOAD_BYTES_MAX) =>
        {
            Err(Refusal::TooLarge(broken))
        }
        read => read.map(|()| edit),
    }
}

fn read_payload(object: &mut Object<'_>) -> Option<Vec<u8>> {
    let json = object.raw("payload");
    let bytes = object.get("payload_base64", base64);
    let Some(json) = json else { return bytes };
    if bytes.is_some() {
        object.refuse("/payload_base64", "cannot be given together with payload");
    }
    let levels = depth(json.get());
    if levels > JSON_DEPTH_MAX {
        let detail = format!("is nested {levels} levels deep (at most {JSON_DEPTH_MAX})");
        object.refuse("/payload", detail);
    }
    Some(json.get().as_bytes().to_vec())
}

fn read_options(object: &mut Object<'_>, job: &mut NewJob) {
    set(&mut job.queue, object.get("queue", text));
    set(&mut job.policy.priority, object.get("priority", priority));
    set(&mut job.policy.timeout, object.get("timeout", duration));
    let attempts = object.get("max_attempts", |json| count(json, 1..=ATTEMPTS_MAX));
    job.policy.max_attempts = attempts;
    let crashes = object.get("max_crashes", |json| count(json, 1..=CRASHES_MAX));
    set(&mut job.policy.max_crashes, crashes);
    job.policy.backoff = object.object("backoff", read_backoff);
    job.correlation_id = object.get("correlation_id", text);
    set(&mut job.tags, object.strings("tags"));
    set(&mut job.metadata, object.strings("metadata"));
    job.keys.concurrency = object.get("concurrency_key", text);
    job.keys.rate = object.get("rate_key", text);
    job.keys.fairness = object.get("fairness_key", text);
}

fn read_times(object: &mut Object<'_>, job: &mut NewJob) {
    let delay = object.get("delay", duration).map(RunAt::In);
    let scheduled_at = object.get("scheduled_at", instant).map(RunAt::At);
    if delay.is_some() && scheduled_at.is_some() {
        object.refuse("/scheduled_at", "cannot be given together with delay");
    }
    job.run_at = delay.or(scheduled_at);
    job.start_by = object.get("start_by", instant).map(RunAt::At);
    job.deadline = object.get("deadline", instant).map(RunAt::At);
}

fn read_key(object: &mut Object<'_>, job: &mut NewJob, header: Option<&str>) {
    let member = object.get("idempotency_key", text);
    if let (Some(member), Some(header)) = (&member, header)
        && member != header
    {
        object.refuse("/idempotency_key", "differs from the Idempotency-Key header");
    }
    job.idempotency_key = member.or_else(|| header.map(str::to_owned));
}

pub(super) fn read_backoff(object: &mut Object<'_>) -> Backoff {
    let mut backoff = Backoff::default();
    set(&mut backoff.strategy, object.get("strategy", strategy));
    set(&mut backoff.initial, object.get("initial", duration));
    set(&mut backoff.multiplier, object.get("multiplier", number));
    set(&mut backoff.exponent, object.get("exponent", number));
    set(&mut backoff.delays, object.get("delays", durations));
    set(&mut backoff.jitter, object.get("jitter", number));
    // The waits of these two are given one by one: the cap of the growing curves is not theirs.
    if matches!(backoff.strategy, Strategy::List | Strategy::Constant) {
        backoff.max = DELAY_MAX;
    }
    set(&mut backoff.max, object.get("max", duration));
    backoff
}

fn strategy(json: &RawValue) -> Result<Strategy, String> {
    let name = text(json)?;
    match name.as_str() {
        "exponential" => Ok(Strategy::Exponential),
        "linear" => Ok(Strategy::Linear),
        "constant" => Ok(Strategy::Constant),
        "polynomial" => Ok(Strategy::Polynomial),
        "list" => Ok(Strategy::List),
        _ => Err("must be exponential, linear, constant, polynomial or list".to_owned()),
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::document;
    use super::*;
    use crate::Unique;

    fn read(json: &str) -> Result<NewJob, Refusal> {
        read_job(document(json.as_bytes())?, None)
    }

    fn pointers(json: &str) -> Vec<String> {
        let refusal = read(json).unwrap_err();
        refusal.errors().iter().map(|error| error.pointer.clone()).collect()
    }

    #[test]
    fn payload_bytes_are_kept_as_sent() {
        let payload = r#"{"n": 9007199254740993,  "x":1.50, "x":"\u0041"}"#;

        let job = read(&format!(r#"{{"type":"t","payload":{payload}}}"#)).unwrap();

        assert_eq!(job.payload, payload.as_bytes());
        assert_eq!(read(r#"{"type":"t"}"#).unwrap().payload, b"null");
        assert_eq!(read(r#"{"type":"t","payload":null}"#).unwrap().payload, b"null");
        let binary = read(r#"{"type":"t","payload_base64":"/wA="}"#).unwrap();
        assert_eq!(binary.payload, [0xff, 0]);
    }

    #[test]
    fn every_option_is_read() {
        let json = r#"{"type":"t","queue":"q","priority":"low","timeout":"5s","max_attempts":7,
            "max_crashes":2,"delay":1500,"start_by":"2030-01-01T00:00:00Z",
            "deadline":"2031-01-01T00:00:00Z","backoff":{"strategy":"list","delays":["2h",1]},
            "idempotency_key":"k","correlation_id":"c","tags":{"a":"b"},"metadata":{"m":"n"},
            "unique":{"key":"u","scope":"queue","until":"period","period":"1h",
            "on_conflict":{"debounce":{"quiet":"5s","max_wait":60000}}}}"#;

        let job = read(json).unwrap();

        let expected = NewJob::new("t", *b"null")
            .queue("q")
            .priority(crate::Priority::LOW)
            .timeout(Duration::from_secs(5))
            .max_attempts(7)
            .max_crashes(2)
            .delay(Duration::from_millis(1500))
            .start_by("2030-01-01T00:00:00Z".parse::<crate::Timestamp>().unwrap())
            .deadline("2031-01-01T00:00:00Z".parse::<crate::Timestamp>().unwrap())
            .backoff(Backoff::list([Duration::from_secs(7200), Duration::from_millis(1)]))
            .idempotency_key("k")
            .correlation_id("c")
            .tag("a", "b")
            .metadata("m", "n")
            .unique(
                Unique::key("u")
                    .per_queue()
                    .for_period(Duration::from_secs(3600))
                    .debounce(Duration::from_secs(5), Duration::from_secs(60)),
            );
        assert_eq!(job, expected);
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let json = r#"{"type":"a b","payload_base64":"?","queue":5,"priority":9223372036854775808,
            "delay":-1,"max_attempts":0,"tags":{"x":1},"backoff":{"strategy":"no","factor":2},
            "unique":{"scope":"town","tribe":1},"start_by":"soon","delay":2}"#;

        let expected = [
            "/delay",
            "/payload_base64",
            "/queue",
            "/priority",
            "/max_attempts",
            "/backoff/strategy",
            "/backoff/factor",
            "/tags/x",
            "/start_by",
            "/type",
            "/unique/scope",
            "/unique/tribe",
            "/unique/key",
        ];
        let mut found = pointers(json);
        found.dedup();
        for pointer in expected {
            assert!(found.iter().any(|one| one == pointer), "{pointer} is not in {found:?}");
        }
    }

    #[test]
    fn refusals_say_how_serious_they_are() {
        assert!(matches!(read("{"), Err(Refusal::Unreadable(_))));
        assert!(matches!(read("[]"), Err(Refusal::Invalid(_))));
        assert!(matches!(read("{}"), Err(Refusal::Incomplete(_))));
        assert!(matches!(read(r#"{"type":""}"#), Err(Refusal::Incomplete(_))));
        assert!(matches!(read(r#"{"type":1}"#), Err(Refusal::Invalid(_))));
        let large = format!(r#"{{"type":"t","payload":"{}"}}"#, "x".repeat(PAYLOAD_BYTES_MAX));
        assert!(matches!(read(&large), Err(Refusal::TooLarge(_))));
    }

    #[test]
    fn deep_payloads_and_contradictions_are_refused() {
        let deep = format!(r#"{{"type":"t","payload":{}{}}}"#, "[".repeat(65), "]".repeat(65));
        assert_eq!(pointers(&deep), ["/payload"]);
        let both = r#"{"type":"t","payload":1,"payload_base64":"","delay":1,"scheduled_at":"2030-01-01T00:00:00Z"}"#;
        assert_eq!(pointers(both), ["/payload_base64", "/scheduled_at"]);
        let keys = document(br#"{"type":"t","idempotency_key":"a"}"#).unwrap();
        assert!(read_job(keys, Some("b")).is_err() && read_job(keys, Some("a")).is_ok());
    }
}
