//! Namespaces: list, create, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use windlass::protocol::{NamedPage, NamespaceObject, read_name};

use super::Answer;
use crate::app::Shared;
use crate::auth::Caller;
use crate::request::{Name, Pairs, RequestBody};

pub(crate) async fn list(caller: Caller, State(app): State<Shared>, pairs: Pairs) -> Answer {
    let (after, limit) = pairs.page()?;
    let mut names = app.queue()?.namespaces(&after).await?;
    let more = names.len() > limit;
    names.truncate(limit);
    let next = names.last().filter(|_| more).cloned();
    names.retain(|name| caller.allows_namespace(name));
    let namespaces: Vec<_> = names.iter().map(|name| NamespaceObject { name }).collect();
    Ok(Json(NamedPage::new("namespaces", namespaces, next)).into_response())
}

pub(crate) async fn create(State(app): State<Shared>, RequestBody(body): RequestBody) -> Answer {
    let name = read_name(&body)?;
    app.queue()?.create_namespace(&name).await?;
    Ok((StatusCode::CREATED, Json(NamespaceObject { name: &name })).into_response())
}

pub(crate) async fn delete(State(app): State<Shared>, Name(name): Name, pairs: Pairs) -> Answer {
    app.queue()?.delete_namespace(&name, pairs.only_flag("force")?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
