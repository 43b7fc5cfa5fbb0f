//! The table of routes.

use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch, post};
use axum::{Router, http::Uri};

use crate::app::Shared;
use crate::auth::gate;
use crate::dashboard;
use crate::edge::edge;
use crate::facade::{self, queue as queue_facade, task, ticker};
use crate::problem::Problem;
use crate::repeat::repeat;
use crate::routes::{
    audit, batches, enqueue, events, handler, health, info, job, keys, leases, limits, list,
    metrics, namespaces, operations, queue, queues, remote, schedule, schedules, stats, types,
    wait, workers, workflows,
};

/// All routes, behind the checks every request passes.
pub(crate) fn routes(app: Shared) -> Router {
    Router::new()
        .route("/api/v1", get(info::info))
        .route("/api/v1/", get(info::info))
        .route("/api/v1/openapi.json", get(info::openapi))
        .route("/api/v1/jobs", get(list::list).post(enqueue::enqueue))
        .route("/api/v1/jobs/batch", post(enqueue::enqueue_batch))
        .route("/api/v1/jobs/{id}", get(job::get).patch(job::change).delete(job::delete))
        .route("/api/v1/jobs/{id}/cancel", post(job::cancel))
        .route("/api/v1/jobs/{id}/retry", post(job::retry))
        .route("/api/v1/jobs/{id}/wait", get(wait::wait).post(wait::wait))
        .route("/api/v1/jobs/{id}/result", get(wait::result))
        .route("/api/v1/jobs/{id}/attempts", get(job::attempts))
        .route("/api/v1/jobs/{id}/explain", get(job::explain))
        .route("/api/v1/jobs/{id}/dependencies", get(job::dependencies))
        .route("/api/v1/jobs/{id}/checkpoint", get(handler::checkpoint).put(leases::checkpoint))
        .route("/api/v1/jobs/{id}/logs", get(handler::logs).post(leases::log))
        .route("/api/v1/jobs/{id}/signals", post(handler::signal))
        .route("/api/v1/operations", get(operations::list).post(operations::create))
        .route("/api/v1/operations/{id}", get(operations::get))
        .route("/api/v1/operations/{id}/cancel", post(operations::cancel))
        .route("/api/v1/dead/groups", get(operations::dead_groups))
        .merge(worker_routes())
        .merge(queue_routes())
        .merge(schedule_routes())
        .merge(bundle_routes())
        .merge(key_routes())
        .merge(observer_routes())
        .merge(facade_routes())
        .merge(dashboard::routes(&app))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/live", get(health::live))
        .route("/metrics", get(metrics::metrics))
        .fallback(unlisted)
        .method_not_allowed_fallback(unlisted)
        .layer(from_fn_with_state(Shared::clone(&app), repeat))
        .layer(from_fn_with_state(Shared::clone(&app), gate))
        .layer(from_fn_with_state(Shared::clone(&app), edge))
        .with_state(app)
}

fn worker_routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/workers", get(workers::list).post(remote::register))
        .route("/api/v1/workers/{id}", get(workers::get).delete(remote::unregister))
        .route("/api/v1/workers/{id}/claim", post(remote::claim))
        .route("/api/v1/workers/{id}/heartbeat", post(remote::heartbeat))
        .route("/api/v1/workers/{id}/settle", post(remote::settle))
        .route("/api/v1/workers/{id}/quiet", post(workers::quiet))
        .route("/api/v1/workers/{id}/terminate", post(workers::terminate))
        .route("/api/v1/jobs/claim", post(leases::claim))
        .route("/api/v1/jobs/{id}/complete", post(leases::complete))
        .route("/api/v1/jobs/{id}/fail", post(leases::fail))
        .route("/api/v1/jobs/{id}/snooze", post(leases::snooze))
        .route("/api/v1/jobs/{id}/release", post(leases::release))
        .route("/api/v1/jobs/{id}/extend", post(leases::extend))
}

