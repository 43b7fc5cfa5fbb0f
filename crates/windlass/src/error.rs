//! The one error type of the library, sorted by what a caller can do about it.

use std::fmt;

/// Code of [`Error::moved`]; callers meet it only when every repetition lost its race as well.
const MOVED: &str = "conflict_moved";

/// What went wrong, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such job, queue or namespace (or it belongs to another namespace).
    #[error("{what} not found")]
    NotFound {
        /// The thing that was asked for, with its name or id.
        what: String,
    },
    /// The request contradicts the present state; nothing was changed.
    #[error("{message}")]
    Conflict {
        /// Stable machine-readable code: `conflict`, `idempotency_mismatch` or
        /// `precondition_failed`.
        code: &'static str,
        /// What stands in the way.
        message: String,
    },
    /// The input breaks a rule; nothing was stored.
    #[error("{}", FieldError::list(.0))]
    Invalid(Vec<FieldError>),
    /// The lease is gone: another attempt owns the job now, and nothing was changed.
    #[error("the lease on job {job} was lost")]
    Lost {
        /// The job whose lease is gone.
        job: crate::JobId,
    },
    /// A bound was reached: try again later.
    #[error("{message}")]
    Full {
        /// Which bound.
        message: String,
    },
    /// The database could not be reached or did not answer; safe to repeat with an idempotency key.
    #[error("{message}")]
    Unavailable {
        /// What failed.
        message: String,
        /// The driver's error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The queue was closed, or its database failed for good: no repetition helps.
    #[error("the database is closed")]
    Closed,
    /// The database was written by a release this one does not understand, the URL names a database
    /// this build does not contain, or a server refuses this user or its settings do not fit.
    /// Repeating is useless until somebody changes that.
    #[error("{message}")]
    Incompatible {
        /// What does not fit, and what to do.
        message: String,
    },
    /// A server refuses the caller: no API key, or one that may not do this.
    #[error("{message}")]
    Denied {
        /// What the server said.
        message: String,
    },
    /// A queue behind a server cannot do this: the API of the server may, and the database can.
    #[error("{what} is not possible through a server")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// Something that must not happen did: a defect of Windlass or a damaged database.
    #[error("{message}")]
    Bug {
        /// What was found.
        message: String,
    },
}

/// One broken rule: where, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer to the member, such as `/priority` or `/jobs/3/payload`.
    pub pointer: String,
    /// What is wrong and what is allowed, in one sentence without a stop.
    pub detail: String,
}

impl FieldError {
    /// A broken rule at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }

    /// The same error, seen from one level further out.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }

    fn list(errors: &[Self]) -> String {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        texts.join("; ")
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.trim_start_matches('/') {
            "" => f.write_str(&self.detail),
            field => write!(f, "{field}: {}", self.detail),
        }
    }
}

impl Error {
    /// True when the same call may succeed later without a change.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Full { .. })
    }

    /// True when a lease was lost: the outcome belongs to another attempt.
    pub const fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict { code: "conflict", message: message.into() }
    }

    /// A row that was read has been moved by someone else before it was written: whoever runs the
    /// transaction runs it again.
    pub(crate) fn moved(what: impl fmt::Display) -> Self {
        Self::Conflict { code: MOVED, message: format!("{what} has just moved; try again") }
    }

    pub(crate) fn is_moved(&self) -> bool {
        matches!(self, Self::Conflict { code: MOVED, .. })
    }

    pub(crate) fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, detail)])
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable { message: message.into(), source: None }
    }

    pub(crate) fn incompatible(message: impl Into<String>) -> Self {
        Self::Incompatible { message: message.into() }
    }

    #[cfg(feature = "remote")]
    pub(crate) const fn unsupported(what: &'static str) -> Self {
        Self::Unsupported { what }
    }

    pub(crate) fn bug(message: impl Into<String>) -> Self {
        Self::Bug { message: message.into() }
    }
}
