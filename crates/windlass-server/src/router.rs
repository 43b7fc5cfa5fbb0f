//! The table of routes.

use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Router, http::Uri};

use crate::app::Shared;
use crate::edge::edge;
use crate::problem::Problem;
use crate::routes::{enqueue, health, info, job, list, metrics, stats, wait};

/// All routes, behind the checks every request passes.
pub(crate) fn routes(app: Shared) -> Router {
    Router::new()
        .route("/api/v1", get(info::info))
        .route("/api/v1/", get(info::info))
        .route("/api/v1/jobs", get(list::list).post(enqueue::enqueue))
        .route("/api/v1/jobs/batch", post(enqueue::enqueue_batch))
        .route("/api/v1/jobs/{id}", get(job::get).delete(job::delete))
        .route("/api/v1/jobs/{id}/cancel", post(job::cancel))
        .route("/api/v1/jobs/{id}/retry", post(job::retry))
        .route("/api/v1/jobs/{id}/wait", get(wait::wait).post(wait::wait))
        .route("/api/v1/jobs/{id}/result", get(wait::result))
        .route("/api/v1/jobs/{id}/attempts", get(job::attempts))
        .route("/api/v1/stats", get(stats::stats))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/live", get(health::live))
        .route("/metrics", get(metrics::metrics))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Shared::clone(&app), edge))
        .with_state(app)
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::method_not_allowed(format!("{} does not take {method}", uri.path()))
}
