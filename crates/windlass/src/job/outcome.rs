//! How an attempt ends: what handlers return, and what that means to the engine.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::ERROR_BYTES_MAX;

/// What a handler may return instead of its plain output.
#[derive(Debug)]
pub enum Outcome<T = ()> {
    /// Done, with this output.
    Complete(T),
    /// Not now: run again after this time. Burns no attempt; counted in `snoozes`.
    Snooze(Duration),
    /// Never again: ends `cancelled`, with this reason.
    Cancel(String),
}

impl<T> Outcome<T> {
    /// Not now: run again after `delay`, without burning an attempt.
    pub const fn snooze(delay: Duration) -> Self {
        Self::Snooze(delay)
    }

    /// Never again: the job ends `cancelled`.
    pub fn cancel(reason: impl Into<String>) -> Self {
        Self::Cancel(reason.into())
    }
}

/// A handler's return value: its output, or an [`Outcome`] around it.
pub trait IntoOutcome<T> {
    /// The outcome.
    fn into_outcome(self) -> Outcome<T>;
}

impl<T> IntoOutcome<T> for T {
    fn into_outcome(self) -> Outcome<T> {
        Outcome::Complete(self)
    }
}

impl<T> IntoOutcome<T> for Outcome<T> {
    fn into_outcome(self) -> Self {
        self
    }
}

/// A failed attempt, and what is to follow from it.
///
/// Every `std::error::Error`, `anyhow::Error`, `String` and `&str` converts into one and means
/// "retry with backoff"; the constructors say something else. It does not implement `Error` itself,
/// which is what makes `?` work for all of them.
#[derive(Debug)]
pub struct JobError(Ending);

impl JobError {
    /// No attempt can succeed: the job ends `failed (permanent)`.
    pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Ending::Fail(Failure {
            class: FailureClass::Permanent,
            ..Failure::of(error.into().as_ref())
        }))
    }

    /// Failed; try again after exactly `delay` instead of the backoff.
    pub fn retry_after(delay: Duration, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Ending::Fail(Failure {
            retry_after: Some(delay),
            ..Failure::of(error.into().as_ref())
        }))
    }

    /// Someone said "too fast": run again after `delay`. Burns no attempt.
    pub const fn rate_limited(delay: Duration) -> Self {
        Self(Ending::Snooze { delay, rate_limited: true })
    }

    /// Someone said "too fast" to this rate key: run again after `delay`, and let no other job with the key
    /// start before. Burns no attempt.
    pub fn rate_limited_by(key: impl Into<String>, delay: Duration) -> Self {
        Self(Ending::Slow { delay, key: key.into() })
    }

    /// Not now: run again after `delay`. Burns no attempt.
    pub const fn snooze(delay: Duration) -> Self {
        Self(Ending::Snooze { delay, rate_limited: false })
    }

    /// Never again: the job ends `cancelled`.
    pub fn cancel(reason: impl Into<String>) -> Self {
        Self(Ending::Cancel { reason: reason.into() })
    }

    /// No handler can read the payload, as far as this one knows. Typed handlers return it by themselves;
    /// [`HandlerOptions::undecodable`](crate::HandlerOptions::undecodable) says what follows.
    pub fn undecodable(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Ending::Fail(Failure {
            class: FailureClass::Undecodable,
            ..Failure::of(error.into().as_ref())
        }))
    }

    /// What it asks for, in one word: `retryable`, `permanent`, `undecodable`, `snooze`, `rate_limited`
    /// or `cancel`.
    pub const fn class(&self) -> &'static str {
        match &self.0 {
            Ending::Fail(failure) => failure.class.as_str(),
            Ending::Snooze { rate_limited: false, .. } | Ending::Wait { .. } => "snooze",
            Ending::Snooze { rate_limited: true, .. } | Ending::Slow { .. } => "rate_limited",
            Ending::Cancel { .. } => "cancel",
            Ending::Complete { .. } | Ending::Release => "none",
        }
    }

    pub(crate) const fn from_ending(ending: Ending) -> Self {
        Self(ending)
    }

    pub(crate) fn into_ending(self) -> Ending {
        self.0
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for JobError {
    fn from(error: E) -> Self {
        Self(Ending::Fail(Failure::of(error.into().as_ref())))
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ending::Fail(failure) => f.write_str(&failure.message),
            Ending::Cancel { reason } => f.write_str(reason),
            Ending::Snooze { delay, .. }
            | Ending::Wait { delay, .. }
            | Ending::Slow { delay, .. } => {
                write!(f, "put off for {}", super::format_duration(*delay))
            }
            Ending::Complete { .. } | Ending::Release => f.write_str("no error"),
        }
    }
}

