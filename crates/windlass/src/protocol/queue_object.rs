//! Queues, types and namespaces as the API shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::State;
use crate::job::{
    Backoff, Fairness, Keep, KindRecord, PauseRecord, QueueRecord, Rate, Timestamp, format_duration,
};
use crate::queue::{KindStats, Stats};

/// A queue. What has its default is null; retention is what holds, null for ever.
#[derive(Debug, Serialize)]
pub struct QueueObject<'a> {
    name: &'a str,
    namespace: &'a str,
    version: i64,
    ttl: Option<String>,
    retries: Option<u32>,
    retry_delay: Option<String>,
    backoff: Option<&'a Backoff>,
    max_depth: Option<u32>,
    concurrency: Option<u32>,
    rate: Option<Rate>,
    fair: Option<&'a Fairness>,
    retention: BTreeMap<&'static str, Option<String>>,
    paused: Option<PauseObject<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paused_types: Vec<TypeObject<'a>>,
}

/// A type, and its pause.
#[derive(Debug, Serialize)]
pub struct TypeObject<'a> {
    r#type: &'a str,
    paused: Option<PauseObject<'a>>,
}

/// A pause that holds now.
#[derive(Debug, Serialize)]
pub struct PauseObject<'a> {
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
}

/// A namespace.
#[derive(Debug, Serialize)]
pub struct NamespaceObject<'a> {
    /// Its name.
    pub name: &'a str,
}

impl<'a> From<&'a QueueRecord> for QueueObject<'a> {
    fn from(queue: &'a QueueRecord) -> Self {
        let settings = &queue.settings;
        let ended = State::ALL.into_iter().filter(|state| state.is_terminal());
        let kept = |state: State| match settings.retention.of(state) {
            Keep::For(span) => Some(format_duration(span)),
            Keep::Forever => None,
        };
        let backoff = settings.backoff.as_ref();
        let of_kinds = queue.paused_kinds.iter();
        let of_kinds = of_kinds.map(|(kind, pause)| TypeObject::new(kind, Some(pause)));
        Self {
            name: &queue.name,
            namespace: &queue.namespace,
            version: queue.version,
            ttl: settings.ttl.map(format_duration),
            retries: settings.retries,
            retry_delay: backoff.map(|backoff| format_duration(backoff.initial)),
            backoff,
            max_depth: settings.max_depth,
            concurrency: settings.concurrency,
            rate: settings.rate,
            fair: settings.fair.as_ref(),
            retention: ended.map(|state| (state.as_str(), kept(state))).collect(),
            paused: queue.paused.as_ref().map(PauseObject::from),
            paused_types: of_kinds.collect(),
        }
    }
}

impl<'a> TypeObject<'a> {
    /// The type of this name, with its pause.
    pub fn new(name: &'a str, paused: Option<&'a PauseRecord>) -> Self {
        Self { r#type: name, paused: paused.map(PauseObject::from) }
    }
}

impl<'a> From<&'a PauseRecord> for PauseObject<'a> {
    fn from(pause: &'a PauseRecord) -> Self {
        Self {
            since: pause.since,
            until: pause.until,
            reason: pause.reason.as_deref(),
            by: pause.by.as_deref(),
        }
    }
}

impl<'a> From<&'a KindRecord> for TypeObject<'a> {
    fn from(kind: &'a KindRecord) -> Self {
        Self::new(&kind.name, kind.paused.as_ref())
    }
}

/// Counts of one queue: `{name, namespace, jobs, totals, types}`.
#[derive(Debug, Serialize)]
pub struct QueueStatsObject<'a> {
    name: &'a str,
    namespace: &'a str,
    jobs: BTreeMap<&'static str, u64>,
    totals: BTreeMap<&'static str, u64>,
    types: Vec<TypeStatsObject<'a>>,
}

#[derive(Debug, Serialize)]
struct TypeStatsObject<'a> {
    r#type: &'a str,
    jobs: BTreeMap<&'static str, u64>,
    totals: BTreeMap<&'static str, u64>,
}

