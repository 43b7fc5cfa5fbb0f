//! API keys: list, make, change, rotate, revoke.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use windlass::Queue;
use windlass::protocol::{KeyObject, NamedPage, read_key_edit, read_new_key, read_rotation};

use super::Answer;
use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::{Name, Pairs, RequestBody};

/// No cache may keep an answer with a secret, whatever else is configured.
const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

pub(crate) async fn list(caller: Caller, State(app): State<Shared>, pairs: Pairs) -> Answer {
    let (after, limit) = pairs.page()?;
    let mut keys = app.queue()?.keys(&after).await?;
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = keys.last().filter(|_| more).map(|key| key.id.clone());
    keys.retain(|key| caller.has_all_of(&key.namespaces, &key.queues));
    let keys: Vec<KeyObject<'_>> = keys.iter().map(KeyObject::from).collect();
    Ok(Json(NamedPage::new("keys", keys, next)).into_response())
}

pub(crate) async fn create(
    caller: Caller,
    State(app): State<Shared>,
    RequestBody(body): RequestBody,
) -> Answer {
    let new = read_new_key(&body)?;
    caller.check_grant(&new)?;
    let (record, key) = app.queue()?.create_key(new).await?;
    app.keys.changed();
    let shown = Json(KeyObject::with_secret(&record, &key));
    Ok((StatusCode::CREATED, NO_STORE, shown).into_response())
}

pub(crate) async fn change(
    caller: Caller,
    State(app): State<Shared>,
    Name(id): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    let edit = read_key_edit(&body)?;
    let queue = app.queue()?;
    check(&caller, queue, &id).await?;
    let record = queue.change_key(&id, edit).await?;
    app.keys.changed();
    Ok(Json(KeyObject::from(&record)).into_response())
}

pub(crate) async fn rotate(
    caller: Caller,
    State(app): State<Shared>,
    Name(id): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    let overlap = read_rotation(&body)?;
    let queue = app.queue()?;
    check(&caller, queue, &id).await?;
    let (record, key) = queue.rotate_key(&id, overlap).await?;
    app.keys.changed();
    Ok((NO_STORE, Json(KeyObject::with_secret(&record, &key))).into_response())
}

pub(crate) async fn revoke(caller: Caller, State(app): State<Shared>, Name(id): Name) -> Answer {
    let queue = app.queue()?;
    check(&caller, queue, &id).await?;
    queue.revoke_key(&id).await?;
    app.keys.changed();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A key that allows more than the caller's own is, to them, not there.
async fn check(caller: &Caller, queue: &Queue, id: &str) -> Result<(), Problem> {
    let key = queue.key(id).await?;
    if caller.has_all_of(&key.namespaces, &key.queues) {
        return Ok(());
    }
    Err(Problem::not_found(format!("key `{id}` not found")))
}
