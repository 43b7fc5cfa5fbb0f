//! Whether the parts work, for people and for what restarts processes.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;
use windlass::{Error, Stats, Timestamp};

use super::Answer;
use crate::app::{App, Shared};

/// A database that takes longer to count than this does not serve requests either.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// A loop of upkeep that has not succeeded for this long is stuck: each runs once a minute at least.
const UPKEEP_SUCCEEDS_WITHIN: Duration = Duration::from_secs(120);

#[derive(Serialize)]
struct Health<'a> {
    healthy: bool,
    status: &'static str,
    components: Components,
    version: &'a str,
    timestamp: Timestamp,
}

#[derive(Serialize)]
struct Components {
    store: Component,
    scheduler: Component,
    workers: Component,
    upkeep: Component,
}

#[derive(Serialize)]
struct Component {
    healthy: bool,
    message: String,
}

impl Component {
    fn new(healthy: bool, message: impl Into<String>) -> Self {
        Self { healthy, message: message.into() }
    }
}

pub(crate) async fn health(State(app): State<Shared>) -> Response {
    let counted = counted(&app).await;
    let components = Components {
        store: store(&counted),
        scheduler: upkeep(&app, |name| name == "promote"),
        workers: workers(counted.as_ref().ok()),
        upkeep: upkeep(&app, |_| true),
    };
    let healthy = components.store.healthy && components.upkeep.healthy;
    let (code, status) = match healthy {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "degraded"),
    };
    let version = app.version.as_str();
    let health = Health { healthy, status, components, version, timestamp: app.now() };
    (code, Json(health)).into_response()
}

pub(crate) async fn ready(State(app): State<Shared>) -> Answer {
    let refused = match counted(&app).await {
        _ if app.leaving.is_cancelled() => json!({ "ready": false, "stopping": true }),
        Ok(_) => return Ok(Json(json!({ "ready": true })).into_response()),
        Err(_) => json!({ "ready": false, "missing": ["store"] }),
    };
    Ok((StatusCode::SERVICE_UNAVAILABLE, Json(refused)).into_response())
}

pub(crate) async fn live() -> Response {
    Json(json!({ "alive": true })).into_response()
}

/// The counts, which are cheap to read and prove that the database answers; or what is wrong with it.
async fn counted(app: &App) -> Result<Stats, &'static str> {
    let Ok(queue) = app.queue() else { return Err("not open yet") };
    match tokio::time::timeout(STORE_ANSWERS_WITHIN, queue.stats()).await {
        Ok(Ok(stats)) => Ok(stats),
        Ok(Err(Error::Closed)) => Err("closed"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            Err("does not answer")
        }
        Err(_) => Err("does not answer"),
    }
}

fn store(counted: &Result<Stats, &'static str>) -> Component {
    match counted {
        Ok(_) => Component::new(true, "answers"),
        Err(why) => Component::new(false, *why),
    }
}

/// No worker is no fault of this process: they may run elsewhere, or not yet.
fn workers(stats: Option<&Stats>) -> Component {
    let Some(stats) = stats else { return Component::new(true, "unknown") };
    let slots: u64 = stats.workers.iter().map(|worker| worker.slots).sum();
    let running = stats.jobs(windlass::State::Running);
    Component::new(true, format!("{running}/{slots} active"))
}

/// Loops run beside workers; a process without workers has none.
fn upkeep(app: &App, is_meant: impl Fn(&str) -> bool) -> Component {
    let late: Vec<&str> = late_loops(app).into_iter().filter(|name| is_meant(name)).collect();
    if late.is_empty() {
        Component::new(true, "on time")
    } else {
        Component::new(false, format!("without success for two minutes: {}", late.join(", ")))
    }
}

/// Loops of upkeep in this process that have not succeeded for too long.
pub(crate) fn late_loops(app: &App) -> Vec<&'static str> {
    let now = app.now();
    let health = app.queue().map(windlass::Queue::upkeep_health).unwrap_or_default();
    let late = health.into_iter().filter(|(_, at)| now.since(*at) > UPKEEP_SUCCEEDS_WITHIN);
    late.map(|(name, _)| name).collect()
}
