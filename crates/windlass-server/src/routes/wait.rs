//! The end of a job: waiting for it, reading it.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse as _;
use windlass::protocol::{ResultObject, WaitObject, read_wait};

use super::Answer;
use crate::app::Shared;
use crate::problem::Problem;
use crate::request::{Id, Namespaced, Pairs, RequestBody};

/// Answers when the job has ended, when the time is up, or when the server stops.
pub(crate) async fn wait(
    State(app): State<Shared>,
    Namespaced(queue): Namespaced,
    Id(id): Id,
    pairs: Pairs,
    RequestBody(body): RequestBody,
) -> Answer {
    let timeout = read_wait(pairs.only("timeout")?, &body)?;
    let job = match app.stop.run_until_cancelled(queue.wait(id, timeout)).await {
        Some(job) => job?,
        None => queue.get(id).await?,
    };
    Ok(Json(WaitObject::from(&job)).into_response())
}

pub(crate) async fn result(Namespaced(queue): Namespaced, Id(id): Id, pairs: Pairs) -> Answer {
    let is_raw = pairs.only_flag("raw")?;
    let job = queue.get(id).await?;
    let Some(result) = ResultObject::of(&job) else {
        let detail = format!("job {id} is {} and has no result yet", job.state);
        return Err(Problem::not_found(detail));
    };
    if !is_raw {
        return Ok(Json(result).into_response());
    }
    let Some(bytes) = job.result else {
        return Err(Problem::not_found(format!("job {id} left no output")));
    };
    // The bytes are whatever a handler returned: no browser may take them for a page.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, bytes).into_response())
}
