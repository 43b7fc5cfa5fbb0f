//! Time series as the API shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::stats_object::{SpreadObject, nanos};
use crate::job::Timestamp;
use crate::queue::{Series, SeriesPoint, Took};

/// The answer of `GET /api/v1/stats/timeseries`: `{step_ms, points, queues}`. Times are nanoseconds.
#[derive(Debug, Serialize)]
pub struct SeriesObject<'a> {
    step_ms: u64,
    points: Vec<Point>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    queues: BTreeMap<&'a str, Vec<Point>>,
}

#[derive(Debug, Serialize)]
struct Point {
    at: Timestamp,
    enqueued: u64,
    started: u64,
    completed: u64,
    failed: u64,
    retried: u64,
    dead: u64,
    wait: Counted,
    run: Counted,
}

#[derive(Debug, Serialize)]
struct Counted {
    count: u64,
    #[serde(flatten)]
    spread: SpreadObject,
}

impl<'a> From<&'a Series> for SeriesObject<'a> {
    fn from(series: &'a Series) -> Self {
        let points = |points: &[SeriesPoint]| points.iter().map(Point::from).collect();
        let of_queues = series.queues.iter().map(|(queue, of)| (queue.as_str(), points(of)));
        Self {
            step_ms: u64::try_from(series.step.as_millis()).unwrap_or(u64::MAX),
            points: points(&series.points),
            queues: of_queues.collect(),
        }
    }
}

impl From<&SeriesPoint> for Point {
    fn from(point: &SeriesPoint) -> Self {
        let counted = |took: &Took| Counted { count: took.count, spread: took.into() };
        Self {
            at: point.at(),
            enqueued: point.enqueued,
            started: point.started,
            completed: point.completed,
            failed: point.failed,
            retried: point.retried,
            dead: point.dead,
            wait: counted(&point.wait),
            run: counted(&point.run),
        }
    }
}

impl From<&Took> for SpreadObject {
    fn from(took: &Took) -> Self {
        Self {
            avg: nanos(took.mean),
            p50: nanos(took.p50),
            p90: nanos(took.p90),
            p99: nanos(took.p99),
            max: nanos(took.max),
        }
    }
}
