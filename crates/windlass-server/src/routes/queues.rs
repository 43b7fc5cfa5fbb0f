//! Queues as things with settings: list, create, read, change, delete.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use windlass::protocol::{NamedPage, QueueObject, read_new_queue, read_queue_patch};
use windlass::{Error, QueueRecord};

use super::Answer;
use crate::auth::Caller;
use crate::request::{IfMatch, Name, Namespaced, Pairs, RequestBody};

/// How often a change without `If-Match` meets another one before it gives up.
const MEETINGS_MAX: usize = 10;

pub(crate) async fn list(caller: Caller, Namespaced(queue): Namespaced, pairs: Pairs) -> Answer {
    let (after, limit) = pairs.page()?;
    let mut queues = queue.queues(&after).await?;
    let more = queues.len() > limit;
    queues.truncate(limit);
    let next = queues.last().filter(|_| more).map(|queue| queue.name.clone());
    queues.retain(|queue| caller.allows_queue(&queue.name));
    let queues: Vec<QueueObject<'_>> = queues.iter().map(QueueObject::from).collect();
    Ok(Json(NamedPage::new("queues", queues, next)).into_response())
}

pub(crate) async fn create(
    caller: Caller,
    Namespaced(queue): Namespaced,
    RequestBody(body): RequestBody,
) -> Answer {
    let (name, settings) = read_new_queue(&body)?;
    caller.check_target(&name)?;
    let made = queue.create_queue(&name, settings).await?;
    let place = [(header::LOCATION, format!("/api/v1/queues/{name}"))];
    Ok((StatusCode::CREATED, place, show(&made)?).into_response())
}

pub(crate) async fn get(Namespaced(queue): Namespaced, Name(name): Name) -> Answer {
    show(&queue.queue(&name).await?)
}

pub(crate) async fn change(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    IfMatch(wanted): IfMatch,
    RequestBody(body): RequestBody,
) -> Answer {
    let patch = read_queue_patch(&body)?;
    let mut meetings = 0;
    loop {
        let found = queue.queue(&name).await?;
        let settings = patch.apply(found.settings);
        let version = Some(wanted.unwrap_or(found.version));
        match queue.configure_queue(&name, settings, version).await {
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
    pairs: Pairs,
) -> Answer {
    queue.delete_queue(&name, pairs.only_flag("force")?, wanted).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A queue with its version as the `ETag`.
pub(super) fn show(queue: &QueueRecord) -> Answer {
    let tag = [(header::ETAG, format!("\"{}\"", queue.version))];
    Ok((tag, Json(QueueObject::from(queue))).into_response())
}
