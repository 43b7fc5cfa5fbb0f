//! Why a request was refused before anything was looked up or stored.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::FieldError;

/// Broken rules named in one answer; a body of nothing but mistakes must not be echoed whole.
const ERRORS_MAX: usize = 100;

/// Why a request was refused before anything was looked up or stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not JSON, or a part of the address cannot be read: 400.
    Unreadable(String),
    /// What every request of its kind needs is missing: 400.
    Incomplete(Vec<FieldError>),
    /// A payload or batch is larger than allowed: 413.
    TooLarge(Vec<FieldError>),
    /// Members break rules: 422.
    Invalid(Vec<FieldError>),
}

/// A refusal inside another answer: `{code, message}`.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedObject {
    /// The stable code.
    pub code: &'static str,
    /// All broken rules in one sentence.
    pub message: String,
}

impl Refusal {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "invalid_request",
            Self::Incomplete(_) | Self::Invalid(_) => "validation_error",
            Self::TooLarge(_) => "payload_too_large",
        }
    }

    /// The broken rules, with their pointers.
    pub fn errors(&self) -> &[FieldError] {
        match self {
            Self::Unreadable(_) => &[],
            Self::Incomplete(errors) | Self::TooLarge(errors) | Self::Invalid(errors) => errors,
        }
    }

    /// All of it in one sentence.
    pub fn message(&self) -> String {
        match self {
            Self::Unreadable(message) => message.clone(),
            Self::Incomplete(errors) | Self::TooLarge(errors) | Self::Invalid(errors) => {
                let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
                texts.join("; ")
            }
        }
    }

    pub(super) fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, detail)])
    }

    /// Refuses with the broken rules of an object, unless there are none.
    pub(super) fn unless_empty(mut errors: Vec<FieldError>) -> Result<(), Self> {
        errors.truncate(ERRORS_MAX);
        if errors.is_empty() { Ok(()) } else { Err(Self::Invalid(errors)) }
    }
}

impl From<&Refusal> for RefusedObject {
    fn from(refusal: &Refusal) -> Self {
        Self { code: refusal.code(), message: refusal.message() }
    }
}

/// The body of a request as one JSON value.
///
/// # Errors
/// [`Refusal::Unreadable`] when it is not JSON, or not there.
pub fn document(body: &[u8]) -> Result<&RawValue, Refusal> {
    if body.trim_ascii().is_empty() {
        return Err(Refusal::Unreadable("the body is empty, and JSON is expected".to_owned()));
    }
    serde_json::from_slice(body)
        .map_err(|error| Refusal::Unreadable(format!("the body is not JSON: {error}")))
}