fn queue_routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/queues", get(queues::list).post(queues::create))
        .route(
            "/api/v1/queues/{name}",
            get(queues::get).patch(queues::change).delete(queues::delete),
        )
        .route("/api/v1/queues/{name}/pause", post(queue::pause))
        .route("/api/v1/queues/{name}/resume", post(queue::resume))
        .route("/api/v1/queues/{name}/purge", post(queue::purge))
        .route("/api/v1/queues/{name}/stats", get(queue::stats))
        .route("/api/v1/queues/{name}/scale", get(queue::scale))
        .route("/api/v1/queues/{name}/explain", get(queue::explain))
        .route("/api/v1/types", get(types::list))
        .route("/api/v1/types/{name}/pause", post(types::pause))
        .route("/api/v1/types/{name}/resume", post(types::resume))
        .route("/api/v1/namespaces", get(namespaces::list).post(namespaces::create))
        .route("/api/v1/namespaces/{name}", delete(namespaces::delete))
}

fn key_routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/keys", get(keys::list).post(keys::create))
        .route("/api/v1/keys/{id}", patch(keys::change).delete(keys::revoke))
        .route("/api/v1/keys/{id}/rotate", post(keys::rotate))
        .route("/api/v1/audit", get(audit::list))
}

fn schedule_routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/limits", get(limits::list))
        .route("/api/v1/limits/{name}", get(limits::get).put(limits::put).delete(limits::delete))
        .route("/api/v1/schedules", get(schedules::list).post(schedules::create))
        .route("/api/v1/schedules/preview", post(schedules::preview))
        .route(
            "/api/v1/schedules/{name}",
            get(schedules::get).patch(schedules::change).delete(schedules::delete),
        )
        .route("/api/v1/schedules/{name}/pause", post(schedule::pause))
        .route("/api/v1/schedules/{name}/resume", post(schedule::resume))
        .route("/api/v1/schedules/{name}/trigger", post(schedule::trigger))
        .route("/api/v1/schedules/{name}/ticks", get(schedule::ticks))
        .route("/api/v1/schedules/{name}/explain", get(schedule::explain))
}

fn bundle_routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/workflows", get(workflows::list).post(workflows::start))
        .route("/api/v1/workflows/{id}", get(workflows::get))
        .route("/api/v1/workflows/{id}/cancel", post(workflows::cancel))
        .route("/api/v1/workflows/{id}/retry", post(workflows::retry))
        .route("/api/v1/batches", get(batches::list).post(batches::open))
        .route("/api/v1/batches/{id}", get(batches::get))
        .route("/api/v1/batches/{id}/commit", post(batches::commit))
        .route("/api/v1/batches/{id}/explain", get(batches::explain))
}

fn observer_routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/jobs/{id}/events", get(job::history))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/stats", get(stats::stats))
        .route("/api/v1/stats/timeseries", get(stats::series))
}

/// pgqueue's routes, under its prefix of today and that of its first release.
fn facade_routes() -> Router<Shared> {
    Router::new()
        .route("/api/namespace", get(facade::namespaces))
        .route("/api/queue", get(queue_facade::list).post(queue_facade::create))
        .route(
            "/api/queue/{name}",
            get(queue_facade::get).patch(queue_facade::change).delete(queue_facade::delete),
        )
        .route("/api/task", get(task::list).post(task::create).put(task::retain))
        .route("/api/task/{id}", get(task::get).put(task::retain_of).patch(task::release))
        .route("/api/ticker", get(ticker::list).post(ticker::create))
        .route("/api/ticker/next", get(facade::stream))
        .route("/api/ticker/{name}", get(ticker::get).patch(ticker::change).delete(ticker::delete))
        .route("/api/v1/namespace", get(facade::namespaces))
        .route("/api/v1/queue", get(queue_facade::list).post(queue_facade::create))
        .route(
            "/api/v1/queue/{name}",
            get(queue_facade::get).patch(queue_facade::change).delete(queue_facade::delete),
        )
        .route("/api/v1/task", get(task::list).post(task::create).put(task::retain))
        .route("/api/v1/task/{id}", get(task::get).put(task::retain_of).patch(task::release))
        .route("/api/v1/ticker", get(ticker::list).post(ticker::create))
        .route("/api/v1/ticker/next", get(facade::stream))
        .route(
            "/api/v1/ticker/{name}",
            get(ticker::get).patch(ticker::change).delete(ticker::delete),
        )
        .route("/api/metrics", get(facade::metrics))
}

/// The gate answers what is not in the table before anybody gets here.
async fn unlisted(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}
