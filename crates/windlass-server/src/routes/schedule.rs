//! What is done to one schedule: pause, resume, run now; its ticks of the past.

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use windlass::protocol::{
    ExplainObject, NamedPage, StoredJob, TickObject, read_nothing, read_pause_everywhere,
};
use windlass::{Error, Timestamp};

use super::Answer;
use super::schedules::show;
use crate::problem::Problem;
use crate::request::{Name, Namespaced, Pairs, RequestBody};

pub(crate) async fn pause(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    show(&queue.pause_schedule(&name, read_pause_everywhere(&body)?).await?)
}

pub(crate) async fn resume(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    read_nothing(&body)?;
    show(&queue.resume_schedule(&name).await?)
}

pub(crate) async fn trigger(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    read_nothing(&body)?;
    let id = queue.trigger_schedule(&name).await?;
    let job = match queue.get(id).await {
        Ok(job) => StoredJob::Read(Box::new(job)),
        // It may have ended and been deleted meanwhile.
        Err(Error::NotFound { .. }) => StoredJob::Id(id),
        Err(error) => return Err(error.into()),
    };
    Ok((StatusCode::CREATED, Json(job)).into_response())
}

pub(crate) async fn ticks(Namespaced(queue): Namespaced, Name(name): Name, pairs: Pairs) -> Answer {
    let (before, limit) = pairs.page()?;
    let before = match before.as_str() {
        "" => None,
        text => {
            let instant: Result<Timestamp, String> = text.parse();
            Some(instant.map_err(|detail| Problem::unreadable(format!("cursor: {detail}")))?)
        }
    };
    let ticks = queue.schedule_ticks(&name, before, limit).await?;
    let next = ticks.last().filter(|_| ticks.len() == limit).map(|last| last.tick.to_string());
    let ticks = ticks.iter().map(TickObject::from).collect();
    Ok(Json(NamedPage::new("ticks", ticks, next)).into_response())
}

pub(crate) async fn explain(Namespaced(queue): Namespaced, Name(name): Name) -> Answer {
    let blockers = queue.explain_schedule(&name).await?;
    Ok(Json(ExplainObject::from(blockers.as_slice())).into_response())
}
