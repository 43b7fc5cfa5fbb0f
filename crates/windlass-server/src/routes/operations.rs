//! Operations on many jobs, and groups of dead letters.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use windlass::OperationId;
use windlass::protocol::{
    DeadGroupsObject, DryRunObject, NamedPage, OperationObject, read_nothing, read_operation,
};

use super::Answer;
use crate::problem::Problem;
use crate::request::{Name, Namespaced, Pairs, RequestBody};

pub(crate) async fn create(
    Namespaced(queue): Namespaced,
    RequestBody(body): RequestBody,
) -> Answer {
    let request = read_operation(&body)?;
    if request.dry_run {
        let preview = queue.preview_operation(&request.operation).await?;
        return Ok(Json(DryRunObject::from(&preview)).into_response());
    }
    let begun = queue.start_operation(request.operation).await?;
    let place = [(header::LOCATION, format!("/api/v1/operations/{}", begun.id))];
    Ok((StatusCode::ACCEPTED, place, Json(OperationObject::from(&begun))).into_response())
}

pub(crate) async fn list(Namespaced(queue): Namespaced, pairs: Pairs) -> Answer {
    let (cursor, limit) = pairs.page()?;
    let before = if cursor.is_empty() { None } else { Some(id(&cursor, "cursor: ")?) };
    let mut operations = queue.operations(before).await?;
    let more = operations.len() > limit;
    operations.truncate(limit);
    let next = operations.last().filter(|_| more).map(|last| last.id.to_string());
    let items: Vec<OperationObject<'_>> = operations.iter().map(OperationObject::from).collect();
    Ok(Json(NamedPage::new("operations", items, next)).into_response())
}

pub(crate) async fn get(Namespaced(queue): Namespaced, Name(text): Name) -> Answer {
    let operation = queue.operation(id(&text, "")?).await?;
    Ok(Json(OperationObject::from(&operation)).into_response())
}

pub(crate) async fn cancel(
    Namespaced(queue): Namespaced,
    Name(text): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    read_nothing(&body)?;
    let operation = queue.cancel_operation(id(&text, "")?).await?;
    Ok(Json(OperationObject::from(&operation)).into_response())
}

pub(crate) async fn dead_groups(Namespaced(queue): Namespaced, Pairs(pairs): Pairs) -> Answer {
    if let Some((name, _)) = pairs.first() {
        return Err(crate::request::unknown_parameter(name));
    }
    let dead = queue.dead_groups().await?;
    Ok(Json(DeadGroupsObject::from(&dead)).into_response())
}

fn id(text: &str, place: &str) -> Result<OperationId, Problem> {
    text.parse().map_err(|detail| Problem::unreadable(format!("{place}{detail}")))
}
