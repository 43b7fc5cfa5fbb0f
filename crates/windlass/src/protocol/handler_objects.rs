//! What handlers leave with their jobs, as the API shows it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::job_object::json_or_base64;
use crate::job::{JobId, LogLine, Timestamp};

/// The checkpoint of a job: `{job_id, checkpoint}`, null when there is none; `checkpoint_base64` stands
/// instead when the bytes are not JSON.
#[derive(Debug, Serialize)]
pub struct CheckpointObject<'a> {
    job_id: JobId,
    checkpoint: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_base64: Option<String>,
}

impl<'a> CheckpointObject<'a> {
    /// The checkpoint of `job`.
    pub fn of(job_id: JobId, bytes: Option<&'a [u8]>) -> Self {
        let (checkpoint, checkpoint_base64) = json_or_base64(bytes);
        Self { job_id, checkpoint, checkpoint_base64 }
    }
}

/// The log of a job: `{lines: [{at, attempt, level, text}]}`.
#[derive(Debug, Serialize)]
pub struct LogObject<'a> {
    lines: Vec<Line<'a>>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    at: Timestamp,
    attempt: u32,
    level: &'static str,
    text: &'a str,
}

impl<'a> From<&'a [LogLine]> for LogObject<'a> {
    fn from(lines: &'a [LogLine]) -> Self {
        let shown = |line: &'a LogLine| {
            let (at, attempt, level) = (line.at, line.attempt, line.level.as_str());
            Line { at, attempt, level, text: &line.text }
        };
        Self { lines: lines.iter().map(shown).collect() }
    }
}

/// The answer to a signal: `{job_id, name, new}`; not new when the job had one of that name, which
/// stands.
#[derive(Debug, Serialize)]
pub struct SignalObject<'a> {
    /// The job.
    pub job_id: JobId,
    /// The signal.
    pub name: &'a str,
    /// Whether this is the first of that name.
    pub new: bool,
}
