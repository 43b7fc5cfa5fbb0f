//! `/api/task`: tasks are jobs of type `task`; a retained one has a lease as long as its queue's ttl.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use windlass::protocol::json_or_base64;
use windlass::remote::{ClaimRequest, Handed, PassingClaim, RemoteWorkers};
use windlass::{JobFilter, JobId, JobRecord, NewJob, Queue, Reason, State as JobState, Timestamp};

use super::metrics::count_of;
use super::queues::TTL;
use super::shape::{ListObject, answer, done, instant, written};
use super::written::{ReleaseBody, TaskBody, read};
use super::{Span, TASK, find_queue, new_name};
use crate::app::Shared;
use crate::auth::Caller;
use crate::delivery::deliver_bytes;
use crate::problem::Problem;
use crate::request::{Id, Namespaced, Pairs, Remote, RequestBody};
use crate::routes::Answer;
use crate::routes::remote::check_queues;

/// Words of the statuses that counts are kept of.
pub(super) const STATUSES: [&str; 5] = ["new", "retry", "retained", "released", "failed"];

/// Bounds of a lease: a queue's ttl may be anything up to a year.
const LEASE_RANGE: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));

/// Jobs that are read at once.
const STEP: usize = 100;

/// States that count as a status.
pub(super) fn counted_as(status: &str) -> &'static [JobState] {
    match status {
        "retry" => &[JobState::Retrying],
        status => states_of(status),
    }
}

/// States in which a task may have a status; none for a word that is none.
fn states_of(status: &str) -> &'static [JobState] {
    match status {
        "new" => &[JobState::Pending, JobState::Delayed],
        "retry" => &[JobState::Retrying, JobState::Pending, JobState::Delayed],
        "retained" => &[JobState::Running],
        "released" => &[JobState::Completed],
        "failed" => &[JobState::Failed, JobState::DeadLetter, JobState::Cancelled],
        "expired" => &[JobState::Failed, JobState::DeadLetter],
        _ => &[],
    }
}

fn status_of(job: &JobRecord) -> &'static str {
    match (job.state, job.reason) {
        (JobState::Pending | JobState::Delayed, _) if job.attempt == 0 => "new",
        (JobState::Pending | JobState::Delayed | JobState::Retrying, _) => "retry",
        (JobState::Running, _) => "retained",
        (JobState::Completed, _) => "released",
        (_, Some(Reason::Expired | Reason::Deadline)) => "expired",
        (JobState::Failed | JobState::DeadLetter | JobState::Cancelled, _) => "failed",
    }
}

#[derive(Serialize)]
struct TaskObject<'a> {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delayed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    namespace: &'a str,
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dies_at: Option<String>,
    /// Runs that are left, the one under way included.
    retries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

impl<'a> TaskObject<'a> {
    fn of(job: &'a JobRecord) -> Self {
        let is_begun = job.state == JobState::Running || job.state.is_terminal();
        let is_open = matches!(job.state, JobState::Running | JobState::Completed);
        let failed = job.attempt.saturating_sub(u32::from(is_open));
        let delayed = job.scheduled_at.filter(|at| *at > job.created_at);
        let result = match (&job.result, &job.last_error) {
            (Some(result), _) => Some(value(result)),
            (None, Some(error)) => Some(value_or_text(error)),
            (None, None) => None,
        };
        Self {
            id: job.id.as_i64(),
            payload: Some(value(&job.payload)),
            delayed_at: delayed.map(instant),
            worker: job.worker.as_deref(),
            namespace: &job.namespace,
            queue: &job.queue,
            result,
            created_at: instant(job.created_at),
            started_at: job.started_at.filter(|_| is_begun).map(instant),
            finished_at: job.completed_at.map(instant),
            dies_at: job.start_by.map(instant),
            retries: job.max_attempts.saturating_sub(failed),
            status: None,
        }
    }

    fn with_status(job: &'a JobRecord) -> Self {
        Self { status: Some(status_of(job)), ..Self::of(job) }
    }
}

/// Bytes as a JSON value: as they are, or base64 in a string.
fn value(bytes: &[u8]) -> Box<RawValue> {
    match json_or_base64(Some(bytes)) {
        (Some(json), _) => json.to_owned(),
        (None, text) => quoted(&text.unwrap_or_default()),
    }
}

/// What a worker failed with: its JSON, or the words of the engine.
fn value_or_text(error: &str) -> Box<RawValue> {
    match json_or_base64(Some(error.as_bytes())) {
        (Some(json), _) => json.to_owned(),
        (None, _) => quoted(error),
    }
}

