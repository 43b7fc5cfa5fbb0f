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

/// The counts of one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    kinds: BTreeMap<JobLabels, KindStats>,
    workers: u64,
    running: u64,
    slots: u64,
    storage_bytes: u64,
    upkeep: Vec<(&'static str, Timestamp)>,
}

impl Snapshot {
    /// The counts of a namespace, under bounded labels.
    pub(crate) fn new(
        namespace: &str,
        stats: &Stats,
        upkeep: Vec<(&'static str, Timestamp)>,
        labels: &Labels,
    ) -> Self {
        let namespace: Arc<str> = namespace.into();
        let mut kinds: BTreeMap<JobLabels, KindStats> = BTreeMap::new();
        for kind in &stats.kinds {
            let labels =
                labels.admit(&namespace, &kind.queue.as_str().into(), &kind.kind.as_str().into());
            add(kinds.entry(labels).or_default(), kind);
        }
        Self {
            kinds,
            workers: stats.workers.len() as u64,
            running: stats.jobs(State::Running),
            slots: stats.workers.iter().map(|worker| worker.slots).sum(),
            storage_bytes: stats.storage_bytes,
            upkeep,
        }
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
        let workers = [(none, self.workers as f64)];
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
