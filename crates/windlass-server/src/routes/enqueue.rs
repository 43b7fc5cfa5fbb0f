//! Storing jobs, one or many.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use windlass::protocol::{
    BatchReply, BatchRequest, RefusedObject, StoredJob, document, read_batch, read_job, read_lines,
};
use windlass::{Enqueued, Error, Existing, JobRecord, NewJob, Queue, TraceContext};

use super::Answer;
use super::job::tag;
use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::{Namespaced, Pairs, RequestBody, header_text, is_ndjson};
use crate::traces::Open;

/// Says why a job was not stored anew.
const EXISTING: HeaderName = HeaderName::from_static("windlass-existing");

/// How full the queue is, where it has a limit: 1 means that the next job is refused.
const PRESSURE: HeaderName = HeaderName::from_static("windlass-pressure");

/// A stored job, with what it is then if that could be read.
type Answered = (Enqueued, Option<Box<JobRecord>>);

pub(crate) async fn enqueue(
    State(app): State<Shared>,
    (caller, Namespaced(queue)): (Caller, Namespaced),
    headers: HeaderMap,
    RequestBody(body): RequestBody,
) -> Answer {
    let key = header_text(&headers, "idempotency-key")?;
    let job = read_job(document(&body)?, key)?;
    caller.check_target(job.queue_name())?;
    let mut span = span(&app, &headers, job.queue_name(), 1);
    let job = match span.as_ref().map(|span| span.context.clone()).or_else(|| trace(&headers)) {
        Some(trace) => job.trace(&trace),
        None => job,
    };
    let replies = queue.enqueue_and_read(vec![job], false).await;
    let stored = replies.and_then(|replies| replies.into_iter().next().transpose());
    let stored = stored.inspect_err(|error| failed(&mut span, error))?;
    let (enqueued, record) = stored.ok_or_else(Problem::internal)?;
    if let Some(span) = &mut span {
        span.set("messaging.message.id", enqueued.id().to_string());
    }
    drop(span);
    let job = shown_as(&enqueued, record);
    check_existing(&caller, &job)?;
    let tag = match &job {
        StoredJob::Read(job) => HeaderValue::from_str(&tag(job)).ok(),
        StoredJob::Id(_) => None,
    };
    let job = Json(job);
    let mut response = if enqueued.is_new() {
        app.observer.enqueued(1);
        let place = [(header::LOCATION, format!("/api/v1/jobs/{}", enqueued.id()))];
        (StatusCode::CREATED, place, job).into_response()
    } else {
        let why = enqueued.existing().unwrap_or(Existing::Idempotency).as_str();
        (StatusCode::OK, [(EXISTING, why)], job).into_response()
    };
    let headers = response.headers_mut();
    if let Some(pressure) = enqueued.pressure().filter(|_| enqueued.is_new()) {
        headers.insert(PRESSURE, shown(pressure.fraction()));
    }
    headers.extend(tag.map(|tag| (header::ETAG, tag)));
    Ok(response)
}

/// A key of idempotency or uniqueness that a job in a queue of others has is taken, and that is all to be said.
fn check_existing(caller: &Caller, job: &StoredJob) -> Result<(), Problem> {
    match job {
        StoredJob::Read(job) if !caller.allows_queue(&job.queue) => {
            let message = "a job in a queue that the key is not for has this key".to_owned();
            Err(Error::Conflict { code: "conflict", message }.into())
        }
        StoredJob::Read(_) | StoredJob::Id(_) => Ok(()),
    }
}

/// The span of storing jobs, if somebody is told of it.
fn span(app: &Shared, headers: &HeaderMap, queue: &str, jobs: usize) -> Option<Open> {
    app.traces.as_ref()?.enqueue(trace(headers).as_ref(), queue, jobs)
}

fn failed(span: &mut Option<Open>, error: &Error) {
    if let Some(span) = span {
        span.fail("refused", &error.to_string());
    }
}

