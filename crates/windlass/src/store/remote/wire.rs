//! Requests to a server, and its refusals as errors.

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::{ServerAccess, http_client};
use crate::{Error, FieldError};

/// The server at the other end.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    client: Client,
    base: Url,
}

/// Why a server did not do what it was asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    code: String,
    detail: String,
    errors: Vec<Broken>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Broken {
    pointer: String,
    detail: String,
}

/// No answer, or a refusal.
#[derive(Debug)]
pub(super) enum CallError {
    Away(Error),
    Refused(Problem),
}

impl Wire {
    pub(super) fn open(url: &str, access: &ServerAccess) -> Result<Self, Error> {
        let (client, base) = http_client(url, access)?;
        Ok(Self { client, base })
    }

    pub(super) fn request(&self, method: Method, namespace: &str, path: &str) -> RequestBuilder {
        let base = self.base.as_str().trim_end_matches('/');
        self.client
            .request(method, format!("{base}/api/v1/{path}"))
            .header("Windlass-Namespace", namespace)
    }

    pub(super) fn get(&self, namespace: &str, path: &str) -> RequestBuilder {
        self.request(Method::GET, namespace, path)
    }

    pub(super) fn post(
        &self,
        namespace: &str,
        path: &str,
        body: &(impl serde::Serialize + ?Sized),
    ) -> RequestBuilder {
        self.request(Method::POST, namespace, path).json(body)
    }

    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let response = request.send().await.map_err(|error| self.away(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        Err(CallError::Refused(Problem { status, ..problem }))
    }

    /// As `json`, where every refusal is an error.
    pub(super) async fn answer(&self, request: RequestBuilder) -> Result<Box<RawValue>, Error> {
        self.json(request).await.map_err(CallError::error)
    }

    /// The answer, which is JSON.
    pub(super) async fn json(&self, request: RequestBuilder) -> Result<Box<RawValue>, CallError> {
        let response = self.send(request).await?;
        let body = response.bytes().await.map_err(|error| self.away(error))?;
        let read = serde_json::from_slice(&body);
        read.map_err(|error| CallError::Away(unreadable(&error.to_string())))
    }

    fn away(&self, error: reqwest::Error) -> CallError {
        let server = self.base.as_str().trim_end_matches('/');
        let message = if error.is_timeout() {
            format!("{server} did not answer in time")
        } else {
            format!("cannot reach {server}: {}", first_cause(&error))
        };
        CallError::Away(Error::Unavailable { message, source: Some(Box::new(error)) })
    }
}

impl CallError {
    /// Whether the server does not know the worker, or not any more.
    pub(super) fn is_worker_gone(&self) -> bool {
        matches!(self, Self::Refused(problem)
            if problem.status == StatusCode::NOT_FOUND || problem.code == "lease_lost")
    }

    pub(super) fn is_lease_lost(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.code == "lease_lost")
    }

    pub(super) fn error(self) -> Error {
        match self {
            Self::Away(error) => error,
            Self::Refused(problem) => problem.error(),
        }
    }
}

impl Problem {
    fn error(self) -> Error {
        let Self { status, code, detail, errors } = self;
        let message =
            if detail.is_empty() { format!("the server answered {status}") } else { detail };
        refusal(status, &code, message, errors)
    }
}

fn refusal(status: StatusCode, code: &str, message: String, errors: Vec<Broken>) -> Error {
    match (code, status.as_u16()) {
        ("not_found", _) => {
            Error::not_found(message.strip_suffix(" not found").unwrap_or(&message))
        }
        ("idempotency_mismatch", _) => Error::Conflict { code: "idempotency_mismatch", message },
        ("precondition_failed", _) => Error::Conflict { code: "precondition_failed", message },
        (_, 409 | 412) => Error::conflict(message),
        ("queue_full" | "rate_limited", _) | (_, 429) => Error::Full { message },
        (_, 400 | 413 | 415 | 422) => {
            let rules = errors.into_iter().map(|it| FieldError::new(it.pointer, it.detail));
            let rules: Vec<FieldError> = rules.collect();
            let whole = || vec![FieldError::new("", message)];
            Error::Invalid(if rules.is_empty() { whole() } else { rules })
        }
        (_, 408 | 500..=599) => Error::unavailable(message),
        (_, 401 | 403) => Error::Denied { message },
        _ => Error::incompatible(format!("the server refuses: {message}")),
    }
}

/// The error of an answer inside an answer: `{code, message}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    code: String,
    message: String,
}

impl Refusal {
    pub(super) fn error(self) -> Error {
        refusal(StatusCode::UNPROCESSABLE_ENTITY, &self.code, self.message, Vec::new())
    }
}

pub(super) fn unreadable(why: &str) -> Error {
    Error::unavailable(format!("the answer of the server is not what was expected: {why}"))
}

/// What it all comes from, such as "connection refused".
fn first_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> Error {
        let problem: Problem = serde_json::from_str(body).unwrap_or_default();
        let status = StatusCode::from_u16(status).unwrap();
        CallError::Refused(Problem { status, ..problem }).error()
    }

    #[test]
    fn a_refusal_is_the_error_that_the_database_would_have_given() {
        let invalid = r#"{"code":"validation_error","detail":"d","errors":[{"pointer":"/queue","code":"x","detail":"is empty"}]}"#;

        let missing = error(404, r#"{"code":"not_found","detail":"job 7 not found"}"#);
        assert_eq!(missing.to_string(), "job 7 not found");
        assert!(
            matches!(error(422, invalid), Error::Invalid(rules) if rules[0].pointer == "/queue")
        );
        let mismatch = r#"{"code":"idempotency_mismatch"}"#;
        assert!(matches!(
            error(409, mismatch),
            Error::Conflict { code: "idempotency_mismatch", .. }
        ));
        assert!(matches!(error(429, r#"{"code":"queue_full"}"#), Error::Full { .. }));
        assert!(matches!(error(503, "{}"), Error::Unavailable { .. }));
        assert!(matches!(error(502, "<html>"), Error::Unavailable { .. }));
        assert!(matches!(error(403, r#"{"code":"forbidden"}"#), Error::Denied { .. }));
    }
}
