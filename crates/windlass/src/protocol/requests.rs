//! Bodies of the smaller requests. An empty body is an empty object.

use std::time::Duration;

use serde_json::value::RawValue;

use super::members::Object;
use super::values::{duration, flag, priority, text};
use super::{Refusal, document};
use crate::RetryOptions;
use crate::job::DELAY_MAX;

/// Length of a wait unless the request names one, and at most.
const WAIT_DEFAULT: Duration = Duration::from_secs(30);
const WAIT_MAX: Duration = Duration::from_secs(600);

/// What a cancel request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CancelRequest {
    /// Kept as the job's last error.
    pub reason: Option<String>,
    /// Cut a running job off instead of asking it to stop.
    pub force: bool,
}

/// Reads `{"reason": "...", "force": false}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_cancel(body: &[u8]) -> Result<CancelRequest, Refusal> {
    read(body, |object| CancelRequest {
        reason: object.get("reason", text),
        force: object.get("force", flag).unwrap_or(false),
    })
}

/// Reads `{"reset_attempts": false, "delay": "5s", "priority": 1}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_retry(body: &[u8]) -> Result<RetryOptions, Refusal> {
    read(body, |object| RetryOptions {
        reset_attempts: object.get("reset_attempts", flag).unwrap_or(false),
        delay: object.get("delay", delay).unwrap_or_default(),
        priority: object.get("priority", priority),
    })
}

/// A signal for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalRequest {
    /// What the handler waits for.
    pub name: String,
    /// Handed to the handler, byte for byte; `null` unless given.
    pub payload: Vec<u8>,
}

/// Reads `{"name": "approved", "payload": {"by": "Ada"}}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_signal(body: &[u8]) -> Result<SignalRequest, Refusal> {
    read(body, |object| {
        let name = object.get("name", text);
        if name.is_none() && !object.is_broken("/name") {
            object.refuse("/name", "is missing");
        }
        let payload = object.raw("payload").map_or("null", RawValue::get);
        SignalRequest { name: name.unwrap_or_default(), payload: payload.into() }
    })
}

/// Reads how long to wait: from the query (text or milliseconds) or `{"timeout": "30s"}`.
///
/// # Errors
/// [`Refusal::Unreadable`] for a query value that is no duration, [`Refusal::Invalid`] for a body
/// that breaks a rule.
pub fn read_wait(query: Option<&str>, body: &[u8]) -> Result<Duration, Refusal> {
    let asked = match query {
        None => read(body, |object| object.get("timeout", duration))?,
        Some(text) => {
            let millis = text.parse().map(Duration::from_millis);
            let span = millis.or_else(|_| crate::parse_duration(text));
            Some(span.map_err(|detail| Refusal::Unreadable(format!("timeout: {detail}")))?)
        }
    };
    Ok(asked.unwrap_or(WAIT_DEFAULT).min(WAIT_MAX))
}

/// Reads an object; an empty body is an empty one.
pub(super) fn read<T>(body: &[u8], fill: impl FnOnce(&mut Object<'_>) -> T) -> Result<T, Refusal> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let mut object = Object::read(document(body)?)?;
    let request = fill(&mut object);
    Refusal::unless_empty(object.finish())?;
    Ok(request)
}

pub(super) fn delay(json: &RawValue) -> Result<Duration, String> {
    match duration(json)? {
        span if span > DELAY_MAX => Err("is longer than 366 days".to_owned()),
        span => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asked_means_the_defaults() {
        assert_eq!(read_cancel(b"").unwrap(), CancelRequest::default());
        assert_eq!(read_wait(None, b" ").unwrap(), WAIT_DEFAULT);
        let retry = read_retry(b"{}").unwrap();
        assert!(!retry.reset_attempts && retry.delay.is_zero() && retry.priority.is_none());
    }

    #[test]
    fn waits_come_from_query_or_body_and_are_capped() {
        assert_eq!(read_wait(Some("5s"), b"").unwrap(), Duration::from_secs(5));
        assert_eq!(read_wait(Some("250"), b"").unwrap(), Duration::from_millis(250));
        assert_eq!(read_wait(None, br#"{"timeout":"2h"}"#).unwrap(), WAIT_MAX);
        assert!(matches!(read_wait(Some("-1"), b""), Err(Refusal::Unreadable(_))));
        assert!(matches!(read_wait(None, br#"{"timeout":-1}"#), Err(Refusal::Invalid(_))));
    }
}
