//! What this server is, and where everything stands.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::app::Shared;

/// Method and path of each endpoint, and what it does.
const ENDPOINTS: [(&str, &str); 73] = [
    ("GET /api/v1", "this list"),
    ("POST /api/v1/jobs", "store a job"),
    ("POST /api/v1/jobs/batch", "store many jobs"),
    ("GET /api/v1/jobs", "list jobs"),
    ("GET /api/v1/jobs/{id}", "read a job"),
    ("DELETE /api/v1/jobs/{id}", "delete a job"),
    ("PATCH /api/v1/jobs/{id}", "change a job that waits or has ended"),
    ("POST /api/v1/jobs/{id}/cancel", "cancel a job"),
    ("POST /api/v1/jobs/{id}/retry", "give a job another attempt, or run it now"),
    ("GET /api/v1/jobs/{id}/wait", "wait for the end of a job"),
    ("POST /api/v1/jobs/{id}/wait", "wait for the end of a job"),
    ("GET /api/v1/jobs/{id}/result", "read the output or error of a job that has ended"),
    ("GET /api/v1/jobs/{id}/attempts", "list the attempts of a job"),
    ("GET /api/v1/jobs/{id}/explain", "why a job does not run"),
    ("GET /api/v1/jobs/{id}/dependencies", "what a job waits for, and what waits for it"),
    (
        "GET /api/v1/jobs/{id}/checkpoint",
        "read what the handler of a job kept for its next attempt",
    ),
    ("GET /api/v1/jobs/{id}/logs", "read what the handlers of a job wrote down"),
    ("POST /api/v1/jobs/{id}/signals", "give a signal to a job that waits for it"),
    ("POST /api/v1/operations", "do the same to many jobs"),
    ("GET /api/v1/operations", "list operations"),
    ("GET /api/v1/operations/{id}", "read how far an operation has come"),
    ("POST /api/v1/operations/{id}/cancel", "stop an operation"),
    ("GET /api/v1/dead/groups", "dead letters by what they died of"),
    ("GET /api/v1/queues", "list queues"),
    ("POST /api/v1/queues", "create a queue"),
    ("GET /api/v1/queues/{name}", "read a queue"),
    ("PATCH /api/v1/queues/{name}", "change settings of a queue"),
    ("DELETE /api/v1/queues/{name}", "delete a queue"),
    ("POST /api/v1/queues/{name}/pause", "pause a queue, or one type in it"),
    ("POST /api/v1/queues/{name}/resume", "end a pause"),
    ("POST /api/v1/queues/{name}/purge", "delete jobs of a queue"),
    ("GET /api/v1/queues/{name}/stats", "counts of a queue"),
    ("GET /api/v1/queues/{name}/scale", "what an autoscaler asks"),
    ("GET /api/v1/queues/{name}/explain", "why no job of a queue runs"),
    ("GET /api/v1/schedules/{name}/explain", "why a schedule makes no job now"),
    ("GET /api/v1/limits", "list limits by key"),
    ("GET /api/v1/limits/{name}", "read a limit"),
    ("PUT /api/v1/limits/{name}", "make or replace a limit"),
    ("DELETE /api/v1/limits/{name}", "delete a limit"),
    ("GET /api/v1/schedules", "list schedules"),
    ("POST /api/v1/schedules", "create a schedule"),
    ("GET /api/v1/schedules/{name}", "read a schedule"),
    ("PATCH /api/v1/schedules/{name}", "change a schedule"),
    ("DELETE /api/v1/schedules/{name}", "delete a schedule"),
    ("POST /api/v1/schedules/{name}/pause", "pause a schedule"),
    ("POST /api/v1/schedules/{name}/resume", "end the pause of a schedule"),
    ("POST /api/v1/schedules/{name}/trigger", "run the job of a schedule now"),
    ("GET /api/v1/schedules/{name}/ticks", "list ticks of the past"),
    ("POST /api/v1/schedules/preview", "list ticks to come"),
    ("GET /api/v1/workflows", "list workflows"),
    ("POST /api/v1/workflows", "store a whole graph of jobs"),
    ("GET /api/v1/workflows/{id}", "read a workflow and its nodes"),
    ("POST /api/v1/workflows/{id}/cancel", "cancel every node that has not ended"),
    ("POST /api/v1/workflows/{id}/retry", "run every node again that ended without success"),
    ("GET /api/v1/batches", "list batches"),
    ("POST /api/v1/batches", "open a batch"),
    ("GET /api/v1/batches/{id}", "read a batch and its counts"),
    ("POST /api/v1/batches/{id}/commit", "close the opening of a batch"),
    ("GET /api/v1/batches/{id}/explain", "what a batch still waits for"),
    ("GET /api/v1/types", "list types"),
    ("POST /api/v1/types/{name}/pause", "pause a type in all queues"),
    ("POST /api/v1/types/{name}/resume", "end the pause of a type"),
    ("GET /api/v1/namespaces", "list namespaces"),
    ("POST /api/v1/namespaces", "create a namespace"),
    ("DELETE /api/v1/namespaces/{name}", "delete a namespace"),
    ("GET /api/v1/jobs/{id}/events", "what happened to a job"),
    ("GET /api/v1/events", "follow what happens, as server-sent events"),
    ("GET /api/v1/stats", "counts, rates and latencies"),
    ("GET /api/v1/stats/timeseries", "the same by the minute"),
    ("GET /health", "health of the parts"),
    ("GET /ready", "whether requests can be served"),
    ("GET /live", "whether the process answers"),
    ("GET /metrics", "metrics for Prometheus"),
];

#[derive(Serialize)]
struct Info<'a> {
    name: &'static str,
    version: &'a str,
    endpoints: BTreeMap<&'static str, &'static str>,
}

pub(crate) async fn info(State(app): State<Shared>) -> Response {
    let endpoints = BTreeMap::from(ENDPOINTS);
    Json(Info { name: "Windlass API", version: &app.version, endpoints }).into_response()
}