fn quoted(text: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(text).expect("a text can be written as JSON")
}

pub(crate) async fn list(caller: Caller, Namespaced(queue): Namespaced, pairs: Pairs) -> Answer {
    let (mut status, mut queues) = (None, Vec::new());
    let span = Span::read(&pairs, |name, value| {
        match name {
            "status" if !value.is_empty() => status = Some(word(value)?),
            "queue" if !value.is_empty() => queues.push(value.to_owned()),
            _ => {}
        }
        Ok(())
    })?;
    let mut names = Vec::with_capacity(queues.len());
    for name in queues {
        names.push(find_queue(&caller, &queue, &name).await?.name);
    }
    if caller.has_queues() {
        names = caller.own_queues(&queue, names).await?;
        if names.is_empty() {
            let none: Vec<TaskObject<'_>> = Vec::new();
            return done(&ListObject { status, count: 0, body: none });
        }
    }
    let filter = names.iter().fold(JobFilter::new().oldest_first(), JobFilter::queue);
    let found = walk(&queue, filter, status, span).await?;
    let count = match found.total {
        Some(total) => u64::try_from(total).unwrap_or(u64::MAX),
        None => {
            let stats = queue.stats().await?;
            let is_meant = |queue: &str| names.is_empty() || names.iter().any(|it| it == queue);
            let words = status.map_or_else(|| STATUSES.to_vec(), |status| vec![status]);
            words.into_iter().map(|word| count_of(&stats, word, is_meant)).sum()
        }
    };
    let body = found.jobs.iter().map(TaskObject::with_status).collect();
    done(&ListObject { status, count, body })
}

fn word(status: &str) -> Result<&'static str, Problem> {
    let all = ["new", "retry", "retained", "released", "failed", "expired"];
    let found = all.into_iter().find(|word| *word == status);
    found.ok_or_else(|| {
        Problem::unreadable(
            "status: must be new, retry, retained, released, failed or expired".to_owned(),
        )
    })
}

/// A page of tasks.
struct Found {
    jobs: Vec<JobRecord>,
    /// All that there are, where the end was reached.
    total: Option<usize>,
}

