//! What remote workers send, but for the ends of attempts.

use std::time::Duration;

use serde_json::value::RawValue;

use super::members::Object;
use super::requests::read;
use super::values::{base64, count, duration, instant, job_id, number, text, texts, word};
use super::{Refusal, document};
use crate::job::{
    CLAIM_JOBS_MAX, LeaseToken, LogLevel, PAYLOAD_BYTES_MAX, SLOTS_MAX, Timestamp, truncated,
};
use crate::remote::{ClaimRequest, HeldJob, NewRemoteWorker, PassingClaim};

/// The name of a worker that does not say one.
const NAME_DEFAULT: &str = "worker";

/// Jobs on the list of one heartbeat.
const HELD_MAX: usize = 20_000;

/// Lines of log in one request.
const LINES_MAX: usize = 10_000;

/// Reads `{"name", "queues", "types", "concurrency", "labels", "version", "lease"}`, each of them optional.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_register(body: &[u8]) -> Result<NewRemoteWorker, Refusal> {
    read(body, |object| {
        let name = object.get("name", text).unwrap_or_else(|| NAME_DEFAULT.to_owned());
        let mut worker = NewRemoteWorker::new(name);
        worker.queues = object.get("queues", texts).unwrap_or_default();
        worker.kinds = object.get("types", texts).unwrap_or_default();
        let slots = object.get("concurrency", |json| count(json, 1..=SLOTS_MAX));
        worker.concurrency = slots.map_or(worker.concurrency, |slots| slots as usize);
        worker.labels = object.strings("labels").unwrap_or_default();
        worker.version = object.get("version", text);
        worker.lease = object.get("lease", duration).unwrap_or(worker.lease);
        worker
    })
}

/// Reads `{"queues", "types", "limit", "wait"}`, each of them optional.
///
/// # Errors
/// As [`read_register`].
pub fn read_claim(body: &[u8]) -> Result<ClaimRequest, Refusal> {
    read(body, claim)
}

/// Reads `{"worker", "queues", "types", "limit", "lease", "wait"}`, each of them optional.
///
/// # Errors
/// As [`read_register`].
pub fn read_passing_claim(body: &[u8]) -> Result<PassingClaim, Refusal> {
    read(body, |object| PassingClaim {
        worker: object.get("worker", text).unwrap_or_else(|| NAME_DEFAULT.to_owned()),
        lease: object.get("lease", duration).unwrap_or(Duration::from_secs(30)),
        claim: claim(object),
    })
}

fn claim(object: &mut Object<'_>) -> ClaimRequest {
    let most = u32::try_from(CLAIM_JOBS_MAX).unwrap_or(u32::MAX);
    ClaimRequest {
        queues: object.get("queues", texts).unwrap_or_default(),
        kinds: object.get("types", texts).unwrap_or_default(),
        limit: object.get("limit", |json| count(json, 1..=most)).unwrap_or(1) as usize,
        wait: object.get("wait", duration).unwrap_or_default(),
    }
}

/// Reads `{"progress": [{"id", "token", "percent", "message"}]}`; none when there is no list.
///
/// # Errors
/// As [`read_register`].
pub fn read_heartbeat(body: &[u8]) -> Result<Option<Vec<HeldJob>>, Refusal> {
    let mut object = read_object(body)?;
    let list = list(&mut object, "progress", HELD_MAX);
    let mut held = Vec::new();
    for (place, json) in list.iter().flatten().enumerate() {
        let mut refuse = |pointer: String, detail: String| object.refuse(&pointer, detail);
        match read_held(json) {
            Ok(one) => held.push(one),
            Err(refusal) if refusal.errors().is_empty() => {
                refuse(format!("/progress/{place}"), refusal.message());
            }
            Err(refusal) => refusal.errors().iter().cloned().for_each(|error| {
                refuse(format!("/progress/{place}{}", error.pointer), error.detail);
            }),
        }
    }
    Refusal::unless_empty(object.finish())?;
    Ok(list.map(|_| held))
}

fn read_held(json: &RawValue) -> Result<HeldJob, Refusal> {
    let mut object = Object::read(json)?;
    let job = needed(&mut object, "id", job_id);
    let token = needed(&mut object, "token", token);
    let percent = object.get("percent", |json| match number(json)? {
        percent if (0.0..=100.0).contains(&percent) => Ok(percent),
        percent => Err(format!("is {percent} (0 to 100 allowed)")),
    });
    let message = object.get("message", text).map(clean);
    if message.is_some() && percent.is_none() && !object.is_broken("/percent") {
        object.refuse("/message", "is shown with a percent, which is missing");
    }
    Refusal::unless_empty(object.finish())?;
    match (job, token) {
        (Some(job), Some(token)) => Ok(HeldJob { job, token, percent, message }),
        _ => Err(Refusal::invalid("", "is incomplete")),
    }
}

