//! Batches: open, commit, list, read, explain.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use windlass::BatchId;
use windlass::protocol::{BatchObject, ExplainObject, NamedPage, read_new_batch, read_nothing};

use super::Answer;
use super::workflows::{BundlePage, EXISTING};
use crate::request::{Id, Namespaced, Pairs, RequestBody, header_text};

pub(crate) async fn open(
    Namespaced(queue): Namespaced,
    headers: HeaderMap,
    RequestBody(body): RequestBody,
) -> Answer {
    let key = header_text(&headers, "idempotency-key")?;
    let opened = queue.open_batch(read_new_batch(&body, key)?).await?;
    let batch = queue.batch(opened.id()).await?;
    let shown = Json(BatchObject::from(&batch));
    if !opened.is_new() {
        return Ok((EXISTING, shown).into_response());
    }
    let place = [(header::LOCATION, format!("/api/v1/batches/{}", opened.id()))];
    Ok((StatusCode::CREATED, place, shown).into_response())
}

pub(crate) async fn list(Namespaced(queue): Namespaced, pairs: Pairs) -> Answer {
    let page = BundlePage::read(&pairs)?;
    let before = page.cursor()?;
    let mut found = queue.batches(before, page.state, page.limit + 1).await?;
    let more = found.len() > page.limit;
    found.truncate(page.limit);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    let items: Vec<BatchObject<'_>> = found.iter().map(BatchObject::from).collect();
    Ok(Json(NamedPage::new("batches", items, next)).into_response())
}

pub(crate) async fn get(Namespaced(queue): Namespaced, Id(id): Id<BatchId>) -> Answer {
    Ok(Json(BatchObject::from(&queue.batch(id).await?)).into_response())
}

pub(crate) async fn commit(
    Namespaced(queue): Namespaced,
    Id(id): Id<BatchId>,
    RequestBody(body): RequestBody,
) -> Answer {
    read_nothing(&body)?;
    Ok(Json(BatchObject::from(&queue.commit_batch(id).await?)).into_response())
}

pub(crate) async fn explain(Namespaced(queue): Namespaced, Id(id): Id<BatchId>) -> Answer {
    let blockers = queue.explain_batch(id).await?;
    Ok(Json(ExplainObject::from(blockers.as_slice())).into_response())
}