/// How an attempt ended, in the engine's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Complete {
        result: Option<Vec<u8>>,
    },
    Fail(Failure),
    Snooze {
        delay: Duration,
        rate_limited: bool,
    },
    /// Not now: run again after this time, or when the signal comes.
    Wait {
        delay: Duration,
        signal: String,
    },
    /// Not now, and nobody else with this rate key either.
    Slow {
        delay: Duration,
        key: String,
    },
    Release,
    Cancel {
        reason: String,
    },
}

impl Ending {
    /// The same in the words of handlers.
    pub(crate) fn into_handled(self) -> Result<Outcome<Option<Vec<u8>>>, JobError> {
        match self {
            Self::Complete { result } => Ok(Outcome::Complete(result)),
            Self::Snooze { delay, rate_limited: false } => Ok(Outcome::Snooze(delay)),
            Self::Cancel { reason } => Ok(Outcome::Cancel(reason)),
            other => Err(JobError(other)),
        }
    }

    /// What the words of a handler mean.
    pub(crate) fn from_handled(handled: Result<Outcome<Option<Vec<u8>>>, JobError>) -> Self {
        match handled {
            Ok(Outcome::Complete(result)) => Self::Complete { result },
            Ok(Outcome::Snooze(delay)) => Self::Snooze { delay, rate_limited: false },
            Ok(Outcome::Cancel(reason)) => Self::Cancel { reason },
            Err(error) => error.into_ending(),
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) class: FailureClass,
    pub(crate) message: String,
    pub(crate) backtrace: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: truncated(message.into()), backtrace: None, retry_after: None }
    }

    /// A retryable failure whose message is the error's chain, outermost first.
    fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message.push_str(": ");
            message.push_str(&inner.to_string());
            cause = inner.source();
        }
        Self::new(FailureClass::Retryable, message)
    }
}

/// The classes of failed attempts, stored and shown by these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureClass {
    Retryable,
    Permanent,
    Timeout,
    Panic,
    Crash,
    Undecodable,
}

impl FailureClass {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Retryable => "retryable",
            Self::Permanent => "permanent",
            Self::Timeout => "timeout",
            Self::Panic => "panic",
            Self::Crash => "crash",
            Self::Undecodable => "undecodable",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Cuts an error text to [`ERROR_BYTES_MAX`], on a character boundary and with a mark.
pub(crate) fn truncated(text: String) -> String {
    cut(text, ERROR_BYTES_MAX)
}

/// Cuts a text to so many bytes, on a character boundary and with a mark; NUL, which not every database
/// takes, becomes a question mark.
pub(super) fn cut(mut text: String, bytes_max: usize) -> String {
    const MARK: &str = " [cut]";
    if text.contains('\0') {
        text = text.replace('\0', "?");
    }
    if text.len() > bytes_max {
        let cut = text.floor_char_boundary(bytes_max - MARK.len());
        text.truncate(cut);
        text.push_str(MARK);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(error: impl Into<JobError>) -> Ending {
        error.into().into_ending()
    }

    #[test]
    fn any_error_means_retry() {
        let io = std::io::Error::other("disk");

        for ending in [ending("text"), ending(String::from("text")), ending(io)] {
            assert!(
                matches!(ending, Ending::Fail(failure) if failure.class == FailureClass::Retryable)
            );
        }
    }

    #[test]
    fn long_messages_are_cut_with_a_mark() {
        let text = truncated("\u{e9}".repeat(ERROR_BYTES_MAX));

        assert!(text.len() <= ERROR_BYTES_MAX && text.ends_with("[cut]"));
    }
}
