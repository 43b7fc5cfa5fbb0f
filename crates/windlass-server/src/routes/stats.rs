//! Counts, rates and latencies.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use windlass::JobFilter;
use windlass::protocol::{ObservedStats, StatsObject};

use super::Answer;
use crate::app::Shared;
use crate::request::Namespaced;
use crate::window::nanos;

/// Running jobs that are named.
const PROCESSING_IDS_MAX: usize = 100;

pub(crate) async fn stats(State(app): State<Shared>, Namespaced(queue): Namespaced) -> Answer {
    let stats = queue.stats().await?;
    let filter = JobFilter::new().state(windlass::State::Running).limit(PROCESSING_IDS_MAX);
    let running = queue.list(filter).await?;
    let observed = ObservedStats {
        processing_ids: running.jobs.iter().map(|job| job.id).collect(),
        uptime: nanos(app.uptime()),
        rates: app.observer.rates(),
        latency: app.observer.latency(),
    };
    Ok(Json(StatsObject::new(&stats, observed, app.now())).into_response())
}
