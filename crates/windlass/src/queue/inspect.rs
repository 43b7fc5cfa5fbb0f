//! What a client reads: pages of jobs, counts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::core::{Reason, State};
use crate::job::{BatchId, JobId, JobRecord, Priority, Timestamp, WorkflowId};
use crate::store::{Counted, ListQuery, Listed, Measure};

/// Jobs on a page unless a filter says otherwise, and at most.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 500;

/// Which jobs to list; what is not set does not filter. Newest first unless told otherwise.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    pub(super) query: ListQuery,
}

impl JobFilter {
    /// All jobs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Jobs in this state; several mean any of them.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.query.states.push(state);
        self
    }

    /// Jobs of this kind; several mean any of them.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.query.kinds.push(kind.into());
        self
    }

    /// Jobs in this queue; several mean any of them.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.query.queues.push(queue.into());
        self
    }

    /// Jobs of this priority; several mean any of them.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.query.priorities.push(priority);
        self
    }

    /// Jobs with this correlation id; several mean any of them.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.query.correlation_ids.push(id.into());
        self
    }

    /// Jobs that stand where they stand for this reason; several mean any of them.
    #[must_use]
    pub fn reason(mut self, reason: Reason) -> Self {
        self.query.reasons.push(reason);
        self
    }

    /// Jobs that mention this text: it is their id, or a part of their kind, queue, correlation id,
    /// idempotency key, last error, or of the key or value of a tag. Small and capital letters are alike,
    /// and no character means anything but itself.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.query.text = Some(text.into());
        self
    }

    /// Jobs that last changed at or after this instant.
    #[must_use]
    pub const fn updated_after(mut self, instant: Timestamp) -> Self {
        self.query.updated_after = Some(instant);
        self
    }

    /// Jobs that last changed before this instant.
    #[must_use]
    pub const fn updated_before(mut self, instant: Timestamp) -> Self {
        self.query.updated_before = Some(instant);
        self
    }

    /// Looks at no more than so many jobs, for no longer than `span`, where no index answers what is
    /// asked (default 100,000 jobs and 250 ms): the page may end early then, which
    /// [`Page::complete`] says.
    #[must_use]
    pub const fn look_at_most(mut self, jobs: usize, span: Duration) -> Self {
        self.query.budget = Some((jobs, span));
        self
    }

    /// Nodes of this workflow, instead of those of another workflow or batch; their ids ascend from parents
    /// to children.
    #[must_use]
    pub const fn workflow(mut self, workflow: WorkflowId) -> Self {
        (self.query.bundle, self.query.is_workflow) = (Some(workflow.as_i64()), true);
        self
    }

    /// Jobs of this batch, instead of those of another workflow or batch.
    #[must_use]
    pub const fn batch(mut self, batch: BatchId) -> Self {
        (self.query.bundle, self.query.is_workflow) = (Some(batch.as_i64()), false);
        self
    }

    /// Jobs stored at or after this instant.
    #[must_use]
    pub const fn created_after(mut self, instant: Timestamp) -> Self {
        self.query.created_after = Some(instant);
        self
    }

    /// Jobs stored before this instant.
    #[must_use]
    pub const fn created_before(mut self, instant: Timestamp) -> Self {
        self.query.created_before = Some(instant);
        self
    }

    /// Continues after the last job of an earlier page.
    #[must_use]
    pub const fn after(mut self, cursor: JobId) -> Self {
        self.query.cursor = Some(cursor);
        self
    }

    /// Oldest first.
    #[must_use]
    pub const fn oldest_first(mut self) -> Self {
        self.query.ascending = true;
        self
    }

    /// Jobs on a page, 1 to 500 (default 100); other numbers mean the nearest of these.
    #[must_use]
    pub const fn limit(mut self, limit: usize) -> Self {
        self.query.limit = limit;
        self
    }

    /// What it asks of jobs, without the page.
    pub(crate) fn into_conditions(self) -> ListQuery {
        ListQuery { cursor: None, ascending: false, limit: 0, budget: None, ..self.query }
    }

    pub(super) fn page_size(&self) -> usize {
        match self.query.limit {
            0 => PAGE_DEFAULT,
            limit => limit.min(PAGE_MAX),
        }
    }

    /// The query asks for one job more than the page holds: whether there is more costs nothing.
    pub(super) fn into_query(self) -> ListQuery {
        let limit = self.page_size() + 1;
        ListQuery { limit, ..self.query }
    }
}

