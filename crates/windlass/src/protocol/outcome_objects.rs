//! How a job ended, as the API shows it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::State;
use crate::job::{JobId, JobRecord, Timestamp};

/// The end of a job: `{job_id, success, output, error, error_category, duration, completed_at}`.
///
/// `output` is base64, `error_category` the reason of the end, `duration` the nanoseconds of the
/// last attempt.
#[derive(Debug, Serialize)]
pub struct ResultObject<'a> {
    job_id: JobId,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_category: Option<&'static str>,
    duration: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Timestamp>,
}

impl<'a> ResultObject<'a> {
    /// The end of `job`, or nothing while it has not ended.
    pub fn of(job: &'a JobRecord) -> Option<Self> {
        if !job.state.is_terminal() {
            return None;
        }
        let success = job.state == State::Completed;
        let ran = match (job.started_at, job.completed_at) {
            (Some(start), Some(end)) => end.since(start),
            _ => Duration::ZERO,
        };
        Some(Self {
            job_id: job.id,
            success,
            output: job.result.as_ref().map(|bytes| STANDARD.encode(bytes)),
            error: job.last_error.as_deref().filter(|_| !success),
            error_category: job.reason.filter(|_| !success).map(crate::Reason::as_str),
            duration: u64::try_from(ran.as_nanos()).unwrap_or(u64::MAX),
            completed_at: job.completed_at,
        })
    }
}

/// The answer to a wait: `{id, state, completed, success, result, timed_out}`.
#[derive(Debug, Serialize)]
pub struct WaitObject<'a> {
    id: JobId,
    state: &'static str,
    completed: bool,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultObject<'a>>,
    timed_out: bool,
}

impl<'a> From<&'a JobRecord> for WaitObject<'a> {
    fn from(job: &'a JobRecord) -> Self {
        let result = ResultObject::of(job);
        Self {
            id: job.id,
            state: job.state.as_str(),
            completed: result.is_some(),
            success: job.state == State::Completed,
            timed_out: result.is_none(),
            result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::job_object::tests::record;
    use super::*;
    use crate::Reason;

    fn json(job: &JobRecord) -> String {
        serde_json::to_string(&WaitObject::from(job)).unwrap()
    }

    #[test]
    fn a_completed_job_gives_its_output() {
        let mut job = record(b"1");
        job.state = State::Completed;
        job.reason = None;
        job.result = Some(b"true".to_vec());
        job.last_error = Some("first attempt failed".to_owned());
        job.started_at = Some(job.created_at);
        job.completed_at = Some(job.created_at + Duration::from_micros(5));

        assert_eq!(
            json(&job),
            r#"{"id":"812","state":"completed","completed":true,"success":true,"#.to_owned()
                + r#""result":{"job_id":"812","success":true,"output":"dHJ1ZQ==","#
                + r#""duration":5000,"completed_at":"2026-01-01T00:00:00.000005Z"},"#
                + r#""timed_out":false}"#
        );
    }

    #[test]
    fn a_failed_job_says_why_and_a_living_one_that_the_wait_is_over() {
        let mut job = record(b"1");
        assert!(json(&job).ends_with(r#""completed":false,"success":false,"timed_out":true}"#));

        job.state = State::DeadLetter;
        job.reason = Some(Reason::Exhausted);
        job.last_error = Some("boom".to_owned());
        assert!(json(&job).contains(r#""error":"boom","error_category":"exhausted","duration":0"#));
    }
}
