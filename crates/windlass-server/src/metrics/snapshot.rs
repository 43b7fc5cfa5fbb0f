//! The database's counts as metrics.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use windlass::{KindStats, State, Stats, Timestamp};

use super::{JobLabels, Labels};

/// Name, help and value of a counter; the encoder adds `_total` to the name.
type Total = (&'static str, &'static str, fn(&KindStats) -> u64);

const TOTALS: [Total; 10] = [
    ("windlass_enqueues", "Jobs stored", |kind| kind.enqueues),
    ("windlass_claims", "Leases given", |kind| kind.claims),
    ("windlass_completions", "Jobs completed", |kind| kind.completions),
    ("windlass_failed_attempts", "Attempts that failed", |kind| kind.failed_attempts),
    ("windlass_retries", "Entries into retrying", |kind| kind.retries),
    ("windlass_dead_letters", "Jobs that became dead letters", |kind| kind.dead_letters),
    ("windlass_failures", "Jobs that failed for good", |kind| kind.failures),
    ("windlass_cancels", "Jobs cancelled", |kind| kind.cancels),
    ("windlass_crashes", "Leases lost", |kind| kind.crashes),
    ("windlass_stale_settles", "Outcomes refused for a lost lease", |kind| kind.stale_settles),
];

/// What pgqueue calls jobs that wait, wait again, run, completed and did not.
const STATUSES: [&str; 5] = ["new", "retry", "retained", "released", "failed"];

/// A namespace and a queue in it.
type QueueName = (Arc<str>, Arc<str>);

/// The counts of one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    kinds: BTreeMap<JobLabels, KindStats>,
    /// Slots by name.
    workers: BTreeMap<String, u64>,
    running: u64,
    slots: u64,
    storage_bytes: u64,
    upkeep: Vec<(&'static str, Timestamp)>,
    /// Seconds for which the first job that can run has been able to.
    oldest: BTreeMap<JobLabels, f64>,
}

impl Snapshot {
    /// A page without counts so far.
    pub(crate) fn new(upkeep: Vec<(&'static str, Timestamp)>) -> Self {
        let (workers, running, slots, storage_bytes) = (BTreeMap::new(), 0, 0, 0);
        let (kinds, oldest) = (BTreeMap::new(), BTreeMap::new());
        Self { kinds, workers, running, slots, storage_bytes, upkeep, oldest }
    }

    /// Adds the counts of a namespace, under bounded labels.
    pub(crate) fn add(&mut self, namespace: &str, stats: &Stats, labels: &Labels) {
        let namespace: Arc<str> = namespace.into();
        for kind in &stats.kinds {
            let labels =
                labels.admit(&namespace, &kind.queue.as_str().into(), &kind.kind.as_str().into());
            add(self.kinds.entry(labels).or_default(), kind);
        }
        self.running += stats.jobs(State::Running);
        self.storage_bytes = stats.storage_bytes;
        // One that serves all namespaces is a worker of each.
        for worker in &stats.workers {
            self.workers.insert(worker.name.clone(), worker.slots);
        }
        self.slots = self.workers.values().sum();
    }

    /// Adds since when jobs of a namespace have been able to run.
    pub(crate) fn add_oldest(
        &mut self,
        namespace: &str,
        oldest: &[(String, String, Timestamp)],
        (now, labels): (Timestamp, &Labels),
    ) {
        let namespace: Arc<str> = namespace.into();
        for (queue, kind, since) in oldest {
            let labels = labels.admit(&namespace, &queue.as_str().into(), &kind.as_str().into());
            let seconds = now.since(*since).as_secs_f64();
            let longest = self.oldest.entry(labels).or_default();
            *longest = longest.max(seconds);
        }
    }

    /// By queue, in the words of another queue.
    fn tasks(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut queues: BTreeMap<QueueName, [u64; STATUSES.len()]> = BTreeMap::new();
        for (labels, kind) in &self.kinds {
            let counts = queues.entry(labels.queue()).or_default();
            for (state, n) in &kind.jobs {
                let status = match state {
                    State::Pending | State::Delayed => 0,
                    State::Retrying => 1,
                    State::Running => 2,
                    State::Completed => 3,
                    State::Failed | State::DeadLetter | State::Cancelled => 4,
                };
                counts[status] += n;
            }
        }
        let values = queues.iter().flat_map(|((namespace, queue), counts)| {
            STATUSES.iter().zip(counts).map(move |(status, n)| {
                let queue = [("namespace", &**namespace), ("queue", &**queue), ("status", *status)];
                (queue, *n as f64)
            })
        });
        gauges(encoder, "queue_tasks", "Jobs by queue, in the words of pgqueue", values)
    }

    fn totals(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, value) in TOTALS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, kind) in &self.kinds {
                ConstCounter::new(value(kind)).encode(family.encode_family(labels)?)?;
            }
        }
        Ok(())
    }

    fn jobs(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let values = self.kinds.iter().flat_map(|(labels, kind)| {
            State::ALL.into_iter().map(move |state| {
                let count = kind.jobs.get(&state).copied().unwrap_or(0);
                ((labels.clone(), [("state", state.as_str())]), count as f64)
            })
        });
        gauges(encoder, "windlass_jobs", "Jobs by state", values)
    }

    fn rest(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let none: [(&str, &str); 0] = [];
        let workers = [(none, self.workers.len() as f64)];
        gauges(encoder, "windlass_workers", "Live workers", workers)?;
        let busy = self.running as f64;
        let idle = self.slots.saturating_sub(self.running) as f64;
        let slots = [([("state", "busy")], busy), ([("state", "idle")], idle)];
        gauges(encoder, "windlass_slots", "Slots of live workers", slots)?;
        let bytes = [(none, self.storage_bytes as f64)];
        gauges(encoder, "windlass_storage_bytes", "Size of the database", bytes)?;
        let upkeep =
            self.upkeep.iter().map(|(name, at)| ([("loop", *name)], at.as_micros() as f64 / 1e6));
        let name = "windlass_upkeep_last_success_seconds";
        gauges(encoder, name, "When a loop last succeeded, in seconds since 1970", upkeep)
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.totals(&mut encoder)?;
        self.jobs(&mut encoder)?;
        let oldest = self.oldest.iter().map(|(labels, seconds)| (labels.clone(), *seconds));
        let name = "windlass_oldest_pending_seconds";
        gauges(&mut encoder, name, "How long the first job has been able to run", oldest)?;
        self.tasks(&mut encoder)?;
        self.rest(&mut encoder)
    }
}

fn gauges<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (L, f64)>,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// Several kinds may share the label `other`.
fn add(sum: &mut KindStats, kind: &KindStats) {
    for (state, n) in &kind.jobs {
        *sum.jobs.entry(*state).or_default() += n;
    }
    sum.enqueues += kind.enqueues;
    sum.claims += kind.claims;
    sum.completions += kind.completions;
    sum.failed_attempts += kind.failed_attempts;
    sum.retries += kind.retries;
    sum.dead_letters += kind.dead_letters;
    sum.failures += kind.failures;
    sum.cancels += kind.cancels;
    sum.crashes += kind.crashes;
    sum.stale_settles += kind.stale_settles;
}