/// A page of jobs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Page {
    /// The jobs.
    pub jobs: Vec<JobRecord>,
    /// Where the next page begins; none on the last page.
    pub next_cursor: Option<JobId>,
    /// False when so many jobs had to be looked at that the page ends early.
    pub complete: bool,
}

impl Page {
    pub(super) fn new(listed: Listed, limit: usize) -> Self {
        let Listed { mut jobs, stopped_at } = listed;
        let has_more = jobs.len() > limit;
        jobs.truncate(limit);
        let last = jobs.last().filter(|_| has_more).map(|job| job.id);
        Self { jobs, next_cursor: last.or(stopped_at), complete: stopped_at.is_none() }
    }
}

/// Counts of a namespace.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Stats {
    /// By queue and kind.
    pub kinds: Vec<KindStats>,
    /// Live workers.
    pub workers: Vec<WorkerStats>,
    /// Size of the whole database in bytes.
    pub storage_bytes: u64,
}

/// Counts of one kind in one queue. `jobs` says how many are in a state now; the others only grow.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct KindStats {
    /// The queue.
    pub queue: String,
    /// The kind.
    pub kind: String,
    /// Jobs by state.
    pub jobs: BTreeMap<State, u64>,
    /// Jobs stored.
    pub enqueues: u64,
    /// Leases given.
    pub claims: u64,
    /// Jobs completed.
    pub completions: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Entries into retrying.
    pub retries: u64,
    /// Jobs that became dead letters.
    pub dead_letters: u64,
    /// Jobs that failed for good.
    pub failures: u64,
    /// Jobs cancelled.
    pub cancels: u64,
    /// Leases lost.
    pub crashes: u64,
    /// Outcomes refused because their lease was gone.
    pub stale_settles: u64,
    /// Ended jobs deleted because they were kept long enough.
    pub prunes: u64,
}

/// A live worker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Its name.
    pub name: String,
    /// Jobs it runs at a time.
    pub slots: u64,
    /// Queues it serves; empty means all.
    pub queues: Vec<String>,
    /// Kinds it serves; empty means all.
    pub kinds: Vec<String>,
}

impl Stats {
    /// Jobs in `state` now.
    pub fn jobs(&self, state: State) -> u64 {
        self.sum(|kind| kind.jobs.get(&state).copied().unwrap_or(0))
    }

    /// Sums one count over all kinds.
    pub fn sum(&self, count: impl Fn(&KindStats) -> u64) -> u64 {
        self.kinds.iter().map(count).sum()
    }

    pub(super) fn of(counted: Counted) -> Self {
        let mut kinds: Vec<KindStats> = Vec::new();
        for tally in counted.tallies {
            let same = |last: &KindStats| last.queue == tally.queue && last.kind == tally.kind;
            if !kinds.last().is_some_and(same) {
                let (queue, kind) = (tally.queue, tally.kind);
                kinds.push(KindStats { queue, kind, ..KindStats::default() });
            }
            if let Some(last) = kinds.last_mut() {
                last.put(tally.measure, u64::try_from(tally.n).unwrap_or(0));
            }
        }
        let count = |n| u64::try_from(n).unwrap_or(0);
        let workers = counted.workers.into_iter().map(|worker| WorkerStats {
            name: worker.name,
            slots: count(worker.slots),
            queues: worker.queues,
            kinds: worker.kinds,
        });
        Self { kinds, workers: workers.collect(), storage_bytes: count(counted.storage_bytes) }
    }
}

impl KindStats {
    fn put(&mut self, code: i64, n: u64) {
        if let Some(state) = State::from_code(code) {
            self.jobs.insert(state, n);
            return;
        }
        let totals = [
            (Measure::Enqueues, &mut self.enqueues),
            (Measure::Claims, &mut self.claims),
            (Measure::Completions, &mut self.completions),
            (Measure::FailedAttempts, &mut self.failed_attempts),
            (Measure::Retries, &mut self.retries),
            (Measure::DeadLetters, &mut self.dead_letters),
            (Measure::Failures, &mut self.failures),
            (Measure::Cancels, &mut self.cancels),
            (Measure::Crashes, &mut self.crashes),
            (Measure::StaleSettles, &mut self.stale_settles),
            (Measure::Prunes, &mut self.prunes),
        ];
        for (measure, total) in totals {
            if measure.code() == code {
                *total = n;
            }
        }
    }
}
