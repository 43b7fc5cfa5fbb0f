//! The ends of attempts as remote workers report them.

use serde_json::value::RawValue;

use super::members::Object;
use super::requests::delay;
use super::values::{flag, job_id, text, word};
use super::worker_request::{bytes, clean, finish_sized, list, needed, read_object, token};
use super::{Refusal, read_job};
use crate::job::{Ending, FOLLOW_UPS_MAX, Failure, FailureClass, JobId, NewJob, REPORTS_MAX};
use crate::remote::ReportedJob;

/// How an attempt ended, in the word of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeWord {
    /// The work is done.
    Complete,
    /// It failed.
    Fail,
    /// Not now.
    Snooze,
    /// The worker does not do it, for a reason of its own.
    Release,
    /// Never.
    Cancel,
}

const WORDS: [(&str, OutcomeWord); 5] = [
    ("complete", OutcomeWord::Complete),
    ("fail", OutcomeWord::Fail),
    ("snooze", OutcomeWord::Snooze),
    ("release", OutcomeWord::Release),
    ("cancel", OutcomeWord::Cancel),
];

/// Classes of failures that mean something to the engine; any other is part of the message.
const CLASSES: [(&str, FailureClass); 5] = [
    ("retryable", FailureClass::Retryable),
    ("permanent", FailureClass::Permanent),
    ("timeout", FailureClass::Timeout),
    ("panic", FailureClass::Panic),
    ("undecodable", FailureClass::Undecodable),
];

/// One item of a report: which job it speaks of, as far as that can be read, and what it says.
pub type SettleItem = (Option<JobId>, Result<ReportedJob, Refusal>);

/// Reads `{"items": [{"id", "token", "outcome", ..}]}`.
///
/// # Errors
/// [`Refusal::Invalid`] when the object around the items breaks a rule; an item that breaks one is refused in
/// its place.
pub fn read_settle(body: &[u8]) -> Result<Vec<SettleItem>, Refusal> {
    let mut object = read_object(body)?;
    let items = list(&mut object, "items", REPORTS_MAX);
    if items.is_none() && !object.is_broken("/items") {
        object.refuse("/items", "is missing");
    }
    Refusal::unless_empty(object.finish())?;
    Ok(items.into_iter().flatten().map(read_item).collect())
}

fn read_item(json: &RawValue) -> SettleItem {
    let mut object = match Object::read(json) {
        Ok(object) => object,
        Err(refusal) => return (None, Err(refusal)),
    };
    let id = needed(&mut object, "id", job_id);
    let outcome = needed(&mut object, "outcome", |json| word(json, &WORDS));
    (id, read_end(object, id, outcome))
}

/// Reads the body of `POST /jobs/{id}/complete` and its siblings: as an item of [`read_settle`] without `id` and
/// `outcome`, which the path says.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule, [`Refusal::TooLarge`] for a result of more than 1 MiB.
pub fn read_outcome(body: &[u8], job: JobId, outcome: OutcomeWord) -> Result<ReportedJob, Refusal> {
    read_end(read_object(body)?, Some(job), Some(outcome))
}

fn read_end(
    mut object: Object<'_>,
    job: Option<JobId>,
    outcome: Option<OutcomeWord>,
) -> Result<ReportedJob, Refusal> {
    let token = needed(&mut object, "token", token);
    let mut follow_ups = Vec::new();
    let ending = outcome.map(|outcome| match outcome {
        OutcomeWord::Complete => {
            follow_ups = read_follow_ups(&mut object);
            let result = bytes(&mut object, "result").filter(|bytes| bytes != b"null");
            Ending::Complete { result }
        }
        OutcomeWord::Fail => Ending::Fail(read_failure(&mut object)),
        OutcomeWord::Snooze => {
            let delay = needed(&mut object, "delay", delay).unwrap_or_default();
            Ending::Snooze { delay, rate_limited: false }
        }
        OutcomeWord::Release => Ending::Release,
        OutcomeWord::Cancel => {
            let (_, reason, _) = read_error(&mut object);
            Ending::Cancel { reason: reason.unwrap_or_default() }
        }
    });
    let result = match &ending {
        Some(Ending::Complete { result }) => result.as_deref(),
        _ => None,
    };
    finish_sized(object, result)?;
    match (job, token, ending) {
        (Some(job), Some(token), Some(ending)) => {
            Ok(ReportedJob { job, token, ending, follow_ups })
        }
        _ => Err(Refusal::invalid("", "is incomplete")),
    }
}

/// Class, message and backtrace.
type ErrorText = (Option<String>, Option<String>, Option<String>);

fn read_error(object: &mut Object<'_>) -> ErrorText {
    let error = object.object("error", |error| {
        (error.get("class", text), error.get("message", text), error.get("backtrace", text))
    });
    let (class, message, backtrace) = error.unwrap_or_default();
    (class.map(clean), message.map(clean), backtrace.map(clean))
}

