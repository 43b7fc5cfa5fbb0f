//! Jobs of the API as a client reads them. Members that this release does not know are left alone.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Refusal;
use super::members::Object;
use super::unique_request::read_unique;
use super::values::{
    Read, base64, batch_id, count, duration, instant, job_id, number, priority, text, workflow_id,
};
use crate::job::{
    AttemptRecord, Backoff, Dependency, Held, JobId, JobRecord, Keys, Priority, TickOf,
};
use crate::store::Origin;

/// Reads the members of an object, as far as they are wanted.
pub(super) fn reading<T>(
    json: &RawValue,
    read: impl FnOnce(&mut Object<'_>) -> Option<T>,
) -> Result<T, String> {
    let mut object = Object::read(json).map_err(|refusal: Refusal| refusal.message())?;
    read(&mut object).ok_or_else(|| "an object lacks what every one has".to_owned())
}

pub(super) fn known<T: for<'a> Deserialize<'a>>(json: &RawValue) -> Read<T> {
    serde_json::from_str(json.get()).map_err(|error| error.to_string())
}

fn word<T: std::str::FromStr<Err = String>>(json: &RawValue) -> Read<T> {
    text(json)?.parse()
}

pub(super) fn number_up(json: &RawValue) -> Read<u32> {
    count(json, 0..=u32::MAX)
}

/// Bytes as they were: JSON as it stands, or what is in base64 beside it.
pub(super) fn bytes(object: &mut Object<'_>, name: &str) -> Option<Vec<u8>> {
    let json = object.raw(name).map(|json| json.get().as_bytes().to_vec());
    object.get(&format!("{name}_base64"), base64).or(json)
}

pub(super) fn millis(object: &mut Object<'_>, name: &str) -> Option<Duration> {
    object.get(name, duration)
}

pub(super) fn origin(object: &mut Object<'_>) -> Origin {
    let schedule = object.object("schedule", |inner| {
        Some(TickOf { schedule: inner.get("name", text)?, tick: inner.get("tick", instant)? })
    });
    Origin {
        schedule: schedule.flatten(),
        workflow: object.get("workflow_id", workflow_id),
        node: object.get("node", text),
        batch: object.get("batch_id", batch_id),
        callback_of: object.get("callback_of", batch_id),
    }
}

/// Reads a job. What an older server does not show is not set.
pub(crate) fn read_job_object(json: &RawValue) -> Result<JobRecord, String> {
    reading(json, job)
}

fn job(object: &mut Object<'_>) -> Option<JobRecord> {
    let Origin { schedule, workflow, node, batch, callback_of } = origin(object);
    let unique = object.object("unique", read_unique).flatten();
    let keys = Keys {
        concurrency: object.get("concurrency_key", text),
        rate: object.get("rate_key", text),
        fairness: object.get("fairness_key", text),
    };
    let created_at = object.get("created_at", instant)?;
    Some(JobRecord {
        id: object.get("id", job_id)?,
        kind: object.get("type", text)?,
        state: object.get("state", word)?,
        reason: object.get("reason", word),
        namespace: object.get("namespace", text)?,
        queue: object.get("queue", text)?,
        priority: object.get("priority", priority).unwrap_or(Priority::NORMAL),
        payload: bytes(object, "payload").unwrap_or_default(),
        attempt: object.get("attempt", number_up)?,
        max_attempts: object.get("max_attempts", number_up)?,
        crashes: object.get("crashes", number_up).unwrap_or(0),
        max_crashes: object.get("max_crashes", number_up).unwrap_or(0),
        snoozes: object.get("snoozes", number_up).unwrap_or(0),
        progress: object.get("progress", number).unwrap_or(0.0),
        progress_message: object.get("progress_message", text),
        tags: object.strings("tags").unwrap_or_default(),
        metadata: object.strings("metadata").unwrap_or_default(),
        correlation_id: object.get("correlation_id", text),
        idempotency_key: object.get("idempotency_key", text),
        depends_on: object.get("depends_on", known::<Vec<Dependency>>).unwrap_or_default(),
        blocked_by: object.get("blocked_by", known::<Vec<JobId>>).unwrap_or_default(),
        keys,
        uniqueness: unique.map(|unique| Held { digest: String::new(), unique }),
        timeout: millis(object, "timeout_ms").unwrap_or_default(),
        start_by: object.get("start_by", instant),
        deadline: object.get("deadline", instant),
        backoff: object.get("backoff", known::<Backoff>).unwrap_or_default(),
        schedule,
        workflow_id: workflow,
        node,
        batch_id: batch,
        callback_of,
        worker: object.get("worker", text),
        lease_expires_at: object.get("lease_expires_at", instant),
        created_at,
        updated_at: object.get("updated_at", instant).unwrap_or(created_at),
        scheduled_at: object.get("scheduled_at", instant),
        started_at: object.get("started_at", instant),
        completed_at: object.get("completed_at", instant),
        last_error: object.get("last_error", text),
        error_class: object.get("error_class", text),
        result: bytes(object, "result"),
    })
}

/// Reads an attempt of a job.
pub(crate) fn read_attempt(json: &RawValue) -> Result<AttemptRecord, String> {
    reading(json, |object| {
        Some(AttemptRecord {
            attempt: object.get("attempt", number_up)?,
            epoch: object.get("epoch", known::<i64>)?,
            worker: object.get("worker", text),
            started_at: object.get("started_at", instant),
            finished_at: object.get("finished_at", instant),
            class: object.get("class", text)?,
            message: object.get("message", text),
            backtrace: object.get("backtrace", text),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::JobObject;
    use super::super::job_object::tests::record;
    use super::*;
    use crate::{BatchId, Reason, State, Unique, WorkflowId};

    #[test]
    fn what_the_api_shows_is_read_again() {
        let mut whole = record(b"\xff");
        let at = whole.created_at;
        whole.state = State::DeadLetter;
        whole.reason = Some(Reason::Exhausted);
        whole.keys.rate = Some("r".to_owned());
        whole.uniqueness = Some(Held {
            digest: String::new(),
            unique: Unique::fields(["a"]).for_period(Duration::from_secs(3)),
        });
        whole.depends_on = vec![Dependency::on(JobId::from_i64(3)).any_end()];
        whole.blocked_by = vec![JobId::from_i64(3)];
        whole.schedule = Some(TickOf { schedule: "s".to_owned(), tick: at });
        whole.workflow_id = Some(WorkflowId::from_i64(4));
        whole.node = Some("n".to_owned());
        whole.batch_id = Some(BatchId::from_i64(5));
        whole.completed_at = Some(at);
        whole.last_error = Some("boom".to_owned());
        whole.result = Some(b"{\"b\": 9007199254740993}".to_vec());
        whole.snoozes = 2;
        whole.error_class = Some("timeout".to_owned());

        for job in [whole, record(b"{}")] {
            let json = serde_json::value::to_raw_value(&JobObject(&job)).unwrap();
            assert_eq!(read_job_object(&json).unwrap(), job, "{json}");
        }
    }

    #[test]
    fn what_is_no_job_is_refused() {
        for json in ["[]", "{}", r#"{"id":"1","type":"t","state":"odd"}"#] {
            assert!(read_job_object(serde_json::from_str(json).unwrap()).is_err(), "{json}");
        }
    }
}
