//! One job: read, change, delete, cancel, retry.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use windlass::protocol::{
    AttemptsObject, DependenciesObject, ExplainObject, HistoryObject, JobObject, read_cancel,
    read_edit, read_retry,
};
use windlass::{JobId, JobRecord, JobRef, JobVersion};

use super::Answer;
use crate::auth::Caller;
use crate::request::{Id, IfMatch, Namespaced, Pairs, RequestBody};

pub(crate) async fn get(Namespaced(queue): Namespaced, Id(id): Id) -> Answer {
    show(&queue.get(id).await?)
}

pub(crate) async fn change(
    caller: Caller,
    Namespaced(queue): Namespaced,
    Id(id): Id,
    IfMatch(wanted): IfMatch<JobVersion>,
    RequestBody(body): RequestBody,
) -> Answer {
    let edit = read_edit(&body)?;
    if let Some(target) = edit.queue_name() {
        caller.check_target(target)?;
    }
    show(&queue.edit(named(id, wanted), edit).await?)
}

pub(crate) async fn delete(
    Namespaced(queue): Namespaced,
    Id(id): Id,
    IfMatch(wanted): IfMatch<JobVersion>,
    pairs: Pairs,
) -> Answer {
    queue.delete(named(id, wanted), pairs.only_flag("force")?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn cancel(
    Namespaced(queue): Namespaced,
    Id(id): Id,
    IfMatch(wanted): IfMatch<JobVersion>,
    RequestBody(body): RequestBody,
) -> Answer {
    let request = read_cancel(&body)?;
    let reason = request.reason.as_deref();
    let job = if request.force {
        queue.cancel_by_force(named(id, wanted), reason).await?
    } else {
        queue.cancel(named(id, wanted), reason).await?
    };
    show(&job)
}

pub(crate) async fn retry(
    Namespaced(queue): Namespaced,
    Id(id): Id,
    IfMatch(wanted): IfMatch<JobVersion>,
    RequestBody(body): RequestBody,
) -> Answer {
    show(&queue.retry(named(id, wanted), read_retry(&body)?).await?)
}

pub(crate) async fn attempts(Namespaced(queue): Namespaced, Id(id): Id) -> Answer {
    let attempts = queue.attempts(id).await?;
    Ok(Json(AttemptsObject::from(attempts.as_slice())).into_response())
}

pub(crate) async fn history(Namespaced(queue): Namespaced, Id(id): Id) -> Answer {
    let history = queue.history(id).await?;
    Ok(Json(HistoryObject::from(history.as_slice())).into_response())
}

pub(crate) async fn dependencies(Namespaced(queue): Namespaced, Id(id): Id) -> Answer {
    let job = queue.get(id).await?;
    let parents = job.depends_on.iter().map(|dependency| dependency.id).collect();
    let parents = queue.get_many(parents).await?;
    let dependents = queue.dependents(id).await?;
    Ok(Json(DependenciesObject::new(&job, &parents, &dependents)).into_response())
}

pub(crate) async fn explain(Namespaced(queue): Namespaced, Id(id): Id) -> Answer {
    let explanation = queue.explain(id).await?;
    Ok(Json(ExplainObject::from(&explanation)).into_response())
}

/// A job with its version as the `ETag`.
fn show(job: &JobRecord) -> Answer {
    Ok(([(header::ETAG, tag(job))], Json(JobObject(job))).into_response())
}

/// The version of a job as an `ETag`.
pub(super) fn tag(job: &JobRecord) -> String {
    format!("\"{}\"", job.version())
}

/// A job, of the version that a request wants to meet.
fn named(id: JobId, wanted: Option<JobVersion>) -> JobRef {
    wanted.map_or_else(|| id.into(), |version| id.at_version(version))
}