/// What is kept for the next attempt.
#[derive(Debug)]
pub struct CheckpointRequest {
    /// Says that the caller holds the job.
    pub token: LeaseToken,
    /// Kept byte for byte.
    pub data: Vec<u8>,
}

/// Reads `{"token", "data"}`, where `data` is any JSON; `data_base64` takes other bytes.
///
/// # Errors
/// [`Refusal::TooLarge`] for more than 1 MiB; otherwise as [`read_register`].
pub fn read_checkpoint(body: &[u8]) -> Result<CheckpointRequest, Refusal> {
    let mut object = read_object(body)?;
    let token = needed(&mut object, "token", token);
    let data = bytes(&mut object, "data");
    if data.is_none() && !object.is_broken("/data") && !object.is_broken("/data_base64") {
        object.refuse("/data", "is missing");
    }
    finish_sized(object, data.as_deref())?;
    let (Some(token), Some(data)) = (token, data) else {
        return Err(Refusal::invalid("", "is incomplete"));
    };
    Ok(CheckpointRequest { token, data })
}

/// Lines for the log of a job, each with its instant if it has one.
#[derive(Debug)]
pub struct LogRequest {
    /// Says that the caller holds the job.
    pub token: LeaseToken,
    /// Instant, level, text.
    pub lines: Vec<(Option<Timestamp>, LogLevel, String)>,
}

/// Reads `{"token", "data"}`, where `data` is a text, or a list of texts and of
/// `{"text", "level", "at"}`.
///
/// # Errors
/// As [`read_register`].
pub fn read_log(body: &[u8]) -> Result<LogRequest, Refusal> {
    let mut object = read_object(body)?;
    let token = needed(&mut object, "token", token);
    let json = object.raw("data").filter(|json| json.get() != "null");
    let lines = match json {
        None => {
            object.refuse("/data", "is missing");
            Vec::new()
        }
        Some(json) if json.get().starts_with('[') => {
            let all: Vec<&RawValue> = serde_json::from_str(json.get()).unwrap_or_default();
            if all.len() > LINES_MAX {
                let detail = format!("has {} lines (at most {LINES_MAX})", all.len());
                object.refuse("/data", detail);
            }
            let mut lines = Vec::new();
            for (place, json) in all.into_iter().take(LINES_MAX).enumerate() {
                match read_line(json) {
                    Ok(line) => lines.push(line),
                    Err(refusal) => refusal.errors().iter().for_each(|error| {
                        let pointer = format!("/data/{place}{}", error.pointer);
                        object.refuse(&pointer, error.detail.clone());
                    }),
                }
            }
            lines
        }
        Some(json) => match text(json) {
            Ok(text) => vec![(None, LogLevel::Info, text)],
            Err(_) => {
                object.refuse("/data", "must be a text or a list of lines");
                Vec::new()
            }
        },
    };
    Refusal::unless_empty(object.finish())?;
    let token = token.ok_or_else(|| Refusal::invalid("", "is incomplete"))?;
    Ok(LogRequest { token, lines })
}

fn read_line(json: &RawValue) -> Result<(Option<Timestamp>, LogLevel, String), Refusal> {
    if json.get().starts_with('"') {
        let line = text(json).map_err(|detail| Refusal::invalid("", detail))?;
        return Ok((None, LogLevel::Info, line));
    }
    let levels = LogLevel::ALL.map(|level| (level.as_str(), level));
    let mut object = Object::read(json)?;
    let line = needed(&mut object, "text", text);
    let level = object.get("level", |json| word(json, &levels)).unwrap_or(LogLevel::Info);
    let at = object.get("at", instant);
    Refusal::unless_empty(object.finish())?;
    Ok((at, level, line.unwrap_or_default()))
}

/// Reads `{"token", "lease"}`; the lease is optional.
///
/// # Errors
/// As [`read_register`].
pub fn read_extend(body: &[u8]) -> Result<(LeaseToken, Option<Duration>), Refusal> {
    let mut object = read_object(body)?;
    let token = needed(&mut object, "token", token);
    let lease = object.get("lease", duration);
    Refusal::unless_empty(object.finish())?;
    let token = token.ok_or_else(|| Refusal::invalid("", "is incomplete"))?;
    Ok((token, lease))
}

/// The object of a request that has to have one.
pub(super) fn read_object(body: &[u8]) -> Result<Object<'_>, Refusal> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    Object::read(document(body)?)
}

/// Takes a member that has to be there.
pub(super) fn needed<'a, T>(
    object: &mut Object<'a>,
    name: &str,
    read: impl FnOnce(&'a RawValue) -> Result<T, String>,
) -> Option<T> {
    let value = object.get(name, read);
    let pointer = format!("/{name}");
    if value.is_none() && !object.is_broken(&pointer) {
        object.refuse(&pointer, "is missing");
    }
    value
}

