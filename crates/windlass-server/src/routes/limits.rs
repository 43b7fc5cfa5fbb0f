//! Limits by key: list, read, put, delete.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use windlass::LimitRecord;
use windlass::protocol::{LimitObject, NamedPage, read_limit};

use super::Answer;
use crate::request::{IfMatch, Name, Namespaced, Pairs, RequestBody};

pub(crate) async fn list(Namespaced(queue): Namespaced, pairs: Pairs) -> Answer {
    let (after, limit) = pairs.page()?;
    let mut limits = queue.limits(&after).await?;
    let more = limits.len() > limit;
    limits.truncate(limit);
    let next = limits.last().filter(|_| more).map(|limit| limit.name.clone());
    let limits: Vec<LimitObject<'_>> = limits.iter().map(LimitObject::from).collect();
    Ok(Json(NamedPage::new("limits", limits, next)).into_response())
}

pub(crate) async fn get(Namespaced(queue): Namespaced, Name(name): Name) -> Answer {
    Ok(show(&queue.limit(&name).await?))
}

pub(crate) async fn put(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    IfMatch(wanted): IfMatch,
    RequestBody(body): RequestBody,
) -> Answer {
    let limit = read_limit(&body)?;
    Ok(show(&queue.set_limit(&name, limit, wanted).await?))
}

pub(crate) async fn delete(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    IfMatch(wanted): IfMatch,
) -> Answer {
    queue.delete_limit(&name, wanted).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A limit with its version as the `ETag`.
fn show(limit: &LimitRecord) -> axum::response::Response {
    let tag = [(header::ETAG, format!("\"{}\"", limit.version))];
    (tag, Json(LimitObject::from(limit))).into_response()
}
