//! The worker protocol of registered workers: register, claim, heartbeat, settle, leave.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::json;
use windlass::Error;
use windlass::WorkerId;
use windlass::protocol::{
    HeartbeatObject, Refusal, RegisteredObject, SettledObject, read_claim, read_heartbeat,
    read_register, read_settle,
};
use windlass::remote::{Handed, RemoteWorkers, ReportReply, ReportedJob};

use super::Answer;
use crate::app::Shared;
use crate::auth::Caller;
use crate::delivery::deliver;
use crate::problem::Problem;
use crate::request::{Id, Remote, RequestBody};

pub(crate) async fn register(
    (caller, Remote(remote)): (Caller, Remote),
    RequestBody(body): RequestBody,
) -> Answer {
    let worker = read_register(&body)?;
    check_queues(&caller, &worker.queues)?;
    let lease = worker.lease;
    let id = remote.register(worker).await?;
    let place = [(header::LOCATION, format!("/api/v1/workers/{id}"))];
    Ok((StatusCode::CREATED, place, Json(RegisteredObject::new(id, lease))).into_response())
}

pub(crate) async fn claim(
    State(app): State<Shared>,
    (caller, Remote(remote)): (Caller, Remote),
    Id(id): Id<WorkerId>,
    RequestBody(body): RequestBody,
) -> Answer {
    let wanted = read_claim(&body)?;
    check_queues(&caller, &wanted.queues)?;
    answer(&app, remote.claim(id, wanted)).await
}

/// A key that is bound to queues has to name those it wants.
pub(crate) fn check_queues(caller: &Caller, queues: &[String]) -> Result<(), Problem> {
    if caller.has_queues() && queues.is_empty() {
        let detail = "the key is bound to queues: `queues` has to name some of them";
        return Err(Problem::forbidden(detail));
    }
    queues.iter().try_for_each(|queue| caller.check_target(queue))
}

/// Follow-up jobs go where the caller may store jobs of its own.
pub(super) fn check_follow_ups(caller: &Caller, item: &ReportedJob) -> Result<(), Problem> {
    item.follow_up_queues().try_for_each(|queue| caller.check_target(queue))
}

/// Answers with what a claim brings, and with nothing when the server stops before.
pub(super) async fn answer(
    app: &Shared,
    claim: impl Future<Output = Result<Handed, Error>>,
) -> Answer {
    match app.stop.run_until_cancelled(claim).await {
        Some(handed) => Ok(deliver(handed?)),
        None => Ok(Json(json!({ "jobs": [], "state": "run", "cancel": [] })).into_response()),
    }
}

pub(crate) async fn heartbeat(
    Remote(remote): Remote,
    Id(id): Id<WorkerId>,
    RequestBody(body): RequestBody,
) -> Answer {
    let pulse = remote.heartbeat(id, read_heartbeat(&body)?).await?;
    Ok(Json(HeartbeatObject::from(&pulse)).into_response())
}

pub(crate) async fn settle(
    (caller, Remote(remote)): (Caller, Remote),
    Id(id): Id<WorkerId>,
    RequestBody(body): RequestBody,
) -> Answer {
    let (mut good, mut places) = (Vec::new(), Vec::new());
    for (job, item) in read_settle(&body)? {
        match item {
            Ok(item) => match check_follow_ups(&caller, &item) {
                Ok(()) => {
                    places.push(Err(item.job()));
                    good.push(item);
                }
                Err(problem) => {
                    places.push(Ok(SettledObject::invalid(Some(item.job()), problem.into())));
                }
            },
            Err(refusal) => places.push(Ok(refused(job, &refusal))),
        }
    }
    let mut replies = reported(&remote, id, good).await?.into_iter();
    let items = places.into_iter().filter_map(|place| match place {
        Ok(refused) => Some(refused),
        Err(job) => replies.next().map(|reply| settled(job, reply)),
    });
    Ok(Json(json!({ "items": items.collect::<Vec<_>>() })).into_response())
}

async fn reported(
    remote: &RemoteWorkers,
    id: WorkerId,
    items: Vec<ReportedJob>,
) -> Result<Vec<ReportReply>, Problem> {
    if items.is_empty() { Ok(Vec::new()) } else { Ok(remote.settle(id, items).await?) }
}

fn refused(job: Option<windlass::JobId>, refusal: &Refusal) -> SettledObject {
    SettledObject::invalid(job, refusal.into())
}

/// What became of the end of one job.
pub(super) fn settled(job: windlass::JobId, reply: ReportReply) -> SettledObject {
    match reply {
        ReportReply::Applied(state) => SettledObject::applied(job, state),
        ReportReply::AlreadyApplied(state) => SettledObject::already_applied(job, state),
        ReportReply::LeaseLost => SettledObject::lease_lost(job),
        ReportReply::Invalid(error) => {
            SettledObject::invalid(Some(job), Problem::from(error).into())
        }
    }
}

pub(crate) async fn unregister(Remote(remote): Remote, Id(id): Id<WorkerId>) -> Answer {
    remote.unregister(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
