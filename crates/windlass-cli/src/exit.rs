//! How a command ends: exit codes, and what is said on stderr.
//!
//! Invariant: scripts may rely on the numbers; they are part of the contract.

use std::fmt;
use std::process::ExitCode;

use windlass::Error;

/// What an exit code tells a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Failure = 1,
    Usage = 2,
    NotFound = 3,
    Conflict = 4,
    Auth = 5,
    Unreachable = 6,
    Timeout = 7,
    PartlyDone = 8,
    NotCompleted = 9,
    StorageFailed = 70,
    Interrupted = 130,
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::NotFound { .. } => Exit::NotFound,
            Error::Conflict { .. } | Error::Lost { .. } => Exit::Conflict,
            Error::Invalid(_) => Exit::Usage,
            Error::Denied { .. } => Exit::Auth,
            Error::Unavailable { .. } | Error::Closed => Exit::Unreachable,
            _ => Exit::Failure,
        };
        Self::new(exit, with_causes(&error))
    }
}

/// The error and what caused it, outermost first.
///
/// A cause that its error already quotes is not said twice.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_follows_the_error_on_a_line_of_its_own() {
        let failure = Failure::usage("no such thing").hint("look again");

        assert_eq!(failure.to_string(), "error: no such thing\nhint: look again");
    }

    #[test]
    fn library_errors_keep_their_meaning() {
        let missing = Error::NotFound { what: "job 1".to_owned() };
        let taken = Error::Conflict { code: "conflict", message: "it runs".to_owned() };

        assert_eq!(Failure::from(missing).exit, Exit::NotFound);
        assert_eq!(Failure::from(taken).exit, Exit::Conflict);
    }
}