fn read_failure(object: &mut Object<'_>) -> Failure {
    let is_permanent = object.get("permanent", flag).unwrap_or(false);
    let retry_after = object.get("retry_after", delay);
    let (class, message, backtrace) = read_error(object);
    let message = message.unwrap_or_else(|| "failed".to_owned());
    let known = class
        .as_deref()
        .and_then(|name| CLASSES.iter().find(|(word, _)| *word == name).map(|(_, class)| *class));
    let message = match (&class, known) {
        (Some(name), None) => format!("{name}: {message}"),
        _ => message,
    };
    let class = match known {
        Some(FailureClass::Undecodable) => FailureClass::Undecodable,
        _ if is_permanent => FailureClass::Permanent,
        known => known.unwrap_or(FailureClass::Retryable),
    };
    Failure { backtrace, retry_after, ..Failure::new(class, message) }
}

fn read_follow_ups(object: &mut Object<'_>) -> Vec<NewJob> {
    let list = list(object, "enqueue", FOLLOW_UPS_MAX).unwrap_or_default();
    let mut jobs = Vec::with_capacity(list.len());
    for (place, json) in list.into_iter().enumerate() {
        match read_job(json, None) {
            Ok(job) => jobs.push(job),
            Err(Refusal::Unreadable(message)) => {
                object.refuse(&format!("/enqueue/{place}"), message);
            }
            Err(refusal) => refusal.errors().iter().for_each(|error| {
                object.refuse(&format!("/enqueue/{place}{}", error.pointer), error.detail.clone());
            }),
        }
    }
    if let Err(detail) = ReportedJob::check_follow_ups(&jobs) {
        object.refuse("/enqueue", detail);
    }
    jobs
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::{LeaseToken, WorkerId};

    fn a_token() -> LeaseToken {
        let (worker, job) = (WorkerId::from_i64(5), JobId::from_i64(812));
        LeaseToken { worker, epoch: 1, nonce: 7, job }
    }

    fn item(rest: &str) -> Result<ReportedJob, Refusal> {
        let body = format!(r#"{{"items":[{{"id":"812","token":"{}",{rest}}}]}}"#, a_token());
        read_settle(body.as_bytes()).unwrap().remove(0).1
    }

    fn pointers(rest: &str) -> Vec<String> {
        let refusal = item(rest).unwrap_err();
        refusal.errors().iter().map(|error| error.pointer.clone()).collect()
    }

    #[test]
    fn each_outcome_is_read() {
        let done = item(r#""outcome":"complete","result":{"n": 1.50},"enqueue":[{"type":"t"}]"#);
        let done = done.unwrap();
        assert_eq!(done.ending, Ending::Complete { result: Some(br#"{"n": 1.50}"#.to_vec()) });
        assert_eq!((done.job, done.follow_ups.len()), (JobId::from_i64(812), 1));
        let nothing = item(r#""outcome":"complete","result":null"#).unwrap();
        assert_eq!(nothing.ending, Ending::Complete { result: None });
        let delay = Duration::from_secs(5);
        let snoozed = item(r#""outcome":"snooze","delay":"5s""#).unwrap();
        assert_eq!(snoozed.ending, Ending::Snooze { delay, rate_limited: false });
        assert_eq!(item(r#""outcome":"release""#).unwrap().ending, Ending::Release);
        let cancelled = item(r#""outcome":"cancel","error":{"message":"never"}"#).unwrap();
        assert_eq!(cancelled.ending, Ending::Cancel { reason: "never".to_owned() });
    }

    #[test]
    fn failures_have_a_class_that_means_something_or_a_name() {
        let failure = |rest: &str| match item(&format!(r#""outcome":"fail"{rest}"#)).unwrap().ending
        {
            Ending::Fail(failure) => failure,
            other => unreachable!("{other:?}"),
        };

        let plain = failure("");
        assert_eq!((plain.class, &*plain.message), (FailureClass::Retryable, "failed"));
        let named = failure(r#","error":{"class":"KeyError","message":"x\u0000y"}"#);
        assert_eq!((named.class, &*named.message), (FailureClass::Retryable, "KeyError: x?y"));
        let last = failure(r#","permanent":true,"error":{"message":"no"},"retry_after":9"#);
        assert_eq!(last.class, FailureClass::Permanent);
        assert_eq!(last.retry_after, Some(Duration::from_millis(9)));
        let known = failure(r#","error":{"class":"timeout","message":"late"}"#);
        assert_eq!((known.class, &*known.message), (FailureClass::Timeout, "late"));
    }

    #[test]
    fn mistakes_stay_with_their_item() {
        assert_eq!(pointers(r#""outcome":"snooze""#), ["/delay"]);
        assert_eq!(pointers(r#""outcome":"fail","result":1"#), ["/result"]);
        assert_eq!(pointers(r#""outcome":"finish""#), ["/outcome"]);
        let wrong = r#""outcome":"complete","enqueue":[{"type":"a b"}],"tribe":1"#;
        assert_eq!(pointers(wrong), ["/enqueue/0/type", "/tribe"]);
        assert!(read_settle(b"{}").is_err() && read_settle(b"[]").is_err());
        let two = read_settle(br#"{"items":[1,{"id":"1","token":"x","outcome":"release"}]}"#);
        let two = two.unwrap();
        assert_eq!((two[0].0, two[1].0), (None, Some(JobId::from_i64(1))));
        assert!(two[0].1.is_err() && two[1].1.is_err());
    }
}
