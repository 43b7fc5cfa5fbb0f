//! Counts as the API shows them.

use std::time::Duration;

use serde::Serialize;

use crate::State;
use crate::job::{JobId, Timestamp};
use crate::queue::{Rates, Stats};

/// What one server process observed by itself, beside the counts of the database. Times are
/// nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct ObservedStats {
    /// Ids of running jobs, at most 100.
    pub processing_ids: Vec<JobId>,
    /// Time since the process started.
    pub uptime: u64,
    /// Jobs a second.
    pub rates: RatesObject,
    /// How long jobs waited and ran.
    pub latency: LatencyObject,
}

/// Jobs a second over the last one to two minutes on all nodes. Until a minute is over: since the start of the
/// process that answers, enqueued through it and run by its workers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RatesObject {
    /// Jobs stored.
    pub enqueued_per_second: f64,
    /// Attempts that completed or failed.
    pub processed_per_second: f64,
    /// Attempts that failed.
    pub failed_per_second: f64,
}

/// How long jobs waited and attempts ran in the last five minutes, on all nodes: what other processes saw
/// shows when their minute is over.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LatencyObject {
    /// From the time a job could run until it was claimed.
    pub wait: SpreadObject,
    /// From start to end of an attempt.
    pub run: SpreadObject,
}

/// Average, percentiles and maximum, in nanoseconds; percentiles and maximum are at most 7 % off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SpreadObject {
    /// Mean.
    pub avg: u64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Longest.
    pub max: u64,
}

/// The answer of `GET /api/v1/stats`.
#[derive(Debug, Serialize)]
pub struct StatsObject {
    queue: QueueCounts,
    workers: WorkerCounts,
    rates: RatesObject,
    latency: LatencyObject,
}

#[derive(Debug, Serialize)]
struct QueueCounts {
    pending: u64,
    /// Always 0: a word of another queue's clients for what is `delayed` here.
    scheduled: u64,
    running: u64,
    delayed: u64,
    retrying: u64,
    completed: u64,
    failed: u64,
    dead_letter: u64,
    cancelled: u64,
    total_jobs: u64,
    storage_bytes: u64,
    timestamp: Timestamp,
}

#[derive(Debug, Serialize)]
struct WorkerCounts {
    total_workers: u64,
    active_workers: u64,
    idle_workers: u64,
    queued_jobs: u64,
    processed_jobs: u64,
    succeeded_jobs: u64,
    failed_jobs: u64,
    retried_jobs: u64,
    avg_processing_time: u64,
    max_processing_time: u64,
    p99_processing_time: u64,
    processing_ids: Vec<JobId>,
    uptime: u64,
    healthy: bool,
}

impl ObservedStats {
    /// With what all nodes counted, as far as they did.
    #[must_use]
    pub fn with(mut self, all: &Rates) -> Self {
        if !all.over.is_zero() {
            self.rates = RatesObject {
                enqueued_per_second: all.enqueued,
                processed_per_second: all.processed,
                failed_per_second: all.failed,
            };
        }
        if all.wait.count > 0 {
            self.latency.wait = SpreadObject::from(&all.wait);
        }
        if all.run.count > 0 {
            self.latency.run = SpreadObject::from(&all.run);
        }
        self
    }
}

/// Nanoseconds, as clients of other queues read times.
pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl StatsObject {
    /// The counts of a namespace at `now`, beside what this process observed.
    pub fn new(stats: &Stats, observed: ObservedStats, now: Timestamp) -> Self {
        let jobs = |state| stats.jobs(state);
        let queue = QueueCounts {
            pending: jobs(State::Pending),
            scheduled: 0,
            running: jobs(State::Running),
            delayed: jobs(State::Delayed),
            retrying: jobs(State::Retrying),
            completed: jobs(State::Completed),
            failed: jobs(State::Failed),
            dead_letter: jobs(State::DeadLetter),
            cancelled: jobs(State::Cancelled),
            total_jobs: State::ALL.into_iter().map(jobs).sum(),
            storage_bytes: stats.storage_bytes,
            timestamp: now,
        };
        let slots: u64 = stats.workers.iter().map(|worker| worker.slots).sum();
        let run = observed.latency.run;
        let workers = WorkerCounts {
            total_workers: slots,
            active_workers: queue.running,
            idle_workers: slots.saturating_sub(queue.running),
            queued_jobs: queue.pending,
            processed_jobs: stats.sum(|kind| kind.completions + kind.failed_attempts),
            succeeded_jobs: stats.sum(|kind| kind.completions),
            failed_jobs: stats.sum(|kind| kind.failures + kind.dead_letters),
            retried_jobs: stats.sum(|kind| kind.retries),
            avg_processing_time: run.avg,
            max_processing_time: run.max,
            p99_processing_time: run.p99,
            processing_ids: observed.processing_ids,
            uptime: observed.uptime,
            healthy: !stats.workers.is_empty(),
        };
        Self { queue, workers, rates: observed.rates, latency: observed.latency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{KindStats, WorkerStats};

    #[test]
    fn counts_are_summed_over_kinds() {
        let kind = |running, completions| KindStats {
            jobs: [(State::Running, running), (State::DeadLetter, 1)].into(),
            completions,
            failed_attempts: 3,
            dead_letters: 1,
            ..KindStats::default()
        };
        let worker =
            WorkerStats { name: "w".to_owned(), slots: 10, queues: Vec::new(), kinds: Vec::new() };
        let stats =
            Stats { kinds: vec![kind(1, 5), kind(2, 0)], workers: vec![worker], storage_bytes: 7 };

        let object = StatsObject::new(&stats, ObservedStats::default(), Timestamp::from_micros(0));
        let json = serde_json::to_value(object).unwrap();

        assert_eq!(json["queue"]["running"], 3);
        assert_eq!(json["queue"]["total_jobs"], 5);
        assert_eq!(json["workers"]["idle_workers"], 7);
        assert_eq!(json["workers"]["processed_jobs"], 11);
        assert_eq!(json["workers"]["failed_jobs"], 2);
        assert_eq!(json["queue"]["scheduled"], 0);
    }
}
