//! Queues: the list, one queue, its pause.

use std::collections::HashMap;

use askama::Template;
use serde_json::Value;
use windlass::protocol::read_pause;
use windlass::{
    KindStats, PauseRecord, PauseScope, QueueRecord, SeriesPoint, SeriesQuery, State, Stats,
    Timestamp,
};

use super::Base;
use super::queue_form::{Group, filled};
use crate::dashboard::draw::{Bar, bars, spark};
use crate::dashboard::forms::Form;
use crate::dashboard::page::{Viewer, see};
use crate::dashboard::text::{Safe, count, encoded, maybe_time, short, time};
use crate::problem::Problem;
use crate::request::Name;
use crate::routes::Answer;

/// Pairs of queue and type whose oldest job is looked at.
const PAIRS_MAX: usize = 500;

/// Queues on a page.
const PAGE: usize = 100;

#[derive(Template)]
#[template(path = "queues.html")]
struct QueuesPage {
    base: Base,
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    base: Base,
    name: String,
    query: String,
    pause: Option<Pause>,
    states: Vec<(State, Safe, String, String)>,
    oldest: Safe,
    throughput: Safe,
    kinds: Vec<Kind>,
    workers: Vec<(String, u64)>,
    groups: Vec<Group>,
    version: i64,
    waiting: u64,
}

struct Row {
    name: String,
    pause: Option<Pause>,
    pending: String,
    running: String,
    later: String,
    dead: String,
    limits: String,
    oldest: Safe,
    spark: Safe,
}

/// A pause, as pages tell it.
pub(super) struct Pause {
    pub(super) since: Safe,
    pub(super) until: Option<Safe>,
    pub(super) reason: String,
    pub(super) by: String,
}

struct Kind {
    name: String,
    pending: String,
    running: String,
    completed: String,
    failed: String,
    dead: String,
}

impl From<&PauseRecord> for Pause {
    fn from(pause: &PauseRecord) -> Self {
        Self {
            since: time(pause.since),
            until: pause.until.map(time),
            reason: pause.reason.clone().unwrap_or_default(),
            by: pause.by.clone().unwrap_or_default(),
        }
    }
}

pub(in crate::dashboard) async fn list(viewer: Viewer) -> Answer {
    let after = viewer.parameter("after").unwrap_or_default();
    let mut found = viewer.queue.queues(&after).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(|last| encoded(&last.name));
    found.retain(|queue| viewer.caller.allows_queue(&queue.name));
    let stats = viewer.queue.stats().await?;
    let series = SeriesQuery { by_queue: true, ..SeriesQuery::default() };
    let series = viewer.queue.series(&series).await?;
    let mut oldest: HashMap<String, Timestamp> = HashMap::new();
    for (queue, _, since) in viewer.queue.oldest_by_kind(PAIRS_MAX).await? {
        let known = oldest.entry(queue).or_insert(since);
        *known = since.min(*known);
    }
    let row = |queue: &QueueRecord| {
        let ended = |point: &SeriesPoint| point.completed + point.failed + point.dead;
        let points = series.queues.get(&queue.name);
        let curve: Vec<u64> =
            points.map_or_else(|| vec![0, 0], |points| points.iter().map(ended).collect());
        let of = |state| in_state(&stats, &queue.name, state);
        Row {
            name: queue.name.clone(),
            pause: queue.paused.as_ref().map(Pause::from),
            pending: short(of(State::Pending)),
            running: short(of(State::Running)),
            later: short(of(State::Delayed) + of(State::Retrying)),
            dead: short(of(State::DeadLetter)),
            limits: limits(queue),
            oldest: maybe_time(oldest.get(&queue.name).copied()),
            spark: spark(&curve),
        }
    };
    let rows = found.iter().map(row).collect();
    let content = QueuesPage { base: Base::of(&viewer), rows, next };
    viewer.page("Queues", "queues", &content).await
}

fn in_state(stats: &Stats, queue: &str, state: State) -> u64 {
    let kinds = stats.kinds.iter().filter(|kind| kind.queue == queue);
    kinds.map(|kind| kind.jobs.get(&state).copied().unwrap_or(0)).sum()
}

