//! What the handlers of one job left with it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use windlass::protocol::{CheckpointObject, LogObject, SignalObject, read_signal};

use super::Answer;
use crate::request::{Id, Namespaced, RequestBody};

pub(crate) async fn checkpoint(Namespaced(queue): Namespaced, Id(id): Id) -> Answer {
    let bytes = queue.checkpoint(id).await?;
    Ok(Json(CheckpointObject::of(id, bytes.as_deref())).into_response())
}

pub(crate) async fn logs(Namespaced(queue): Namespaced, Id(id): Id) -> Answer {
    let lines = queue.logs(id).await?;
    Ok(Json(LogObject::from(lines.as_slice())).into_response())
}

pub(crate) async fn signal(
    Namespaced(queue): Namespaced,
    Id(id): Id,
    RequestBody(body): RequestBody,
) -> Answer {
    let request = read_signal(&body)?;
    let new = queue.signal(id, &request.name, request.payload).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let answer = SignalObject { job_id: id, name: &request.name, new };
    Ok((status, Json(answer)).into_response())
}
