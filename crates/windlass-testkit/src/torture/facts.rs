//! What the database says in the end, in the few words that the reconciliation needs.

use windlass::{JobFilter, JobId, JobRecord, Queue, State, Stats};

use crate::Failure;

/// Jobs read in one go; the most that a page holds.
const PAGE: usize = 500;

/// One job.
#[derive(Debug, Clone)]
pub(crate) struct JobFacts {
    pub(crate) id: JobId,
    pub(crate) key: Option<String>,
    pub(crate) kind: String,
    pub(crate) state: State,
    pub(crate) attempt: u32,
    pub(crate) crashes: u32,
    pub(crate) snoozes: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) result: Option<Vec<u8>>,
}

impl From<JobRecord> for JobFacts {
    fn from(job: JobRecord) -> Self {
        Self {
            id: job.id,
            key: job.idempotency_key,
            kind: job.kind,
            state: job.state,
            attempt: job.attempt,
            crashes: job.crashes,
            snoozes: job.snoozes,
            payload: job.payload,
            result: job.result,
        }
    }
}

/// The maintained counts, summed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) live: u64,
    pub(crate) completed: u64,
    pub(crate) enqueues: u64,
    pub(crate) completions: u64,
    pub(crate) crashes: u64,
    pub(crate) failed_attempts: u64,
}

/// Outcomes that the queue refused, because their worker had lost the lease.
pub(crate) fn refused(stats: &Stats) -> u64 {
    stats.sum(|kind| kind.stale_settles)
}

impl From<&Stats> for Totals {
    fn from(stats: &Stats) -> Self {
        let live = [State::Pending, State::Delayed, State::Running, State::Retrying];
        Self {
            live: live.into_iter().map(|state| stats.jobs(state)).sum(),
            completed: stats.jobs(State::Completed),
            enqueues: stats.sum(|kind| kind.enqueues),
            completions: stats.sum(|kind| kind.completions),
            crashes: stats.sum(|kind| kind.crashes),
            failed_attempts: stats.sum(|kind| kind.failed_attempts),
        }
    }
}

/// Reads every job.
pub(crate) async fn read_jobs(queue: &Queue) -> Result<Vec<JobFacts>, Failure> {
    let mut jobs = Vec::new();
    let mut filter = JobFilter::new().oldest_first().limit(PAGE);
    loop {
        let page = queue.list(filter).await?;
        jobs.extend(page.jobs.into_iter().map(JobFacts::from));
        let Some(cursor) = page.next_cursor else { return Ok(jobs) };
        filter = JobFilter::new().oldest_first().limit(PAGE).after(cursor);
    }
}
