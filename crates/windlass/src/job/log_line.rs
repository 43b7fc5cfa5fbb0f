//! Lines that handlers write into the log of their job.

use super::{LOG_LINE_BYTES_MAX, Timestamp};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// For whoever looks for a defect.
    Debug,
    /// What happens.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
}

impl LogLevel {
    pub(crate) const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// The word for it in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// As it is stored.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Debug => 0,
            Self::Info => 1,
            Self::Warn => 2,
            Self::Error => 3,
        }
    }

    /// What is stored as `code`; what is said about the log itself is a warning.
    pub(crate) fn from_code(code: i64) -> Self {
        Self::ALL.into_iter().find(|level| level.code() == code).unwrap_or(Self::Warn)
    }
}

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// The attempt that wrote it, from 1.
    pub attempt: u32,
    /// How much it matters.
    pub level: LogLevel,
    /// What it says, at most 4 KiB.
    pub text: String,
}

impl LogLine {
    /// A line that can be stored: cut to its limit with a mark, and without NUL, which not every
    /// database takes.
    pub(crate) fn new(at: Timestamp, attempt: u32, level: LogLevel, text: String) -> Self {
        let text = super::outcome::cut(text, LOG_LINE_BYTES_MAX);
        let text = if text.contains('\0') { text.replace('\0', "?") } else { text };
        Self { at, attempt, level, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_what_can_be_stored() {
        let now = Timestamp::from_micros(0);

        let line = LogLine::new(now, 1, LogLevel::Info, format!("a\0{}", "b".repeat(5000)));

        assert_eq!(line.text.len(), LOG_LINE_BYTES_MAX);
        assert!(line.text.starts_with("a?b") && line.text.ends_with("b [cut]"));
    }

    #[test]
    fn levels_are_read_as_they_are_stored() {
        for level in LogLevel::ALL {
            assert_eq!(LogLevel::from_code(level.code()), level);
        }
        assert_eq!(LogLevel::from_code(9), LogLevel::Warn);
    }
}
