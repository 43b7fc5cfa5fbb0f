//! Lines that a handler wrote and that are not stored yet.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::job::{LOG_BYTES_MAX, LOG_LINES_MAX, LogLine};

/// A bounded buffer. It takes one line more than a job may keep, so that the store sees that there were
/// too many and says so.
#[derive(Debug, Default)]
pub(super) struct LogBuffer(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<LogLine>,
    bytes: usize,
}

impl LogBuffer {
    pub(super) fn push(&self, line: LogLine) {
        self.lock().push(line);
    }

    /// Lines written since the last call.
    pub(super) fn take(&self) -> Vec<LogLine> {
        let mut buffer = self.lock();
        buffer.bytes = 0;
        std::mem::take(&mut buffer.lines)
    }

    /// Puts lines back that could not be stored, before those that came since.
    pub(super) fn put_back(&self, lines: Vec<LogLine>) {
        let mut buffer = self.lock();
        let newer = std::mem::take(&mut *buffer).lines;
        lines.into_iter().chain(newer).for_each(|line| buffer.push(line));
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn push(&mut self, line: LogLine) {
        if self.lines.len() <= LOG_LINES_MAX && self.bytes <= LOG_BYTES_MAX {
            self.bytes += line.text.len();
            self.lines.push(line);
        }
    }
}
