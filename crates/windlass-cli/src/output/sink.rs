//! Stderr for programs that must not wait for whoever reads it: lines go into a bounded buffer, and a thread of its
//! own writes them.
//!
//! Invariant: `push` never waits for the reader; what does not fit is dropped and counted.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that wait for the reader.
const BYTES_MAX: usize = 1 << 20;

/// How long the end of the process waits for the reader.
const FINISH_MAX: Duration = Duration::from_secs(1);

/// Lines that did not fit since the process began.
static DROPPED: AtomicU64 = AtomicU64::new(0);

static SINK: OnceLock<Sink> = OnceLock::new();

/// Where lines wait to be written.
#[derive(Debug, Default)]
struct Sink {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Lines that did not fit since this was last said.
    dropped: u64,
    is_writing: bool,
}

/// A line for the buffer, or for stderr itself where there is none.
#[derive(Debug)]
pub(crate) struct Lines;

/// From here on everything that is said and logged goes through the buffer, panics included.
pub(crate) fn never_wait() {
    let sink = SINK.get_or_init(Sink::default);
    let spawned = thread::Builder::new().name("stderr".to_owned()).spawn(|| sink.write_on());
    // Without the thread nobody would read the buffer; it can only fail before anything runs.
    spawned.expect("a thread can be started");
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("unnamed");
        let backtrace = Backtrace::capture();
        let backtrace = match backtrace.status() {
            BacktraceStatus::Captured => format!("{backtrace}\n"),
            _ => String::new(),
        };
        sink_or_stderr(format!("thread '{name}' {panic}\n{backtrace}").as_bytes());
    }));
}

/// Lines that did not fit since the process began.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Waits until everything is written, or for a second.
pub(crate) fn finish() {
    let Some(sink) = SINK.get() else { return };
    let has_more = |waiting: &mut Waiting| waiting.is_writing || !waiting.bytes.is_empty();
    drop(sink.changed.wait_timeout_while(sink.lock(), FINISH_MAX, has_more));
}

/// Writes a line, which ends with its line break.
pub(crate) fn sink_or_stderr(line: &[u8]) {
    match SINK.get() {
        Some(sink) => sink.push(line),
        // Nobody listening is fine.
        None => drop(io::stderr().lock().write_all(line)),
    }
}

impl Sink {
    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.bytes.len() + line.len() > BYTES_MAX {
            waiting.dropped += 1;
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        self.changed.notify_all();
    }

    fn write_on(&self) {
        loop {
            let taken = self.take();
            // A reader that went away is no reason to end, nor to fill the buffer.
            drop(io::stderr().lock().write_all(&taken));
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }

    /// Waits for lines and takes all there are, and the number of those that did not fit after them.
    fn take(&self) -> Vec<u8> {
        let nothing = |waiting: &mut Waiting| waiting.bytes.is_empty();
        let waiting = self.changed.wait_while(self.lock(), nothing);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        let mut taken = std::mem::take(&mut waiting.bytes);
        let dropped = std::mem::take(&mut waiting.dropped);
        drop(waiting);
        if dropped > 0 {
            let said = format!("{dropped} lines of the log were dropped here: nobody read them\n");
            taken.extend_from_slice(said.as_bytes());
        }
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Lines {
    /// The log writes each event whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        sink_or_stderr(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_dropped_and_counted_where_it_is_missing() {
        let sink = Sink::default();
        let line = [b'x'; 1024];

        (0..1030).for_each(|_| sink.push(&line));
        let taken = sink.take();
        sink.push(b"after\n");

        let (kept, said) = taken.split_at(BYTES_MAX);
        assert!(kept.iter().all(|byte| *byte == b'x'));
        assert_eq!(said, b"6 lines of the log were dropped here: nobody read them\n");
        assert_eq!(sink.take(), b"after\n");
    }
}
