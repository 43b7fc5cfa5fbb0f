//! Counts, rates and latencies, now and by the minute.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use windlass::protocol::{ObservedStats, SeriesObject, StatsObject};
use windlass::{Error, JobFilter, SeriesQuery, parse_duration};

use super::Answer;
use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::{Namespaced, Pairs, unknown_parameter};
use crate::window::nanos;

/// Running jobs that are named.
const PROCESSING_IDS_MAX: usize = 100;

/// Points of a series whose step nobody named, at most.
const POINTS: u64 = 60;

pub(crate) async fn stats(
    caller: Caller,
    State(app): State<Shared>,
    Namespaced(queue): Namespaced,
) -> Answer {
    let mut stats = queue.stats().await?;
    let filter = JobFilter::new().state(windlass::State::Running).limit(PROCESSING_IDS_MAX);
    let running = queue.list(filter).await?;
    let processing_ids = running.jobs.iter().map(|job| job.id).collect();
    // The size of the database, and what this process saw, are those of all namespaces together.
    let observed = if caller.has_namespaces() {
        stats.storage_bytes = 0;
        ObservedStats { processing_ids, uptime: nanos(app.uptime()), ..ObservedStats::default() }
    } else {
        ObservedStats {
            processing_ids,
            uptime: nanos(app.uptime()),
            rates: app.observer.rates(),
            latency: app.observer.latency(),
        }
    };
    let observed = observed.with(&queue.rates().await?);
    Ok(Json(StatsObject::new(&stats, observed, app.now())).into_response())
}

pub(crate) async fn series(Namespaced(queue): Namespaced, Pairs(pairs): Pairs) -> Answer {
    let series = queue.series(&query(&pairs)?).await.map_err(|error| match error {
        Error::Invalid(_) => Problem::unreadable(error.to_string()),
        error => error.into(),
    })?;
    Ok(Json(SeriesObject::from(&series)).into_response())
}

fn query(pairs: &[(String, String)]) -> Result<SeriesQuery, Problem> {
    let mut query = SeriesQuery::default();
    let (mut range, mut step, mut by) = (None, None, None);
    for (name, value) in pairs {
        let place = match name.as_str() {
            "range" => &mut range,
            "step" => &mut step,
            "by" => &mut by,
            "queue" => {
                query.queues.push(value.clone());
                continue;
            }
            _ => return Err(unknown_parameter(name)),
        };
        if place.replace(value.as_str()).is_some() {
            return Err(Problem::unreadable(format!("{name}: may be given once")));
        }
    }
    let span = |name: &str, value: &str| {
        parse_duration(value).map_err(|detail| Problem::unreadable(format!("{name}: {detail}")))
    };
    if let Some(range) = range {
        query.range = span("range", range)?;
    }
    query.step = match step {
        Some(step) => span("step", step)?,
        None => Duration::from_secs((query.range.as_secs() / 60).div_ceil(POINTS).max(1) * 60),
    };
    query.by_queue = match by {
        None => false,
        Some("queue") => true,
        Some(_) => return Err(Problem::unreadable("by: must be queue")),
    };
    Ok(query)
}
