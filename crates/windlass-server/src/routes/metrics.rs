//! Metrics: a page for Prometheus, or the main counters as JSON.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use serde::Serialize;
use windlass::{Queue, Stats, Timestamp};

use super::Answer;
use crate::app::{App, Shared};
use crate::metrics::{COMBINATIONS_MAX, OPEN_METRICS, PLAIN_TEXT, Snapshot, page};
use crate::problem::Problem;
use crate::request::Namespaced;
use crate::window::nanos;

/// Namespaces on one page.
const NAMESPACES_MAX: usize = 1000;

/// The shape `GopherQueue`'s clients read. Times are nanoseconds.
#[derive(Serialize)]
struct Counters<'a> {
    jobs_enqueued: u64,
    jobs_completed: u64,
    jobs_failed: u64,
    jobs_retried: u64,
    jobs_by_type: BTreeMap<&'a str, u64>,
    avg_processing_time: u64,
    max_processing_time: u64,
    queue_depth: u64,
    uptime: u64,
    timestamp: Timestamp,
}

pub(crate) async fn metrics(
    State(app): State<Shared>,
    Namespaced(queue): Namespaced,
    headers: HeaderMap,
) -> Answer {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let accepts = |kind| accept.is_some_and(|accept| accept.contains(kind));
    if accepts("application/json") {
        let stats = queue.stats().await?;
        return Ok(Json(counters(&app, &stats)).into_response());
    }
    let mut snapshot = Snapshot::new(queue.upkeep_health());
    for namespace in namespaces(&queue, &headers).await? {
        let queue = queue.in_namespace(&namespace)?;
        let (now, labels) = (queue.clock().now(), app.observer.labels());
        snapshot.add(&namespace, &queue.stats().await?, labels);
        let oldest = queue.oldest_by_kind(COMBINATIONS_MAX).await?;
        snapshot.add_oldest(&namespace, &oldest, (now, labels));
    }
    let format = if accepts("application/openmetrics-text") { OPEN_METRICS } else { PLAIN_TEXT };
    Ok(([(header::CONTENT_TYPE, format)], page(&app, snapshot)).into_response())
}

/// The namespace that the request names, or all of them.
pub(crate) async fn namespaces(queue: &Queue, headers: &HeaderMap) -> Result<Vec<String>, Problem> {
    if headers.contains_key("windlass-namespace") {
        return Ok(vec![queue.namespace().to_owned()]);
    }
    let mut all: Vec<String> = Vec::new();
    loop {
        let after = all.last().cloned().unwrap_or_default();
        let page = queue.namespaces(&after).await?;
        if page.is_empty() || all.len() >= NAMESPACES_MAX {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn counters<'a>(app: &App, stats: &'a Stats) -> Counters<'a> {
    let mut by_type = BTreeMap::new();
    for kind in &stats.kinds {
        *by_type.entry(kind.kind.as_str()).or_default() += kind.enqueues;
    }
    let run = app.observer.latency().run;
    Counters {
        jobs_enqueued: stats.sum(|kind| kind.enqueues),
        jobs_completed: stats.sum(|kind| kind.completions),
        jobs_failed: stats.sum(|kind| kind.failures + kind.dead_letters),
        jobs_retried: stats.sum(|kind| kind.retries),
        jobs_by_type: by_type,
        avg_processing_time: run.avg,
        max_processing_time: run.max,
        queue_depth: stats.jobs(windlass::State::Pending),
        uptime: nanos(app.uptime()),
        timestamp: app.now(),
    }
}
