//! `/api/ticker`: tickers are schedules that tick every so often.
//!
//! Each tick becomes a task in the queue of the ticker's name, while there is one, and is streamed.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;
use windlass::protocol::json_or_base64;
use windlass::{Error, NEEDS_QUEUE, NewJob, Queue, Schedule, ScheduleRecord};

use super::shape::{ListObject, answer, done, instant, nanos};
use super::stream::stream_of;
use super::written::{TickerBody, read};
use super::{MEETINGS_MAX, Span, TASK, new_name};
use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::{Name, Namespaced, Pairs, RequestBody};
use crate::routes::Answer;

/// pgqueue's default.
const INTERVAL: Duration = Duration::from_secs(60);

/// What a ticker without a payload has.
const NO_PAYLOAD: &str = "{}";

#[derive(Serialize)]
pub(super) struct TickerObject<'a> {
    ticker: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<&'a RawValue>,
    interval: i64,
    namespace: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
}

impl<'a> TickerObject<'a> {
    /// A schedule as a ticker, if it ticks every so often.
    pub(super) fn of(record: &'a ScheduleRecord) -> Option<Self> {
        let job = record.schedule.template();
        Some(Self {
            ticker: &record.name,
            payload: job.and_then(|job| json_or_base64(Some(job.payload())).0),
            interval: nanos(record.schedule.period()?),
            namespace: &record.namespace,
            timestamp: record.last_tick.map(instant),
        })
    }
}

/// The list, or for whom accepts it the stream of ticks.
pub(crate) async fn list(
    State(app): State<Shared>,
    (caller, Namespaced(queue)): (Caller, Namespaced),
    headers: HeaderMap,
    pairs: Pairs,
) -> Answer {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        return stream_of(&app, &caller, queue).await;
    }
    let span = Span::only(&pairs)?;
    let all = all(&queue).await?;
    let count = all.len();
    let page: Vec<ScheduleRecord> = span.page(all).collect();
    done(&ListObject::of(count, page.iter().filter_map(TickerObject::of).collect()))
}

/// All schedules that are tickers, by name.
pub(super) async fn all(queue: &Queue) -> Result<Vec<ScheduleRecord>, Error> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = queue.schedules(&after).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after.clone_from(&last.name);
        all.extend(page.into_iter().filter(|it| it.schedule.period().is_some()));
    }
}

pub(crate) async fn create(
    Namespaced(queue): Namespaced,
    RequestBody(body): RequestBody,
) -> Answer {
    let body: TickerBody = read(&body)?;
    let name = body.ticker.as_deref().ok_or_else(|| Problem::unreadable("ticker: is missing"))?;
    let name = new_name(name)?;
    if name == "next" {
        return Err(Problem::unreadable("ticker: is `next`, which is the address of the stream"));
    }
    let interval = body.interval.as_ref().map_or(Ok(INTERVAL), |span| span.read("interval"))?;
    let payload = body.payload.as_deref().map_or(NO_PAYLOAD, RawValue::get);
    let job = NewJob::new(TASK, payload).queue(&name).metadata(NEEDS_QUEUE, "true");
    match queue.create_schedule(&name, Schedule::every(interval).job(job)).await {
        Err(Error::Conflict { .. }) => Err(Problem::conflict("ticker already exists").about(name)),
        made => show(StatusCode::CREATED, &made?),
    }
}

fn show(status: StatusCode, record: &ScheduleRecord) -> Answer {
    let ticker = TickerObject::of(record);
    answer(status, &ticker.ok_or_else(|| no_ticker(&record.name))?)
}

fn no_ticker(name: &str) -> Problem {
    Problem::not_found(format!("ticker `{name}` not found"))
}

async fn find(queue: &Queue, name: &str) -> Result<ScheduleRecord, Problem> {
    let lower = name.trim().to_ascii_lowercase();
    let found = match queue.schedule(name).await {
        Err(Error::NotFound { .. }) if lower != name => queue.schedule(&lower).await,
        found => found,
    };
    match found {
        Ok(found) if found.schedule.period().is_some() => Ok(found),
        Ok(_) | Err(Error::NotFound { .. }) => Err(no_ticker(name)),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn get(Namespaced(queue): Namespaced, Name(name): Name) -> Answer {
    show(StatusCode::OK, &find(&queue, &name).await?)
}

pub(crate) async fn change(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    let mut found = find(&queue, &name).await?;
    let body: TickerBody = read(&body)?;
    if let Some(new) = body.ticker.as_deref().filter(|new| *new != found.name)
        && new_name(new)? != found.name
    {
        return Err(Problem::unreadable("ticker: a ticker keeps its name"));
    }
    if body.payload.is_none() && body.interval.is_none() {
        return Err(Problem::unreadable("No patch values"));
    }
    let mut meetings = 0;
    loop {
        let schedule = changed(found.schedule.clone(), &body)?;
        match queue.configure_schedule(&found.name, schedule, Some(found.version)).await {
            Err(Error::Conflict { code: "precondition_failed", .. }) if meetings < MEETINGS_MAX => {
                meetings += 1;
                found = find(&queue, &found.name).await?;
            }
            made => return show(StatusCode::OK, &made?),
        }
    }
}

fn changed(mut schedule: Schedule, body: &TickerBody) -> Result<Schedule, Problem> {
    if let Some(interval) = &body.interval {
        schedule = schedule.with_period(interval.read("interval")?);
    }
    if let (Some(payload), Some(job)) = (&body.payload, schedule.template().cloned()) {
        schedule = schedule.job(job.with_payload(payload.get()));
    }
    Ok(schedule)
}

pub(crate) async fn delete(Namespaced(queue): Namespaced, Name(name): Name) -> Answer {
    let found = find(&queue, &name).await?;
    queue.delete_schedule(&found.name, None).await?;
    show(StatusCode::OK, &found)
}
