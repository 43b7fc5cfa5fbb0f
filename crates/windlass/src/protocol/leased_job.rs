//! Jobs of the answer to a claim, and lines of logs, as a client reads them.

use serde_json::value::RawValue;

use super::job_reading::{bytes, known, millis, number_up, origin, reading};
use super::members::Object;
use super::values::{instant, job_id, priority, text};
use crate::core::{Counts, Run};
use crate::job::{Backoff, LogLine, Priority, Timestamp};
use crate::store::Claimed;

/// A claimed job, its token, and its checkpoint.
#[derive(Debug)]
pub(crate) struct LeasedJob {
    pub(crate) claimed: Claimed,
    pub(crate) token: String,
    pub(crate) checkpoint: Option<Vec<u8>>,
}

/// Reads a job of the answer to a claim that came at `now`.
pub(crate) fn read_leased_job(json: &RawValue, now: Timestamp) -> Result<LeasedJob, String> {
    reading(json, |object| leased(object, now))
}

fn leased(object: &mut Object<'_>, now: Timestamp) -> Option<LeasedJob> {
    let lease = object.object("lease", |lease| {
        Some((lease.get("token", text)?, lease.get("epoch", known::<i64>)?))
    });
    let (token, epoch) = lease.flatten()?;
    let counts = Counts {
        epoch,
        attempt: object.get("attempt", number_up)?,
        crashes: object.get("crashes", number_up).unwrap_or(0),
        snoozes: object.get("snoozes", number_up).unwrap_or(0),
    };
    let run = Run {
        job: object.get("id", job_id)?,
        counts,
        max_attempts: object.get("max_attempts", number_up)?,
        // What follows from an end is decided by the server.
        max_crashes: u32::MAX,
        backoff: Backoff::default(),
        start_by: None,
        deadline: object.get("deadline", instant),
        started_at: now,
        unique: None,
        has_keys: false,
    };
    let claimed = Claimed {
        run,
        kind: object.get("type", text)?.into(),
        queue: object.get("queue", text)?.into(),
        namespace: object.get("namespace", text)?.into(),
        priority: object.get("priority", priority).unwrap_or(Priority::NORMAL),
        timeout: millis(object, "timeout_ms")?,
        created_at: object.get("created_at", instant)?,
        correlation_id: object.get("correlation_id", text),
        tags: object.strings("tags").unwrap_or_default(),
        metadata: object.strings("metadata").unwrap_or_default(),
        origin: origin(object),
        payload: bytes(object, "payload").unwrap_or_else(|| b"null".to_vec()),
    };
    let checkpoint = bytes(object, "checkpoint").filter(|data| data != b"null");
    Some(LeasedJob { claimed, token, checkpoint })
}

/// Reads a line of a job's log.
pub(crate) fn read_log_line(json: &RawValue) -> Result<LogLine, String> {
    reading(json, |object| {
        let (at, attempt) = (object.get("at", instant)?, object.get("attempt", number_up)?);
        let level = object.get("level", text)?;
        let level = crate::job::LogLevel::ALL.into_iter().find(|it| it.as_str() == level)?;
        Some(LogLine::new(at, attempt, level, object.get("text", text)?))
    })
}