/// Walks over what comes before the page.
async fn walk(
    queue: &Queue,
    filter: JobFilter,
    status: Option<&'static str>,
    span: Span,
) -> Result<Found, Problem> {
    let states = status.map_or(&[][..], states_of);
    let filter = states.iter().fold(filter, |filter, state| filter.state(*state));
    let filter = filter.limit(STEP);
    let (mut jobs, mut seen, mut cursor) = (Vec::new(), 0, None);
    loop {
        let next = match cursor {
            Some(cursor) => filter.clone().after(cursor),
            None => filter.clone(),
        };
        let page = queue.list(next).await?;
        let is_meant = |job: &JobRecord| status.is_none_or(|status| status_of(job) == status);
        for job in page.jobs.into_iter().filter(is_meant) {
            seen += 1;
            if seen > span.offset && seen <= span.end() {
                jobs.push(job);
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(Found { jobs, total: Some(seen) });
        }
        if seen >= span.end() {
            return Ok(Found { jobs, total: None });
        }
    }
}

pub(crate) async fn create(
    State(app): State<Shared>,
    (caller, Namespaced(queue)): (Caller, Namespaced),
    RequestBody(body): RequestBody,
) -> Answer {
    let body: TaskBody = read(&body)?;
    let name = body.queue.as_deref().ok_or_else(|| Problem::unreadable("queue: is missing"))?;
    let payload = body.payload.ok_or_else(|| Problem::unreadable("payload: is missing"))?;
    let found = find_queue(&caller, &queue, name).await?;
    let mut job = NewJob::new(TASK, payload.get()).queue(found.name);
    if let Some(text) = &body.delayed_at {
        let at: Timestamp =
            text.parse().map_err(|detail| Problem::unreadable(format!("delayed_at: {detail}")))?;
        if at < app.now() {
            return Err(Problem::unreadable("delayed_at: is in the past"));
        }
        job = job.at(at);
    }
    let id = queue.enqueue_new(job).await?.id();
    app.observer.enqueued(1);
    answer(StatusCode::CREATED, &TaskObject::of(&queue.get(id).await?))
}

pub(crate) async fn get(Namespaced(queue): Namespaced, Id(id): Id) -> Answer {
    done(&TaskObject::with_status(&queue.get(id).await?))
}

/// A task of any queue.
pub(crate) async fn retain(
    State(app): State<Shared>,
    (caller, Namespaced(queue), Remote(remote)): (Caller, Namespaced, Remote),
    pairs: Pairs,
) -> Answer {
    let (worker, names) = asked(&pairs)?;
    let mut queues = Vec::with_capacity(names.len());
    for name in names {
        queues.push(find_queue(&caller, &queue, &name).await?.name);
    }
    if caller.has_queues() && queues.is_empty() {
        queues = caller.own_queues(&queue, queues).await?;
    }
    check_queues(&caller, &queues)?;
    // Whoever names no queue is given tasks only, and no other jobs.
    let kinds = if queues.is_empty() { vec![TASK.to_owned()] } else { Vec::new() };
    hand(&app, (&queue, &remote), worker, (queues, kinds)).await
}

/// A task of the queue in the path.
pub(crate) async fn retain_of(
    State(app): State<Shared>,
    (caller, Namespaced(queue), Remote(remote)): (Caller, Namespaced, Remote),
    Path(name): Path<String>,
    pairs: Pairs,
) -> Answer {
    let (worker, _) = asked(&pairs)?;
    let found = match find_queue(&caller, &queue, &name).await {
        Ok(found) => found,
        Err(problem) => return Err(new_name(&name).err().unwrap_or(problem)),
    };
    hand(&app, (&queue, &remote), worker, (vec![found.name], Vec::new())).await
}

/// The worker, and the queues in the query: `queue` may be repeated.
fn asked(Pairs(pairs): &Pairs) -> Result<(String, Vec<String>), Problem> {
    let all = |wanted: &'static str| {
        let given = pairs.iter().filter(move |(name, _)| name == wanted);
        given.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    let worker = all("worker").next();
    let worker = worker.ok_or_else(|| Problem::unreadable("worker: is missing"))?;
    Ok((worker, all("queue").collect()))
}

async fn hand(
    app: &Shared,
    (queue, remote): (&Queue, &RemoteWorkers),
    worker: String,
    (queues, kinds): (Vec<String>, Vec<String>),
) -> Answer {
    let first = match queues.as_slice() {
        [only] => lease_of(queue, only).await?,
        _ => TTL,
    };
    let claim = ClaimRequest { queues, kinds, ..ClaimRequest::default() };
    let wanted = PassingClaim { worker, lease: first, claim };
    let handed = app.stop.run_until_cancelled(remote.claim_passing(wanted)).await;
    let none = || Problem::not_found("no task available");
    let handed = handed.ok_or_else(|| Problem::unavailable("the server stops"))??;
    let job = handed.jobs().first().ok_or_else(none)?;
    let (id, token) = (job.info.id, job.token);
    let record = queue.get(id).await?;
    let lease = lease_of(queue, &record.queue).await?;
    if lease != first {
        remote.extend(id, &token, Some(lease)).await?;
    }
    deliver(&record, handed)
}

fn deliver(record: &JobRecord, handed: Handed) -> Answer {
    let text = written(&TaskObject::of(record))?;
    let mut response = deliver_bytes(text.into_bytes(), handed);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// The ttl of a queue, within what a lease may be.
async fn lease_of(queue: &Queue, name: &str) -> Result<Duration, Problem> {
    let ttl = queue.queue(name).await?.settings.ttl.unwrap_or(TTL);
    Ok(ttl.clamp(LEASE_RANGE.0, LEASE_RANGE.1))
}

/// Completes a retained task, or fails it; `?worker=` says whose it has to be.
pub(crate) async fn release(
    (Namespaced(queue), Remote(remote)): (Namespaced, Remote),
    Id(id): Id<JobId>,
    pairs: Pairs,
    RequestBody(body): RequestBody,
) -> Answer {
    let body: ReleaseBody = read(&body)?;
    let result = body.result.filter(|result| result.get() != "null");
    let end = match body.fail {
        Some(true) => Err(message(result.as_deref())),
        Some(false) | None => Ok(result.map(|result| result.get().as_bytes().to_vec())),
    };
    let worker = pairs.0.iter().find(|(name, _)| name == "worker").map(|(_, value)| value);
    remote.settle_held(id, worker.map(String::as_str), end).await?;
    answer(StatusCode::CREATED, &TaskObject::with_status(&queue.get(id).await?))
}

/// What a worker says of a failure: JSON of any kind, which is kept as text.
fn message(result: Option<&RawValue>) -> String {
    match result {
        None => "the worker gave no reason".to_owned(),
        Some(json) => json.get().to_owned(),
    }
}
