//! The log of a job: lines are added while the lease stands, up to a limit that the log itself tells.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::Error;
use crate::job::{JobId, LOG_BYTES_MAX, LOG_LINES_MAX, LogLevel, LogLine, Timestamp};
use crate::store::driver::{Batch, Lane, Param, Tx, Verb, Waits};
use crate::store::statements::Sql;
use crate::store::verb::locate;
use crate::store::{LogNote, Shared, WorkerKey};

/// The level, as it is stored, of the line that says that no more lines are kept.
const FULL: i64 = 4;

/// Adds lines to the logs of jobs that a worker holds.
#[derive(Debug)]
pub(crate) struct AddLines {
    pub(crate) worker: WorkerKey,
    pub(crate) notes: Vec<LogNote>,
}

/// How much of its log a job has.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    lines: usize,
    bytes: usize,
    is_full: bool,
}

impl Verb for AddLines {
    type Reply = ();

    const LANE: Lane = Lane::Settle;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let mut sizes = self.sizes(tx).await?;
        let full = format!(
            "no more lines are kept (at most {LOG_LINES_MAX} lines and {} KiB per job)",
            LOG_BYTES_MAX >> 10
        );
        let mut notes: Vec<&LogNote> = self.notes.iter().collect();
        notes.sort_by_key(|note| note.job);
        let mut batch = Batch::with_capacity(8, notes.len());
        for note in notes {
            let size = sizes.entry(note.job).or_default();
            if size.is_full {
                continue;
            }
            let line = &note.line;
            let bytes = size.bytes + line.text.len();
            size.is_full = size.lines >= LOG_LINES_MAX || bytes > LOG_BYTES_MAX;
            let (level, text) =
                if size.is_full { (FULL, &full) } else { (line.level.code(), &line.text) };
            batch.push([
                note.job.as_i64().into(),
                note.epoch.into(),
                self.worker.id.into(),
                i64::try_from(size.lines).unwrap_or(i64::MAX).into(),
                line.attempt.into(),
                level.into(),
                line.at.as_micros().into(),
                text.as_str().into(),
            ]);
            (size.lines, size.bytes) = (size.lines + 1, bytes);
        }
        if !batch.is_empty() {
            tx.execute_each(Sql::LogInsert, &batch).await?;
        }
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::of_jobs(self.notes.iter().map(|note| note.job))
    }

    fn weight(&self) -> usize {
        self.notes.len()
    }
}

impl AddLines {
    async fn sizes<T: Tx>(&self, tx: &mut T) -> Result<HashMap<JobId, Size>, Error> {
        let jobs: BTreeSet<i64> = self.notes.iter().map(|note| note.job.as_i64()).collect();
        let jobs = Batch::of_rows(1, jobs.into_iter().map(Param::Int).collect());
        let rows = tx.query_each(Sql::LogSize, &jobs).await?;
        let sizes = rows.read(|row| {
            let job = JobId::from_i64(row.int()?);
            let count = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
            let (lines, bytes) = (count(row.int()?), count(row.int()?));
            Ok((job, Size { lines, bytes, is_full: row.int()? == FULL }))
        })?;
        Ok(sizes.into_iter().collect())
    }
}

/// Reads the log of one job.
#[derive(Debug)]
pub(crate) struct ReadLog {
    pub(crate) namespace: Arc<str>,
    pub(crate) job: JobId,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ReadLog {
    type Reply = Vec<LogLine>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<LogLine>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        locate(tx, namespace_id, self.job).await?;
        let rows = tx.query(Sql::LogList, &[self.job.as_i64().into()]).await?;
        rows.read(|row| {
            Ok(LogLine {
                at: Timestamp::from_micros(row.int()?),
                attempt: row.count()?,
                level: LogLevel::from_code(row.int()?),
                text: row.text()?,
            })
        })
    }
}
