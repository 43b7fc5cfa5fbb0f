//! Types: list, pause everywhere, resume.

use axum::Json;
use axum::response::IntoResponse as _;
use windlass::PauseScope;
use windlass::protocol::{NamedPage, TypeObject, read_nothing, read_pause_everywhere};

use super::Answer;
use crate::request::{Name, Namespaced, Pairs, RequestBody};

pub(crate) async fn list(Namespaced(queue): Namespaced, pairs: Pairs) -> Answer {
    let (after, limit) = pairs.page()?;
    let mut kinds = queue.kinds(&after).await?;
    let more = kinds.len() > limit;
    kinds.truncate(limit);
    let next = kinds.last().filter(|_| more).map(|kind| kind.name.clone());
    let types: Vec<TypeObject<'_>> = kinds.iter().map(TypeObject::from).collect();
    Ok(Json(NamedPage::new("types", types, next)).into_response())
}

pub(crate) async fn pause(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    let options = read_pause_everywhere(&body)?;
    let pause = queue.pause(PauseScope::Kind(name.clone()), options).await?;
    Ok(Json(TypeObject::new(&name, Some(&pause))).into_response())
}

pub(crate) async fn resume(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    read_nothing(&body)?;
    queue.resume(PauseScope::Kind(name.clone())).await?;
    Ok(Json(TypeObject::new(&name, None)).into_response())
}