impl<'a> QueueStatsObject<'a> {
    /// The counts of the queue `name` among those of its namespace.
    pub fn new(name: &'a str, namespace: &'a str, stats: &'a Stats) -> Self {
        let of_queue: Vec<&KindStats> =
            stats.kinds.iter().filter(|kind| kind.queue == name).collect();
        let types = of_queue.iter().map(|kind| TypeStatsObject {
            r#type: &kind.kind,
            jobs: jobs(&[kind]),
            totals: totals(&[kind]),
        });
        let types = types.collect();
        Self { name, namespace, jobs: jobs(&of_queue), totals: totals(&of_queue), types }
    }
}

fn jobs(kinds: &[&KindStats]) -> BTreeMap<&'static str, u64> {
    let of = |state| kinds.iter().filter_map(|kind| kind.jobs.get(&state)).sum();
    State::ALL.into_iter().map(|state| (state.as_str(), of(state))).collect()
}

fn totals(kinds: &[&KindStats]) -> BTreeMap<&'static str, u64> {
    let sum = |count: fn(&KindStats) -> u64| kinds.iter().map(|kind| count(kind)).sum();
    BTreeMap::from([
        ("enqueues", sum(|kind| kind.enqueues)),
        ("claims", sum(|kind| kind.claims)),
        ("completions", sum(|kind| kind.completions)),
        ("failed_attempts", sum(|kind| kind.failed_attempts)),
        ("retries", sum(|kind| kind.retries)),
        ("dead_letters", sum(|kind| kind.dead_letters)),
        ("failures", sum(|kind| kind.failures)),
        ("cancels", sum(|kind| kind.cancels)),
        ("crashes", sum(|kind| kind.crashes)),
        ("prunes", sum(|kind| kind.prunes)),
    ])
}

/// What an autoscaler asks: `{backlog, oldest_age_ms, arrival_rate, drain_rate, desired_workers}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScaleObject {
    /// Jobs that could run now.
    pub backlog: u64,
    /// How long the first of them has been able to run, in milliseconds.
    pub oldest_age_ms: u64,
    /// Jobs stored, a second.
    pub arrival_rate: f64,
    /// Attempts ended, a second.
    pub drain_rate: f64,
    /// Slots that would keep up and clear the backlog within a minute.
    pub desired_workers: u64,
}

/// A page of things in a list under their own name: `{NAME: [...], count, next_cursor, has_more}`.
#[derive(Debug, Serialize)]
pub struct NamedPage<T> {
    #[serde(flatten)]
    items: BTreeMap<&'static str, Vec<T>>,
    count: usize,
    next_cursor: Option<String>,
    has_more: bool,
}

impl<T> NamedPage<T> {
    /// A page of `items` under `name`; `next_cursor` is where the next one begins.
    pub fn new(name: &'static str, items: Vec<T>, next_cursor: Option<String>) -> Self {
        let (count, has_more) = (items.len(), next_cursor.is_some());
        Self { items: BTreeMap::from([(name, items)]), count, next_cursor, has_more }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::{QueueSettings, Retention};

    #[test]
    fn a_queue_is_shown_with_what_holds() {
        let queue = QueueRecord {
            name: "mail".to_owned(),
            namespace: "default".to_owned(),
            settings: QueueSettings {
                ttl: Some(Duration::from_secs(90)),
                retention: Retention { failed: Some(Keep::Forever), ..Retention::default() },
                ..QueueSettings::default()
            },
            version: 3,
            paused: None,
            paused_kinds: Vec::new(),
        };

        let json = serde_json::to_string(&QueueObject::from(&queue)).unwrap();

        assert_eq!(
            json,
            r#"{"name":"mail","namespace":"default","version":3,"ttl":"1m30s","retries":null,"#
                .to_owned()
                + r#""retry_delay":null,"backoff":null,"max_depth":null,"#
                + r#""concurrency":null,"rate":null,"fair":null,"retention":"#
                + r#"{"cancelled":"7d","completed":"1d","dead_letter":"30d","failed":null},"#
                + r#""paused":null}"#
        );
    }
}