/// Takes a list of values of any form.
pub(super) fn list<'a>(
    object: &mut Object<'a>,
    name: &str,
    most: usize,
) -> Option<Vec<&'a RawValue>> {
    object.get(name, |json| {
        let list: Vec<&RawValue> =
            serde_json::from_str(json.get()).map_err(|_| "must be a list".to_owned())?;
        if list.len() > most {
            return Err(format!("has {} items (at most {most})", list.len()));
        }
        Ok(list)
    })
}

/// Takes the bytes of a member as they were sent, or those of its sibling in base64.
pub(super) fn bytes(object: &mut Object<'_>, name: &str) -> Option<Vec<u8>> {
    let json = object.raw(name).map(|json| json.get().as_bytes().to_vec());
    let encoded = format!("{name}_base64");
    let decoded = object.get(&encoded, base64);
    if json.is_some() && decoded.is_some() {
        object.refuse(&format!("/{encoded}"), format!("cannot be given together with {name}"));
    }
    let bytes = json.or(decoded);
    if let Some(length) = bytes.as_ref().map(Vec::len)
        && length > PAYLOAD_BYTES_MAX
    {
        let detail = format!("is {length} bytes long (at most {PAYLOAD_BYTES_MAX})");
        object.refuse(&format!("/{name}"), detail);
    }
    bytes
}

/// Refuses with the broken rules of an object, as too large where its bytes are.
pub(super) fn finish_sized(object: Object<'_>, bytes: Option<&[u8]>) -> Result<(), Refusal> {
    match Refusal::unless_empty(object.finish()) {
        Err(Refusal::Invalid(broken)) if bytes.is_some_and(|it| it.len() > PAYLOAD_BYTES_MAX) => {
            Err(Refusal::TooLarge(broken))
        }
        done => done,
    }
}

pub(super) fn token(json: &RawValue) -> Result<LeaseToken, String> {
    text(json)?.parse()
}

/// Text that every database takes, of bounded length.
pub(super) fn clean(text: String) -> String {
    truncated(if text.contains('\0') { text.replace('\0', "?") } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{JobId, WorkerId};

    fn a_token() -> LeaseToken {
        LeaseToken { worker: WorkerId::from_i64(5), epoch: 1, nonce: 7, job: JobId::from_i64(812) }
    }

    fn pointers<T: std::fmt::Debug>(read: Result<T, Refusal>) -> Vec<String> {
        let refusal = read.unwrap_err();
        refusal.errors().iter().map(|error| error.pointer.clone()).collect()
    }

    #[test]
    fn nothing_said_means_the_defaults() {
        assert_eq!(read_register(b"").unwrap(), NewRemoteWorker::new("worker"));
        assert_eq!(read_claim(b"{}").unwrap(), ClaimRequest::default());
        assert_eq!(read_passing_claim(b"").unwrap().lease, Duration::from_secs(30));
        assert_eq!(read_heartbeat(b"").unwrap(), None);
        assert_eq!(read_heartbeat(br#"{"progress":[]}"#).unwrap(), Some(Vec::new()));
    }

    #[test]
    fn every_mistake_is_named() {
        let wrong = br#"{"queues":"a","concurrency":0,"labels":{"a":1},"tribe":1}"#;
        assert_eq!(
            pointers(read_register(wrong)),
            ["/queues", "/concurrency", "/labels/a", "/tribe"]
        );
        assert_eq!(pointers(read_claim(br#"{"limit":1001,"wait":"x"}"#)), ["/limit", "/wait"]);
        let wrong = br#"{"progress":[{"id":1,"token":"t"},{"id":"1","percent":101}]}"#;
        let expected =
            ["/progress/0/id", "/progress/0/token", "/progress/1/token", "/progress/1/percent"];
        assert_eq!(pointers(read_heartbeat(wrong)), expected);
        assert_eq!(pointers(read_checkpoint(b"{}")), ["/token", "/data"]);
        assert_eq!(pointers(read_log(br#"{"token":"t","data":[1,{"level":"x"}]}"#)).len(), 4);
        assert_eq!(pointers(read_extend(br#"{"lease":-1}"#)), ["/token", "/lease"]);
    }

    #[test]
    fn checkpoints_and_lines_are_taken_as_they_are() {
        let token = a_token();
        let body = format!(r#"{{"token":"{token}","data":{{"n": 9007199254740993}}}}"#);
        let read = read_checkpoint(body.as_bytes()).unwrap();
        assert_eq!((read.token, read.data), (token, br#"{"n": 9007199254740993}"#.to_vec()));

        let body = format!(r#"{{"token":"{token}","data":["a",{{"text":"b","level":"warn"}}]}}"#);
        let lines = read_log(body.as_bytes()).unwrap().lines;
        assert_eq!(lines[0], (None, LogLevel::Info, "a".to_owned()));
        assert_eq!(lines[1], (None, LogLevel::Warn, "b".to_owned()));
    }
}
