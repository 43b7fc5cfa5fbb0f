//! What may be done with a lease token alone: claim without registration, settle, extend, keep, log.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use windlass::JobId;
use windlass::protocol::{
    ExtendObject, OutcomeWord, read_checkpoint, read_extend, read_log, read_outcome,
    read_passing_claim,
};

use super::Answer;
use super::remote::{answer, check_follow_ups, check_queues, settled};
use crate::app::Shared;
use crate::auth::Caller;
use crate::request::{Id, Remote, RequestBody};

pub(crate) async fn claim(
    State(app): State<Shared>,
    (caller, Remote(remote)): (Caller, Remote),
    RequestBody(body): RequestBody,
) -> Answer {
    let wanted = read_passing_claim(&body)?;
    check_queues(&caller, &wanted.claim.queues)?;
    answer(&app, remote.claim_passing(wanted)).await
}

pub(crate) async fn complete(
    who: (Caller, Remote),
    Id(id): Id,
    RequestBody(body): RequestBody,
) -> Answer {
    settle(who, id, &body, OutcomeWord::Complete).await
}

pub(crate) async fn fail(
    who: (Caller, Remote),
    Id(id): Id,
    RequestBody(body): RequestBody,
) -> Answer {
    settle(who, id, &body, OutcomeWord::Fail).await
}

pub(crate) async fn snooze(
    who: (Caller, Remote),
    Id(id): Id,
    RequestBody(body): RequestBody,
) -> Answer {
    settle(who, id, &body, OutcomeWord::Snooze).await
}

pub(crate) async fn release(
    who: (Caller, Remote),
    Id(id): Id,
    RequestBody(body): RequestBody,
) -> Answer {
    settle(who, id, &body, OutcomeWord::Release).await
}

async fn settle(
    (caller, Remote(remote)): (Caller, Remote),
    id: JobId,
    body: &[u8],
    outcome: OutcomeWord,
) -> Answer {
    let item = read_outcome(body, id, outcome)?;
    check_follow_ups(&caller, &item)?;
    let reply = remote.settle_one(item).await?;
    Ok(Json(settled(id, reply)).into_response())
}

pub(crate) async fn extend(
    State(app): State<Shared>,
    Remote(remote): Remote,
    Id(id): Id,
    RequestBody(body): RequestBody,
) -> Answer {
    let (token, lease) = read_extend(&body)?;
    let now = app.now();
    let (expires_at, cancel) = remote.extend(id, &token, lease).await?;
    let span = (expires_at, expires_at.since(now));
    Ok(Json(ExtendObject::new(id, token, span, cancel)).into_response())
}

pub(crate) async fn checkpoint(
    Remote(remote): Remote,
    Id(id): Id,
    RequestBody(body): RequestBody,
) -> Answer {
    let request = read_checkpoint(&body)?;
    remote.checkpoint(id, &request.token, request.data).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn log(
    Remote(remote): Remote,
    Id(id): Id,
    RequestBody(body): RequestBody,
) -> Answer {
    let request = read_log(&body)?;
    remote.log(id, &request.token, request.lines).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
