//! The first page: how everything stands.

use std::time::Duration;

use askama::Template;
use windlass::{JobFilter, KindStats, SeriesPoint, SeriesQuery, State, Stats, Timestamp, Took};

use super::Base;
use super::findings::{Finding, Read};
use crate::dashboard::draw::{Bar, Line, bars, lines, spark};
use crate::dashboard::page::{Viewer, see};
use crate::dashboard::text::{Safe, bytes, count, encoded, maybe_time, short, time, word_badge};
use crate::routes::Answer;
use crate::routes::health::late_loops;

/// What a chart may look back over: its name, and minutes of the whole and of a step.
const RANGES: [(&str, u64, u64); 4] =
    [("15m", 15, 1), ("1h", 60, 1), ("6h", 360, 6), ("24h", 1440, 24)];

/// Pairs of queue and type whose oldest job is looked at.
const PAIRS_MAX: usize = 200;

const OLDEST: usize = 5;
const FAILING: usize = 8;
const SCHEDULES: usize = 5;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    base: Base,
    tiles: Vec<Tile>,
    ranges: Vec<(&'static str, bool)>,
    throughput: Safe,
    latency: Safe,
    oldest: Vec<(String, String, Safe)>,
    failing: Vec<Failing>,
    workers: usize,
    slots: String,
    running: String,
    schedules: Vec<(String, Safe)>,
    findings: Vec<Finding>,
    /// None for those who see but a part of the database.
    storage: Option<Storage>,
    is_empty: bool,
}

/// The database as a whole.
struct Storage {
    size: String,
    /// When the oldest job of the namespace was stored.
    oldest: Safe,
    kept: String,
    upkeep: String,
}

struct Tile {
    class: &'static str,
    badge: Safe,
    value: String,
    exact: String,
    note: String,
    spark: Safe,
    link: String,
}

struct Failing {
    kind: String,
    encoded: String,
    rate: String,
    failed: String,
    dead: String,
}

pub(in crate::dashboard) async fn overview(viewer: Viewer) -> Answer {
    if viewer.caller.has_queues() {
        // A whole namespace is more than this key is for.
        return see(&format!("{}/jobs", viewer.root()));
    }
    let asked = viewer.parameter("range").unwrap_or_default();
    let range = RANGES.into_iter().find(|(name, ..)| *name == asked).unwrap_or(RANGES[1]);
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let asked =
        SeriesQuery { range: minutes(range.1), step: minutes(range.2), ..SeriesQuery::default() };
    let queue = &viewer.queue;
    let stats = queue.stats().await?;
    let points = queue.series(&asked).await?.points;
    let mut oldest = queue.oldest_by_kind(PAIRS_MAX).await?;
    oldest.sort_by_key(|(.., since)| *since);
    let (root, late) = (viewer.root(), late_loops(&viewer.app));
    let queues = queue.queues("").await?;
    let read = Read {
        root: &root,
        stats: &stats,
        points: &points,
        oldest: &oldest,
        queues: &queues,
        late: &late,
    };
    let findings = read.findings();
    let storage = match viewer.caller.has_namespaces() {
        true => None,
        false => Some(storage(&viewer, &stats, &late).await?),
    };
    let oldest = oldest.into_iter().take(OLDEST);
    let slots = stats.workers.iter().map(|worker| worker.slots).sum();
    let content = Overview {
        base: Base::of(&viewer),
        tiles: tiles(&root, &stats, &points, range.2),
        ranges: RANGES.map(|(name, ..)| (name, name == range.0)).to_vec(),
        throughput: throughput(&points),
        latency: latency(&points),
        oldest: oldest.map(|(queue, kind, since)| (queue, kind, time(since))).collect(),
        failing: failing(&stats),
        workers: stats.workers.len(),
        slots: count(slots),
        running: count(stats.jobs(State::Running)),
        schedules: next_schedules(&viewer).await?,
        findings,
        storage,
        is_empty: stats.sum(|kind| kind.enqueues) == 0,
    };
    viewer.page("Overview", "", &content).await
}

/// How large the database is, and what keeps it so.
async fn storage(
    viewer: &Viewer,
    stats: &Stats,
    late: &[&str],
) -> Result<Storage, windlass::Error> {
    let first = viewer.queue.list(JobFilter::new().oldest_first().limit(1)).await?;
    let ended = State::ALL.into_iter().filter(|state| state.is_terminal());
    let upkeep = match (viewer.queue.upkeep_health().is_empty(), late) {
        (true, _) => "of another process".to_owned(),
        (false, []) => "on time".to_owned(),
        (false, late) => format!("late: {}", late.join(", ")),
    };
    Ok(Storage {
        size: bytes(stats.storage_bytes),
        oldest: maybe_time(first.jobs.first().map(|job| job.created_at)),
        kept: short(ended.map(|state| stats.jobs(state)).sum()),
        upkeep,
    })
}

