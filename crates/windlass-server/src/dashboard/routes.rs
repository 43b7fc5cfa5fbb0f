//! The routes of the dashboard.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::pages::{
    access, bulk, bundles, catalog, job, job_forms, jobs, overview, queue_form, queues, schedules,
    workers,
};
use super::{assets, forms, live, login, page};
use crate::app::Shared;

/// All of them, behind what concerns pages alone; the gate stands before.
pub(crate) fn routes(app: &Shared) -> Router<Shared> {
    Router::new()
        .route("/", get(login::root))
        .route("/ui/login", get(login::ask).post(login::sign_in))
        .route("/ui/logout", post(login::sign_out))
        .route("/ui/namespace", post(login::namespace))
        .route("/ui/assets/{name}", get(assets::asset))
        .route("/ui", get(overview::overview))
        .route("/ui/", get(overview::overview))
        .route("/ui/about", get(access::about))
        .route("/ui/audit", get(access::audit))
        .route("/ui/keys", get(access::keys).post(access::create))
        .route("/ui/keys/{id}/revoke", post(access::revoke))
        .merge(job_routes())
        .merge(queue_routes())
        .merge(schedule_routes())
        .merge(other_routes())
        .layer(from_fn_with_state(Shared::clone(app), live::live))
        .layer(from_fn_with_state(Shared::clone(app), forms::check))
        .layer(from_fn_with_state(Shared::clone(app), page::dress))
}

fn job_routes() -> Router<Shared> {
    Router::new()
        .route("/ui/jobs", get(jobs::list_jobs))
        .route("/ui/jobs/{id}", get(job::show))
        .route("/ui/jobs/{id}/edit", get(job_forms::ask_edit).post(job_forms::edit))
        .route("/ui/jobs/{id}/retry", post(job_forms::retry))
        .route("/ui/jobs/{id}/cancel", post(job_forms::cancel))
        .route("/ui/jobs/{id}/duplicate", post(job_forms::duplicate))
        .route("/ui/jobs/{id}/delete", post(job_forms::delete))
}

fn queue_routes() -> Router<Shared> {
    Router::new()
        .route("/ui/queues", get(queues::list).post(queue_form::create))
        .route("/ui/queue-form", get(queue_form::ask))
        .route("/ui/queues/{name}", get(queues::show))
        .route("/ui/queues/{name}/pause", post(queues::pause))
        .route("/ui/queues/{name}/resume", post(queues::resume))
        .route("/ui/queues/{name}/settings", post(queue_form::configure))
        .route("/ui/queues/{name}/purge", post(queues::purge))
        .route("/ui/types", get(catalog::types))
        .route("/ui/types/{name}/pause", post(catalog::pause))
        .route("/ui/types/{name}/resume", post(catalog::resume))
        .route("/ui/limits", get(catalog::limits))
}

fn schedule_routes() -> Router<Shared> {
    Router::new()
        .route("/ui/schedules", get(schedules::list).post(schedules::create))
        .route("/ui/schedule-form", get(schedules::ask))
        .route("/ui/schedule-preview", get(schedules::preview))
        .route("/ui/schedules/{name}", get(schedules::show).post(schedules::change))
        .route("/ui/schedules/{name}/pause", post(schedules::pause))
        .route("/ui/schedules/{name}/resume", post(schedules::resume))
        .route("/ui/schedules/{name}/trigger", post(schedules::trigger))
        .route("/ui/schedules/{name}/delete", post(schedules::delete))
}

fn other_routes() -> Router<Shared> {
    Router::new()
        .route("/ui/dead", get(bulk::dead))
        .route("/ui/operations", get(bulk::list).post(bulk::start))
        .route("/ui/operations/confirm", post(bulk::confirm))
        .route("/ui/operations/{id}", get(bulk::show))
        .route("/ui/operations/{id}/cancel", post(bulk::cancel))
        .route("/ui/workers", get(workers::list))
        .route("/ui/workers/{id}/quiet", post(workers::quiet))
        .route("/ui/workers/{id}/terminate", post(workers::terminate))
        .route("/ui/workflows", get(bundles::list_workflows))
        .route("/ui/workflows/{id}", get(bundles::workflow))
        .route("/ui/workflows/{id}/cancel", post(bundles::cancel))
        .route("/ui/workflows/{id}/retry", post(bundles::retry))
        .route("/ui/batches", get(bundles::list_batches))
        .route("/ui/batches/{id}", get(bundles::batch))
}
