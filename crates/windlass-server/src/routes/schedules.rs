//! Schedules as things: list, make, read, change, delete, preview.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use windlass::protocol::{
    NamedPage, PreviewObject, ScheduleObject, read_new_schedule, read_preview, read_schedule_patch,
};
use windlass::{Error, ScheduleRecord};

use super::Answer;
use crate::app::Shared;
use crate::request::{IfMatch, Name, Namespaced, Pairs, RequestBody};

/// How often a change without `If-Match` meets another one before it gives up.
const MEETINGS_MAX: usize = 10;

pub(crate) async fn list(Namespaced(queue): Namespaced, pairs: Pairs) -> Answer {
    let (after, limit) = pairs.page()?;
    let mut schedules = queue.schedules(&after).await?;
    let more = schedules.len() > limit;
    schedules.truncate(limit);
    let next = schedules.last().filter(|_| more).map(|schedule| schedule.name.clone());
    let schedules: Vec<ScheduleObject<'_>> = schedules.iter().map(ScheduleObject::from).collect();
    Ok(Json(NamedPage::new("schedules", schedules, next)).into_response())
}

pub(crate) async fn create(
    Namespaced(queue): Namespaced,
    RequestBody(body): RequestBody,
) -> Answer {
    let (name, schedule) = read_new_schedule(&body)?;
    let made = queue.create_schedule(&name, schedule).await?;
    let place = [(header::LOCATION, format!("/api/v1/schedules/{name}"))];
    Ok((StatusCode::CREATED, place, show(&made)?).into_response())
}

pub(crate) async fn get(Namespaced(queue): Namespaced, Name(name): Name) -> Answer {
    show(&queue.schedule(&name).await?)
}

pub(crate) async fn change(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    IfMatch(wanted): IfMatch,
    RequestBody(body): RequestBody,
) -> Answer {
    let patch = read_schedule_patch(&body)?;
    let mut meetings = 0;
    loop {
        let found = queue.schedule(&name).await?;
        let schedule = patch.apply(&found.schedule)?;
        let version = Some(wanted.unwrap_or(found.version));
        match queue.configure_schedule(&name, schedule, version).await {
            Err(Error::Conflict { code: "precondition_failed", .. })
                if wanted.is_none() && meetings < MEETINGS_MAX =>
            {
                meetings += 1;
            }
            changed => return show(&changed?),
        }
    }
}

pub(crate) async fn delete(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    IfMatch(wanted): IfMatch,
) -> Answer {
    queue.delete_schedule(&name, wanted).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn preview(State(app): State<Shared>, RequestBody(body): RequestBody) -> Answer {
    let request = read_preview(&body)?;
    let ticks = request.schedule.ticks(app.now(), request.count)?;
    Ok(Json(PreviewObject::new(&request.schedule, &ticks)).into_response())
}

/// A schedule with its version as the `ETag`.
pub(super) fn show(schedule: &ScheduleRecord) -> Answer {
    let tag = [(header::ETAG, format!("\"{}\"", schedule.version))];
    Ok((tag, Json(ScheduleObject::from(schedule))).into_response())
}
