//! `/api/queue`: queues with a ttl, a number of runs and a delay between them.
//!
//! pgqueue's `retries` are runs (3 means three), the engine's are runs after the first.

use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;
use windlass::{Backoff, DELAY_MAX, Error, Queue, QueueRecord, QueueSettings};

use super::shape::{ListObject, answer, done, nanos};
use super::written::{QueueBody, read};
use super::{MEETINGS_MAX, Span, find_queue, new_name};
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::{Name, Namespaced, Pairs, RequestBody};
use crate::routes::Answer;

/// pgqueue's defaults.
pub(super) const TTL: Duration = Duration::from_secs(3600);
const RETRIES: u32 = 3;
const RETRY_DELAY: Duration = Duration::from_secs(120);

/// Runs of jobs in a queue that says nothing of them: the engine's default.
const RUNS: u32 = 20;

#[derive(Serialize)]
struct QueueObject<'a> {
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    retries: u32,
    retry_delay: i64,
    namespace: &'a str,
}

impl<'a> From<&'a QueueRecord> for QueueObject<'a> {
    fn from(record: &'a QueueRecord) -> Self {
        let settings = &record.settings;
        let first = settings.backoff.clone().unwrap_or_default().jitter(0.0).delay(1, 0.0);
        Self {
            queue: &record.name,
            ttl: settings.ttl.map(nanos),
            retries: settings.retries.map_or(RUNS, |retries| retries.saturating_add(1)),
            retry_delay: nanos(first),
            namespace: &record.namespace,
        }
    }
}

pub(crate) async fn list(caller: Caller, Namespaced(queue): Namespaced, pairs: Pairs) -> Answer {
    let span = Span::only(&pairs)?;
    let queues = all(&caller, &queue).await?;
    let count = queues.len();
    let page: Vec<QueueRecord> = span.page(queues).collect();
    done(&ListObject::of(count, page.iter().map(QueueObject::from).collect()))
}

/// All queues that the caller may see.
pub(super) async fn all(caller: &Caller, queue: &Queue) -> Result<Vec<QueueRecord>, Problem> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = queue.queues(&after).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after.clone_from(&last.name);
        all.extend(page.into_iter().filter(|it| caller.allows_queue(&it.name)));
    }
}

pub(crate) async fn create(
    caller: Caller,
    Namespaced(queue): Namespaced,
    RequestBody(body): RequestBody,
) -> Answer {
    let body: QueueBody = read(&body)?;
    let name = body.queue.as_deref().ok_or_else(|| Problem::unreadable("queue: is missing"))?;
    let name = new_name(name)?;
    caller.check_target(&name)?;
    let default = QueueSettings {
        ttl: Some(TTL),
        retries: Some(RETRIES - 1),
        backoff: Some(quadratic(RETRY_DELAY)),
        ..QueueSettings::default()
    };
    match queue.create_queue(&name, changed(default, &body)?).await {
        Err(Error::Conflict { .. }) => Err(Problem::conflict("queue already exists").about(name)),
        made => answer(StatusCode::CREATED, &QueueObject::from(&made?)),
    }
}

/// The wait after the n-th failed run is `delay` times n squared.
fn quadratic(delay: Duration) -> Backoff {
    Backoff::polynomial(delay, 2.0, DELAY_MAX).jitter(0.0)
}

fn changed(mut settings: QueueSettings, body: &QueueBody) -> Result<QueueSettings, Problem> {
    if let Some(ttl) = &body.ttl {
        settings.ttl = Some(ttl.read("ttl")?);
    }
    if let Some(retries) = body.retries {
        // A task that may run 0 times would never end; it runs once.
        settings.retries = Some(retries.saturating_sub(1));
    }
    if let Some(delay) = &body.retry_delay {
        settings.backoff = Some(quadratic(delay.read("retry_delay")?));
    }
    Ok(settings)
}

pub(crate) async fn get(caller: Caller, Namespaced(queue): Namespaced, Name(name): Name) -> Answer {
    done(&QueueObject::from(&find_queue(&caller, &queue, &name).await?))
}

pub(crate) async fn change(
    caller: Caller,
    Namespaced(queue): Namespaced,
    Name(name): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    let mut found = find_queue(&caller, &queue, &name).await?;
    let body: QueueBody = read(&body)?;
    if let Some(new) = body.queue.as_deref().filter(|new| *new != found.name)
        && new_name(new)? != found.name
    {
        return Err(Problem::unreadable("queue: a queue keeps its name"));
    }
    if body.ttl.is_none() && body.retries.is_none() && body.retry_delay.is_none() {
        return Err(Problem::unreadable("No patch values"));
    }
    let mut meetings = 0;
    loop {
        let settings = changed(found.settings.clone(), &body)?;
        match queue.configure_queue(&found.name, settings, Some(found.version)).await {
            Err(Error::Conflict { code: "precondition_failed", .. }) if meetings < MEETINGS_MAX => {
                meetings += 1;
                found = queue.queue(&found.name).await?;
            }
            made => return done(&QueueObject::from(&made?)),
        }
    }
}

/// Deletes it with all of its tasks, as pgqueue does.
pub(crate) async fn delete(
    caller: Caller,
    Namespaced(queue): Namespaced,
    Name(name): Name,
) -> Answer {
    let found = find_queue(&caller, &queue, &name).await?;
    queue.delete_queue(&found.name, true, None).await?;
    done(&QueueObject::from(&found))
}