/// Its limits in a few words.
fn limits(queue: &QueueRecord) -> String {
    let settings = &queue.settings;
    let rate = settings
        .rate
        .map(|rate| format!("{} per {}", rate.count, windlass::format_duration(rate.per)));
    let parts = [
        settings.concurrency.map(|max| format!("{max} at a time")),
        rate,
        settings.max_depth.map(|max| format!("{} deep", count(u64::from(max)))),
        settings.fair.as_ref().map(|_| "fair".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

pub(in crate::dashboard) async fn show(viewer: Viewer, Name(name): Name) -> Answer {
    let record = viewer.queue.queue(&name).await?;
    let stats = viewer.queue.stats().await?;
    let oldest = viewer.queue.oldest_pending(&name).await?;
    let asked = SeriesQuery { queues: vec![name.clone()], ..SeriesQuery::default() };
    let points = viewer.queue.series(&asked).await?.points;
    let bar = |point: &SeriesPoint| Bar {
        at: point.at(),
        parts: [point.completed, point.failed, point.dead],
    };
    let serves =
        |worker: &&windlass::WorkerStats| worker.queues.is_empty() || worker.queues.contains(&name);
    let state = |state: State| {
        let query = encoded(&format!("state:{state} queue:{name}"));
        let n = in_state(&stats, &name, state);
        (state, crate::dashboard::text::badge(state), count(n), query)
    };
    let waiting = [State::Pending, State::Delayed, State::Retrying];
    let content = QueuePage {
        base: Base::of(&viewer),
        query: encoded(&format!("queue:{name}")),
        pause: record.paused.as_ref().map(Pause::from),
        states: State::ALL.into_iter().map(state).collect(),
        oldest: maybe_time(oldest),
        throughput: bars("Jobs that ended", &points.iter().map(bar).collect::<Vec<_>>()),
        kinds: stats.kinds.iter().filter(|kind| kind.queue == name).map(Kind::from).collect(),
        workers: stats
            .workers
            .iter()
            .filter(serves)
            .map(|worker| (worker.name.clone(), worker.slots))
            .collect(),
        groups: filled(&record),
        version: record.version,
        waiting: waiting.into_iter().map(|state| in_state(&stats, &name, state)).sum(),
        name: name.clone(),
    };
    viewer.page(&format!("Queue {name}"), "queues", &content).await
}

impl From<&KindStats> for Kind {
    fn from(kind: &KindStats) -> Self {
        let of = |state| count(kind.jobs.get(&state).copied().unwrap_or(0));
        Self {
            name: kind.kind.clone(),
            pending: of(State::Pending),
            running: of(State::Running),
            completed: count(kind.completions),
            failed: count(kind.failed_attempts),
            dead: of(State::DeadLetter),
        }
    }
}

pub(in crate::dashboard) async fn pause(viewer: Viewer, Name(name): Name, form: Form) -> Answer {
    let body = Value::Object(form.members(&["reason", "until"])).to_string();
    let (options, _) = read_pause(body.as_bytes())?;
    viewer.queue.pause(PauseScope::Queue(name.clone()), options).await?;
    back(&viewer, &name, "paused")
}

pub(in crate::dashboard) async fn resume(viewer: Viewer, Name(name): Name) -> Answer {
    viewer.queue.resume(PauseScope::Queue(name.clone())).await?;
    back(&viewer, &name, "resumed")
}

pub(in crate::dashboard) async fn purge(viewer: Viewer, Name(name): Name, form: Form) -> Answer {
    if form.text("confirm") != Some(&name) {
        return Err(Problem::unreadable(format!(
            "confirm: type {name}, the queue's name, to go on"
        )));
    }
    let waiting = [State::Pending, State::Delayed, State::Retrying];
    viewer.queue.purge_queue(&name, &waiting).await?;
    back(&viewer, &name, "purged")
}

pub(super) fn back(viewer: &Viewer, name: &str, notice: &str) -> Answer {
    see(&format!("{}/queues/{}?notice={notice}", viewer.root(), encoded(name)))
}