/// The trace of the request; a header that is not valid starts none.
fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    TraceContext::new(text("traceparent")?, text("tracestate"))
}

pub(crate) async fn enqueue_batch(
    State(app): State<Shared>,
    (caller, Namespaced(queue)): (Caller, Namespaced),
    pairs: Pairs,
    headers: HeaderMap,
    RequestBody(body): RequestBody,
) -> Answer {
    let batch = if is_ndjson(&headers) {
        read_lines(&body, pairs.only_flag("atomic")?)?
    } else {
        pairs.none()?;
        read_batch(document(&body)?)?
    };
    app.meter.stored(&caller, batch.jobs.len(), app.now());
    let queues: BTreeSet<&str> = batch.jobs.iter().flatten().map(NewJob::queue_name).collect();
    let name = match queues.iter().next() {
        Some(only) if queues.len() == 1 => *only,
        _ => "several",
    };
    let mut span = span(&app, &headers, name, batch.jobs.len());
    let batch = match span.as_ref().map(|span| span.context.clone()).or_else(|| trace(&headers)) {
        Some(trace) => batch.traced(&trace),
        None => batch,
    };
    for job in batch.jobs.iter().flatten() {
        caller.check_target(job.queue_name())?;
    }
    let replies = if batch.atomic {
        let jobs = batch.all().map_err(Problem::of_batch)?;
        let replies = queue.enqueue_and_read(jobs, true).await;
        let replies = replies.inspect_err(|error| failed(&mut span, error))?;
        replies.into_iter().map(|reply| reply.map_err(refused)).collect()
    } else {
        enqueue_each(&queue, batch).await?
    };
    drop(span);
    let all = || replies.iter().flatten().map(|(enqueued, _)| enqueued);
    app.observer.enqueued(all().filter(|enqueued| enqueued.is_new()).count());
    let pressure = all().filter_map(Enqueued::pressure).map(|it| it.fraction()).reduce(f64::max);
    let answered = |(enqueued, record): Answered| {
        let record = record.filter(|job| caller.allows_queue(&job.queue));
        (shown_as(&enqueued, record), enqueued.existing())
    };
    let jobs: Vec<_> = replies.into_iter().map(|reply| reply.map(answered)).collect();
    Ok((StatusCode::CREATED, Json(BatchReply::new(&jobs, pressure))).into_response())
}

/// Three digits say enough.
fn shown(fraction: f64) -> HeaderValue {
    HeaderValue::from_str(&format!("{fraction:.3}")).expect("digits are a header's value")
}

/// Stores the jobs that can be stored; the others keep their places among the answers.
async fn enqueue_each(
    queue: &Queue,
    batch: BatchRequest,
) -> Result<Vec<Result<Answered, RefusedObject>>, Problem> {
    let mut jobs = Vec::with_capacity(batch.jobs.len());
    let mut refusals = Vec::with_capacity(batch.jobs.len());
    for job in batch.jobs {
        match job {
            Ok(job) => {
                jobs.push(job);
                refusals.push(None);
            }
            Err(refusal) => refusals.push(Some(RefusedObject::from(&refusal))),
        }
    }
    let replies =
        if jobs.is_empty() { Vec::new() } else { queue.enqueue_and_read(jobs, false).await? };
    let mut replies = replies.into_iter();
    let each = refusals.into_iter().map(|refusal| match refusal {
        Some(refusal) => Err(refusal),
        None => match replies.next() {
            Some(reply) => reply.map_err(refused),
            None => Err(Problem::internal().into()),
        },
    });
    Ok(each.collect())
}

fn refused(error: Error) -> RefusedObject {
    Problem::from(error).into()
}

/// A job is stored whatever happens later, so that its id is answer enough.
fn shown_as(enqueued: &Enqueued, record: Option<Box<JobRecord>>) -> StoredJob {
    record.map_or_else(|| StoredJob::Id(enqueued.id()), StoredJob::Read)
}