fn tiles(root: &str, stats: &Stats, points: &[SeriesPoint], step: u64) -> Vec<Tile> {
    let curve = |value: fn(&SeriesPoint) -> u64| points.iter().map(value).collect::<Vec<_>>();
    let over = |n: u64| if step == 1 { n } else { n / step };
    // The last point is not over yet; the one before it is the last whole one.
    let last = |curve: &[u64]| over(curve.iter().rev().nth(1).copied().unwrap_or(0));
    let tile = |class: &'static str, value: u64, name: &str, of: fn(&SeriesPoint) -> u64| {
        let curve = curve(of);
        Tile {
            class,
            badge: word_badge(class, &class.replace('_', " ")),
            value: short(value),
            exact: count(value),
            note: format!("{} {name}/min", count(last(&curve))),
            spark: spark(&curve),
            link: format!("{root}/jobs?q={}", encoded(&format!("state:{class}"))),
        }
    };
    let now = |state| stats.jobs(state);
    vec![
        tile("pending", now(State::Pending), "stored", |point| point.enqueued),
        tile("running", now(State::Running), "started", |point| point.started),
        tile("delayed", now(State::Delayed), "stored", |point| point.enqueued),
        tile("retrying", now(State::Retrying), "retried", |point| point.retried),
        tile("dead_letter", now(State::DeadLetter), "died", |point| point.dead),
        tile("completed", now(State::Completed), "done", |point| point.completed),
    ]
}

fn throughput(points: &[SeriesPoint]) -> Safe {
    let bar = |point: &SeriesPoint| Bar {
        at: point.at(),
        parts: [point.completed, point.failed, point.dead],
    };
    bars("Jobs that ended", &points.iter().map(bar).collect::<Vec<_>>())
}

fn latency(points: &[SeriesPoint]) -> Safe {
    let line = |class, name, value: fn(&SeriesPoint) -> (Took, Duration)| {
        let value = |point: &SeriesPoint| {
            let (took, value) = value(point);
            (took.count > 0).then_some(value)
        };
        Line { class, name, values: points.iter().map(value).collect() }
    };
    let instants: Vec<Timestamp> = points.iter().map(SeriesPoint::at).collect();
    let drawn = [
        line("wait50", "wait p50", |point| (point.wait, point.wait.p50)),
        line("wait99", "wait p99", |point| (point.wait, point.wait.p99)),
        line("run50", "run p50", |point| (point.run, point.run.p50)),
        line("run99", "run p99", |point| (point.run, point.run.p99)),
    ];
    lines("Wait and run time", &instants, &drawn)
}

/// Types with failed attempts, those with the most dead letters first.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn failing(stats: &Stats) -> Vec<Failing> {
    let mut kinds: Vec<KindStats> = Vec::new();
    for kind in stats.kinds.iter().filter(|kind| kind.failed_attempts > 0) {
        match kinds.iter_mut().find(|known| known.kind == kind.kind) {
            Some(known) => {
                known.failed_attempts += kind.failed_attempts;
                known.completions += kind.completions;
                known.dead_letters += dead(kind);
            }
            None => {
                let mut kind = kind.clone();
                kind.dead_letters = dead(&kind);
                kinds.push(kind);
            }
        }
    }
    kinds.sort_by_key(|kind| std::cmp::Reverse((kind.dead_letters, kind.failed_attempts)));
    let shown = kinds.into_iter().take(FAILING).map(|kind| {
        let ran = (kind.failed_attempts + kind.completions).max(1);
        let share = 100.0 * kind.failed_attempts as f64 / ran as f64;
        Failing {
            encoded: encoded(&format!("type:{}", kind.kind)),
            rate: format!("{share:.1} %"),
            failed: count(kind.failed_attempts),
            dead: count(kind.dead_letters),
            kind: kind.kind,
        }
    });
    shown.collect()
}

/// Dead letters that are there now.
fn dead(kind: &KindStats) -> u64 {
    kind.jobs.get(&State::DeadLetter).copied().unwrap_or(0)
}

async fn next_schedules(viewer: &Viewer) -> Result<Vec<(String, Safe)>, windlass::Error> {
    let schedules = viewer.queue.schedules("").await?;
    let due = schedules.into_iter().filter(|schedule| schedule.paused.is_none());
    let mut due: Vec<_> = due.filter_map(|it| Some((it.next_tick?, it.name))).collect();
    due.sort_unstable();
    Ok(due.into_iter().take(SCHEDULES).map(|(at, name)| (name, time(at))).collect())
}
