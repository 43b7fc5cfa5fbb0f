//! What the handlers of one job left with it.

use axum::Json;
use axum::response::IntoResponse as _;
use windlass::protocol::{CheckpointObject, LogObject};

use super::Answer;
use crate::request::{Id, Namespaced};

pub(crate) async fn checkpoint(Namespaced(queue): Namespaced, Id(id): Id) -> Answer {
    let bytes = queue.checkpoint(id).await?;
    Ok(Json(CheckpointObject::of(id, bytes.as_deref())).into_response())
}

pub(crate) async fn logs(Namespaced(queue): Namespaced, Id(id): Id) -> Answer {
    let lines = queue.logs(id).await?;
    Ok(Json(LogObject::from(lines.as_slice())).into_response())
}
