//! Workers as things: list, read, ask them to be quiet or to terminate.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use windlass::protocol::{NamedPage, WorkerObject, read_nothing};
use windlass::{WorkerId, WorkerState};

use super::Answer;
use crate::app::Shared;
use crate::problem::Problem;
use crate::request::{Id, Namespaced, Pairs, RequestBody};

pub(crate) async fn list(
    State(app): State<Shared>,
    Namespaced(queue): Namespaced,
    pairs: Pairs,
) -> Answer {
    let (cursor, limit) = pairs.page()?;
    let before = (!cursor.is_empty()).then(|| cursor.parse()).transpose();
    let before: Option<WorkerId> =
        before.map_err(|detail| Problem::unreadable(format!("cursor: {detail}")))?;
    let mut workers = queue.workers(before).await?;
    let more = workers.len() > limit;
    workers.truncate(limit);
    let next = workers.last().filter(|_| more).map(|worker| worker.id.to_string());
    let now = app.now();
    let items = workers.iter().map(|worker| WorkerObject::new(worker, now)).collect();
    Ok(Json(NamedPage::new("workers", items, next)).into_response())
}

pub(crate) async fn get(
    State(app): State<Shared>,
    Namespaced(queue): Namespaced,
    Id(id): Id<WorkerId>,
) -> Answer {
    let worker = queue.registered_worker(id).await?;
    Ok(Json(WorkerObject::new(&worker, app.now())).into_response())
}

pub(crate) async fn quiet(
    State(app): State<Shared>,
    Namespaced(queue): Namespaced,
    Id(id): Id<WorkerId>,
    RequestBody(body): RequestBody,
) -> Answer {
    read_nothing(&body)?;
    let worker = queue.ask_worker(id, WorkerState::Quiet).await?;
    Ok(Json(WorkerObject::new(&worker, app.now())).into_response())
}

pub(crate) async fn terminate(
    State(app): State<Shared>,
    Namespaced(queue): Namespaced,
    Id(id): Id<WorkerId>,
    RequestBody(body): RequestBody,
) -> Answer {
    read_nothing(&body)?;
    let worker = queue.ask_worker(id, WorkerState::Terminate).await?;
    Ok(Json(WorkerObject::new(&worker, app.now())).into_response())
}
