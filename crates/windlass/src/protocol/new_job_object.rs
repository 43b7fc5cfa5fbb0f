//! A job as a client of the API sends it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::schedule_object::Template;
use crate::Error;
use crate::job::{BatchId, Dependency, NewJob, RunAt, Timestamp, Unique};

/// What [`read_job`](super::read_job) reads.
#[derive(Serialize)]
pub(super) struct NewJobObject<'a> {
    #[serde(flatten)]
    template: Template<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_by: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique: Option<&'a Unique>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    depends_on: &'a [Dependency],
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<BatchId>,
}

impl<'a> NewJobObject<'a> {
    /// Spans for which the API takes only instants are counted from `now`.
    pub(super) fn new(job: &'a NewJob, now: Timestamp) -> Self {
        let instant = |when: Option<RunAt>| when.map(|when| when.resolve(now));
        let scheduled_at = match job.run_at {
            Some(RunAt::At(at)) => Some(at),
            Some(RunAt::In(_)) | None => None,
        };
        Self {
            template: Template::from(job).without_spans(),
            scheduled_at,
            start_by: instant(job.start_by),
            deadline: instant(job.deadline),
            idempotency_key: job.idempotency_key.as_deref(),
            unique: job.unique.as_ref(),
            depends_on: &job.depends_on,
            batch_id: job.batch,
        }
    }
}

/// Writes a job as JSON.
pub(crate) fn new_job_json(job: &NewJob, now: Timestamp) -> Result<Box<RawValue>, Error> {
    serde_json::value::to_raw_value(&NewJobObject::new(job, now))
        .map_err(|error| Error::bug(format!("a job cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::read_job;
    use super::*;
    use crate::{Backoff, JobId, Priority};

    #[test]
    fn what_is_written_is_read_again() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let second = Duration::from_secs(1);
        let whole = NewJob::new("t", [0xff, 0])
            .queue("q")
            .priority(Priority::LOW)
            .timeout(second * 5)
            .max_attempts(7)
            .max_crashes(2)
            .at(at("2030-01-01T00:00:00Z"))
            .start_by(at("2031-01-01T00:00:00Z"))
            .deadline(at("2032-01-01T00:00:00Z"))
            .backoff(Backoff::list([second * 7200, second]))
            .idempotency_key("k")
            .correlation_id("c")
            .tag("a", "b")
            .metadata("m", "n")
            .unique(Unique::key("u").per_queue().for_period(second).debounce(second, second * 60))
            .depends_on(Dependency::on(JobId::from_i64(5)).any_end().ignore_failure())
            .concurrency_key("x")
            .rate_key("y")
            .fairness_key("z")
            .batch(BatchId::from_i64(9));
        let plain = NewJob::new("t", r#"{"n": 9007199254740993}"#).delay(second);

        for job in [whole, plain] {
            let json = new_job_json(&job, at("2029-01-01T00:00:00Z")).unwrap();
            assert_eq!(read_job(&json, None).unwrap(), job, "{json}");
        }
    }

    #[test]
    fn spans_become_instants_where_the_api_has_no_spans() {
        let now: Timestamp = "2029-01-01T00:00:00Z".parse().unwrap();
        let span = Duration::from_secs(60);
        let job = NewJob::new("t", "1").start_within(span).deadline_in(span);

        let json = new_job_json(&job, now).unwrap();

        let expected = NewJob::new("t", "1").start_by(now + span).deadline(now + span);
        assert_eq!(read_job(&json, None).unwrap(), expected);
    }
}
