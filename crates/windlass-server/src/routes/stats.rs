//! Counts, rates and latencies.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use windlass::JobFilter;
use windlass::protocol::{ObservedStats, StatsObject};

use super::Answer;
use crate::app::Shared;
use crate::auth::Caller;
use crate::request::Namespaced;
use crate::window::nanos;

/// Running jobs that are named.
const PROCESSING_IDS_MAX: usize = 100;

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
    Ok(Json(StatsObject::new(&stats, observed, app.now())).into_response())
}
