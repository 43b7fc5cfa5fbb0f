//! A database of one check, the children that work on it, and ways to look at both.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use windlass::{JobId, JobRecord, Queue};

use crate::child::{Child, Workplace, words};
use crate::database::Home;
use crate::facts::Totals;
use crate::job::{job_with_defaults, key};
use crate::journal::{Entry, Journal, read_all};
use crate::summary::Summary;
use crate::{Failure, check};

/// Longest wait for anything that takes less time by far.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How often to look meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A database of one check.
pub(crate) struct Stage<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) workplace: Workplace,
    pub(crate) queue: Queue,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(
        runtime: &'a Runtime,
        place: (&Path, &Home),
        name: &str,
    ) -> Result<Self, Failure> {
        let workplace = Workplace::create(place.1, place.0, name)?;
        let queue = runtime.block_on(Queue::open(&workplace.url))?;
        Ok(Self { runtime, workplace, queue })
    }

    /// Enqueues jobs of every kind, with the journal a producer writes.
    pub(crate) async fn enqueue_all(&self, jobs: u64) -> Result<(), Failure> {
        let journal = Journal::open(&self.workplace.journals, "producer")?;
        let intents: Vec<Entry> = (0..jobs).map(|n| Entry::Intent { key: key(n) }).collect();
        journal.note_durably(&intents)?;
        let new = (0..jobs).map(job_with_defaults).collect();
        for (n, reply) in (0..jobs).zip(self.queue.enqueue_batch(new, true).await?) {
            journal.note(&[Entry::Ack { key: key(n), job: reply?.id() }])?;
        }
        Ok(())
    }

    /// Starts a worker process.
    pub(crate) fn worker(&self, name: &str, pace: &str, more: &[&str]) -> Result<Child, Failure> {
        let mut args = words(&["--seed", "1", "--pace", pace]);
        args.extend(words(more));
        self.workplace.start("worker", name, args, None)
    }

    pub(crate) fn get(&self, job: JobId) -> Result<JobRecord, Failure> {
        Ok(self.runtime.block_on(self.queue.get(job))?)
    }

    pub(crate) fn totals(&self) -> Result<Totals, Failure> {
        Ok(Totals::from(&self.runtime.block_on(self.queue.stats())?))
    }

    /// Runs that were journaled.
    pub(crate) fn runs(&self) -> Result<usize, Failure> {
        let lines = read_all(&self.workplace.journals)?;
        Ok(lines.iter().filter(|line| matches!(line.entry, Entry::Run { .. })).count())
    }

    pub(crate) fn close(self, summary: &mut Summary) -> Result<(), Failure> {
        self.runtime.block_on(self.queue.close());
        let found = self.runtime.block_on(check::verify(&self.workplace.url))?;
        summary.verified("with default settings", found);
        Ok(())
    }
}

/// Waits until `look` says yes; false when it did not in time.
pub(crate) fn wait(look: impl Fn() -> Result<bool, Failure>) -> Result<bool, Failure> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if look()? {
            return Ok(true);
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(false)
}
