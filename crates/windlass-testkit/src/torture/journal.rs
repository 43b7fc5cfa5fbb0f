//! Journals: what a process saw, in a file of its own outside the database.
//!
//! Invariant: an entry is whole or absent. A line that a kill cut short was never relied upon,
//! because its writer went on only after the write.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use windlass::{Clock, JobId, Timestamp};

use crate::Failure;

/// Something a process saw or is about to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A job with this key is about to be enqueued.
    Intent { key: String },
    /// The queue said that the job is stored.
    Ack { key: String, job: JobId },
    /// The database could not be reached, and the job with this key will be sent again.
    Away { key: String },
    /// A handler began.
    Run { job: JobId, attempt: u32, epoch: i64, crashes: u32, at: Timestamp },
    /// A handler ended that had been told to stop: its run may have been given back uncounted.
    Stopped { job: JobId, epoch: i64 },
    /// The worker was told that its completion is stored.
    Done { job: JobId, epoch: i64 },
    /// The coordinator killed this child, or told it to stop.
    End { child: String, at: Timestamp },
}

impl Entry {
    /// The end of a child, now.
    pub(crate) fn end_of(child: &str) -> Self {
        Self::End { child: child.to_owned(), at: now() }
    }
}

/// What the clock of this machine says, the same for every process here.
pub(crate) fn now() -> Timestamp {
    Clock::system().now()
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intent { key } => write!(f, "intent {key}"),
            Self::Ack { key, job } => write!(f, "ack {key} {job}"),
            Self::Away { key } => write!(f, "away {key}"),
            Self::Run { job, attempt, epoch, crashes, at } => {
                write!(f, "run {job} {attempt} {epoch} {crashes} {}", at.as_micros())
            }
            Self::Stopped { job, epoch } => write!(f, "stopped {job} {epoch}"),
            Self::Done { job, epoch } => write!(f, "done {job} {epoch}"),
            Self::End { child, at } => write!(f, "end {child} {}", at.as_micros()),
        }
    }
}

impl FromStr for Entry {
    type Err = Failure;

    fn from_str(line: &str) -> Result<Self, Failure> {
        let words: Vec<&str> = line.split(' ').collect();
        Ok(match words[..] {
            ["intent", key] => Self::Intent { key: key.to_owned() },
            ["ack", key, job] => Self::Ack { key: key.to_owned(), job: job.parse()? },
            ["away", key] => Self::Away { key: key.to_owned() },
            ["run", job, attempt, epoch, crashes, at] => Self::Run {
                job: job.parse()?,
                attempt: attempt.parse()?,
                epoch: epoch.parse()?,
                crashes: crashes.parse()?,
                at: Timestamp::from_micros(at.parse()?),
            },
            ["stopped", job, epoch] => Self::Stopped { job: job.parse()?, epoch: epoch.parse()? },
            ["done", job, epoch] => Self::Done { job: job.parse()?, epoch: epoch.parse()? },
            ["end", child, at] => {
                Self::End { child: child.to_owned(), at: Timestamp::from_micros(at.parse()?) }
            }
            _ => return Err(format!("`{line}` is not a journal entry").into()),
        })
    }
}

/// The journal of one process.
#[derive(Debug)]
pub(crate) struct Journal(Mutex<File>);

impl Journal {
    /// Opens the journal `name` in `folder`; every process has a name of its own.
    pub(crate) fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(name).with_extension("log");
        Ok(Self(Mutex::new(OpenOptions::new().create(true).append(true).open(path)?)))
    }

    /// Adds entries in one write: they outlive the process, which is all that a kill can end.
    pub(crate) fn note(&self, entries: &[Entry]) -> io::Result<()> {
        self.write(entries).map(drop)
    }

    /// Adds entries and waits until they are on stable storage, like the acknowledgement that they
    /// are compared with.
    pub(crate) fn note_durably(&self, entries: &[Entry]) -> io::Result<()> {
        self.write(entries)?.sync_data()
    }

    fn write(&self, entries: &[Entry]) -> io::Result<std::sync::MutexGuard<'_, File>> {
        let text: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes())?;
        Ok(file)
    }
}

/// An entry and the journal it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) journal: String,
    pub(crate) entry: Entry,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.journal, self.entry)
    }
}

/// Reads every journal in `folder`, in the order of their names.
pub(crate) fn read_all(folder: &Path) -> Result<Vec<Line>, Failure> {
    let entries: io::Result<Vec<fs::DirEntry>> = fs::read_dir(folder)?.collect();
    let mut paths: Vec<_> = entries?.into_iter().map(|entry| entry.path()).collect();
    paths.sort_unstable();
    let mut lines = Vec::new();
    for path in paths {
        let journal = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        lines.extend(parse(&journal, &fs::read_to_string(&path)?)?);
    }
    Ok(lines)
}

/// Reads one journal, without a last line that was cut short.
fn parse(journal: &str, text: &str) -> Result<Vec<Line>, Failure> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| Ok(Line { journal: journal.to_owned(), entry: line.parse()? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_read_as_they_were_written() {
        let job: JobId = "812".parse().unwrap();
        let entries = [
            Entry::Intent { key: "key-1".to_owned() },
            Entry::Ack { key: "key-1".to_owned(), job },
            Entry::Away { key: "key-1".to_owned() },
            Entry::Run { job, attempt: 2, epoch: 5, crashes: 1, at: now() },
            Entry::Stopped { job, epoch: 5 },
            Entry::Done { job, epoch: 5 },
            Entry::end_of("node-1"),
        ];

        for entry in entries {
            assert_eq!(entry.to_string().parse::<Entry>().unwrap(), entry);
        }
    }

    #[test]
    fn only_the_last_line_may_be_cut_short() {
        let lines = parse("worker-1", "intent key-1\nintent key-2\nack key-1 81").unwrap();

        assert_eq!(lines.len(), 2);
        assert!(parse("worker-1", "int\nintent key-2\n").is_err());
    }

    #[test]
    fn what_was_noted_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "producer-7").unwrap();
        journal.note_durably(&[Entry::Intent { key: "key-1".to_owned() }]).unwrap();

        let lines = read_all(folder.path()).unwrap();

        assert_eq!(lines[0].to_string(), "producer-7: intent key-1");
    }
}
