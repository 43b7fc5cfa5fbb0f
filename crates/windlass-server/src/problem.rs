//! Errors as clients see them (RFC 9457). This file alone maps errors to status, code and text.
//!
//! Invariant: what only we should know goes to the log, once, and never into an answer.

use std::error::Error as _;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use windlass::protocol::{Refusal, RefusedObject};
use windlass::{Error, FieldError};

use crate::facade::indented;

/// Seconds after which a client may try again what was refused for now, where nobody knows better.
const RETRY_AFTER: u32 = 1;

/// An answer that says what went wrong. It becomes bytes once the request's id is known.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<BrokenRule>,
    /// The methods a path takes, for the header `Allow`.
    allowed: Option<String>,
    /// The thing that it is about, where the sentence does not name it.
    about: Option<String>,
    /// Seconds after which to try again, where it is for now.
    retry_after: u32,
}

/// One broken rule: `code` is what the member alone would have been refused with.
#[derive(Debug, Clone, Serialize)]
struct BrokenRule {
    pointer: String,
    code: &'static str,
    detail: String,
}

/// The body.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [BrokenRule],
    error: CodeAndMessage<'a>,
}

/// The shape `GopherQueue`'s clients read.
#[derive(Serialize)]
struct CodeAndMessage<'a> {
    code: &'static str,
    message: &'a str,
}

/// The shape pgqueue's clients read.
#[derive(Serialize)]
struct PlainBody {
    code: u16,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Value>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            allowed: None,
            about: None,
            retry_after: RETRY_AFTER,
        }
    }

    /// A part of the request cannot be read.
    pub(crate) fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(crate) fn is_forbidden(&self) -> bool {
        self.status == StatusCode::FORBIDDEN
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(crate) fn precondition_failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    pub(crate) fn method_not_allowed(detail: impl Into<String>, allowed: String) -> Self {
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
        Self { allowed: Some(allowed), ..problem }
    }

    /// No key, or one that does not count: which of these is nobody's business.
    pub(crate) fn unauthorized() -> Self {
        let detail = "this needs an API key that counts: send `Authorization: Bearer KEY`";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// Whether nobody is known to have sent the request.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The broken rules: where, and what is allowed.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&str, &str)> {
        self.errors.iter().map(|rule| (rule.pointer.as_str(), rule.detail.as_str()))
    }

    pub(crate) fn rate_limited(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
    }

    /// As [`Self::rate_limited`], for a time that is known.
    pub(crate) fn wait(left: Duration, detail: &str) -> Self {
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() != 0);
        let retry_after = u32::try_from(seconds).unwrap_or(u32::MAX).max(RETRY_AFTER);
        let detail = format!("{detail}; try again in {retry_after} s");
        Self { retry_after, ..Self::rate_limited(detail) }
    }

    /// The client sent too little for too long.
    pub(crate) fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_request", detail)
    }

    pub(crate) fn uri_too_long(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::URI_TOO_LONG, "invalid_request", detail)
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail)
    }

    pub(crate) fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    pub(crate) fn misdirected(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "invalid_request", detail)
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// Something of ours is wrong; the log has what.
    pub(crate) fn internal() -> Self {
        let detail = "something went wrong inside the server; its log says what";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    }

    /// An atomic batch with these broken rules.
    pub(crate) fn of_batch(broken: Vec<(&'static str, FieldError)>) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_error",
            "the batch is atomic and at least one of its jobs was refused",
        );
        problem.errors = broken.into_iter().map(|(code, error)| rule(code, error)).collect();
        problem
    }

    fn with_errors(mut self, errors: impl IntoIterator<Item = FieldError>) -> Self {
        let code = self.code;
        self.errors = errors.into_iter().map(|error| rule(code, error)).collect();
        self
    }

    /// Names the thing that it is about.
    pub(crate) fn about(mut self, thing: impl Into<String>) -> Self {
        self.about = Some(thing.into());
        self
    }

    /// The answer as pgqueue's clients read it: `{code, reason, detail}`.
    pub(crate) fn render_plain(&self, method: &str, response: &mut Response) {
        let status = match self.status {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        let title = status.canonical_reason().unwrap_or("Error");
        let (reason, detail) = match (status, &self.about) {
            (StatusCode::METHOD_NOT_ALLOWED, _) => (title.to_owned(), json!(method)),
            (_, Some(thing)) => (format!("{title}: {}", self.detail), json!(thing)),
            (_, None) => (format!("{title}: {}", self.detail), json!(self.errors)),
        };
        let detail = Some(detail).filter(|it| it.as_array().is_none_or(|rules| !rules.is_empty()));
        let body = PlainBody { code: status.as_u16(), reason, detail };
        let body = serde_json::to_string(&body).expect("texts and numbers can be written as JSON");
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        *response.status_mut() = status;
        *response.body_mut() = indented(&body).into();
    }

    /// The answer to the request with this id.
    pub(crate) fn render(&self, request_id: &str, response: &mut Response) {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
            errors: &self.errors,
            error: CodeAndMessage { code: self.code, message: &self.detail },
        };
        let json = serde_json::to_vec(&body).expect("texts and numbers can be written as JSON");
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        *response.body_mut() = json.into();
    }
}

fn rule(code: &'static str, error: FieldError) -> BrokenRule {
    BrokenRule { pointer: error.pointer, code, detail: error.detail }
}

impl IntoResponse for Problem {
    /// A response without a body, which takes the problem along to where the request's id is known.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let for_now = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        if for_now.contains(&self.status) {
            response.headers_mut().insert(header::RETRY_AFTER, self.retry_after.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        if let Some(Ok(allowed)) = self.allowed.as_deref().map(HeaderValue::from_str) {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::Unreadable(_) | Refusal::Incomplete(_) => StatusCode::BAD_REQUEST,
            Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let errors = refusal.errors().to_vec();
        Self::new(status, refusal.code(), refusal.message()).with_errors(errors)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound { .. } => Self::not_found(detail),
            Error::Conflict { code: "precondition_failed", .. } => {
                Self::precondition_failed(detail)
            }
            Error::Conflict { code, .. } => Self::new(StatusCode::CONFLICT, code, detail),
            Error::Invalid(errors) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_error", detail)
                    .with_errors(errors)
            }
            Error::Lost { .. } => Self::new(StatusCode::CONFLICT, "lease_lost", detail),
            Error::Full { .. } => Self::new(StatusCode::TOO_MANY_REQUESTS, "queue_full", detail),
            Error::Unavailable { .. } | Error::Closed => {
                let cause = error.source().map(ToString::to_string).unwrap_or_default();
                tracing::error!(%error, cause, "the database does not answer");
                Self::unavailable("the database does not answer; try again")
            }
            error => {
                tracing::error!(%error, "a request failed");
                Self::internal()
            }
        }
    }
}

impl From<Problem> for RefusedObject {
    fn from(problem: Problem) -> Self {
        Self { code: problem.code, message: problem.detail }
    }
}
