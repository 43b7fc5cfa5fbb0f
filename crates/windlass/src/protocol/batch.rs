//! Many jobs in one request, and what became of each.

use serde::Serialize;
use serde_json::value::RawValue;

use super::members::Object;
use super::refusal::RefusedObject;
use super::values::flag;
use super::{Refusal, StoredJob, read_job};
use crate::job::{BATCH_JOBS_MAX, NewJob, TraceContext};
use crate::{Existing, FieldError};

/// A batch as it was sent: each job for itself, readable or not.
#[derive(Debug)]
pub struct BatchRequest {
    /// The jobs in their order.
    pub jobs: Vec<Result<NewJob, Refusal>>,
    /// Whether one refused job refuses all.
    pub atomic: bool,
}

impl BatchRequest {
    /// The jobs as part of this trace, unless they are of one.
    #[must_use]
    pub fn traced(mut self, trace: &TraceContext) -> Self {
        let one = |job: Result<NewJob, Refusal>| job.map(|job| job.trace_unless_set(Some(trace)));
        self.jobs = self.jobs.into_iter().map(one).collect();
        self
    }

    /// The jobs, when all of them may be stored.
    ///
    /// # Errors
    /// The broken rules of all jobs, each with its code and seen from the whole request.
    pub fn all(self) -> Result<Vec<NewJob>, Vec<(&'static str, FieldError)>> {
        let mut jobs = Vec::with_capacity(self.jobs.len());
        let mut broken = Vec::new();
        for (index, job) in self.jobs.into_iter().enumerate() {
            match job {
                Ok(job) => jobs.push(job),
                Err(refusal) => {
                    let code = refusal.code();
                    let prefix = format!("/jobs/{index}");
                    let errors = match refusal {
                        Refusal::Unreadable(message) => vec![FieldError::new("", message)],
                        Refusal::Incomplete(errors)
                        | Refusal::TooLarge(errors)
                        | Refusal::Invalid(errors) => errors,
                    };
                    broken.extend(errors.into_iter().map(|error| (code, error.under(&prefix))));
                }
            }
        }
        if broken.is_empty() { Ok(jobs) } else { Err(broken) }
    }
}

/// Reads `{"jobs": [...], "atomic": false}`.
///
/// # Errors
/// [`Refusal::Incomplete`] when there are no jobs, [`Refusal::Invalid`] when there are too many or
/// the object around them breaks a rule. A job that breaks one is refused in its place.
pub fn read_batch(body: &RawValue) -> Result<BatchRequest, Refusal> {
    let mut object = Object::read(body)?;
    let list: Option<Vec<&RawValue>> = object.get("jobs", |json| {
        serde_json::from_str(json.get()).map_err(|_| "must be a list of jobs".to_owned())
    });
    let atomic = object.get("atomic", flag).unwrap_or(false);
    Refusal::unless_empty(object.finish())?;
    let list = list.unwrap_or_default();
    check_count(list.len())?;
    Ok(BatchRequest { jobs: list.into_iter().map(|job| read_job(job, None)).collect(), atomic })
}

/// Reads one job a line (NDJSON); empty lines are skipped and not counted.
///
/// # Errors
/// As [`read_batch`]. A line that is not JSON is refused in its place.
pub fn read_lines(body: &[u8], atomic: bool) -> Result<BatchRequest, Refusal> {
    let lines = || body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let jobs = || (1_usize..).zip(lines()).filter(|(_, line)| !line.is_empty());
    check_count(jobs().count())?;
    let read = |(number, line)| {
        let json = serde_json::from_slice(line).map_err(|error| unreadable(number, &error))?;
        read_job(json, None)
    };
    Ok(BatchRequest { jobs: jobs().map(read).collect(), atomic })
}

/// A line that is not JSON; to the parser it was the first.
fn unreadable(number: usize, error: &serde_json::Error) -> Refusal {
    let detail = error.to_string().replace(" at line 1 column", " at column");
    Refusal::Unreadable(format!("line {number} is not JSON: {detail}"))
}

fn check_count(count: usize) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::Incomplete(vec![FieldError::new("/jobs", "is empty or missing")])),
        count if count > BATCH_JOBS_MAX => {
            let detail = format!("has {count} jobs (at most {BATCH_JOBS_MAX})");
            Err(Refusal::invalid("/jobs", detail))
        }
        _ => Ok(()),
    }
}

/// What became of a batch.
#[derive(Debug, Serialize)]
pub struct BatchReply<'a> {
    /// Jobs sent.
    pub total: usize,
    /// Jobs stored, or known already by their idempotency key.
    pub accepted: usize,
    /// Jobs refused.
    pub rejected: usize,
    /// How full the fullest of their queues is, where any has a limit: 1 means that it refuses more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pressure: Option<f64>,
    /// One entry per job, in the order sent.
    pub results: Vec<BatchResult<'a>>,
}

/// A job of a batch: stored, or there before for this reason; or refused.
pub type Placed = Result<(StoredJob, Option<Existing>), RefusedObject>;

/// What became of one job of a batch.
#[derive(Debug, Serialize)]
pub struct BatchResult<'a> {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Whether it is stored.
    pub success: bool,
    /// The job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<&'a StoredJob>,
    /// Why it is an earlier job: `idempotency` or `unique`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existing: Option<&'static str>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RefusedObject>,
}

impl<'a> BatchReply<'a> {
    /// The answer for these jobs and refusals, in the order sent.
    pub fn new(jobs: &'a [Placed], pressure: Option<f64>) -> Self {
        let accepted = jobs.iter().filter(|job| job.is_ok()).count();
        let results = jobs.iter().enumerate().map(|(index, job)| BatchResult {
            index,
            success: job.is_ok(),
            job: job.as_ref().ok().map(|(job, _)| job),
            existing: job.as_ref().ok().and_then(|(_, existing)| existing.map(Existing::as_str)),
            error: job.as_ref().err().cloned(),
        });
        let results = results.collect();
        Self { total: jobs.len(), accepted, rejected: jobs.len() - accepted, pressure, results }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document;
    use super::*;

    #[test]
    fn each_job_is_refused_in_its_place() {
        let body = br#"{"jobs":[{"type":"a"},{"payload":1},{"type":"c","queue":""}]}"#;

        let batch = read_batch(document(body).unwrap()).unwrap();

        assert!(!batch.atomic);
        let accepted: Vec<bool> = batch.jobs.iter().map(Result::is_ok).collect();
        assert_eq!(accepted, [true, false, false]);
        let broken = batch.all().unwrap_err();
        let pointers: Vec<_> = broken.iter().map(|(_, error)| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/jobs/1/type", "/jobs/2/queue"]);
    }

    #[test]
    fn lines_are_jobs_and_may_be_unreadable() {
        let batch = read_lines(b"{\"type\":\"a\"}\r\n\n{oops\n", true).unwrap();

        assert!(batch.atomic && batch.jobs[0].is_ok());
        let Err(refusal) = &batch.jobs[1] else { panic!("line 3 was read") };
        let told = refusal.message();
        assert!(
            told.starts_with("line 3 is not JSON: ") && told.ends_with("at column 2"),
            "{told}"
        );
    }

    #[test]
    fn the_number_of_jobs_is_bounded() {
        let lines = "{}\n".repeat(BATCH_JOBS_MAX + 1);

        assert!(matches!(read_lines(b"\n", false), Err(Refusal::Incomplete(_))));
        assert!(matches!(read_lines(lines.as_bytes(), false), Err(Refusal::Invalid(_))));
    }
}
