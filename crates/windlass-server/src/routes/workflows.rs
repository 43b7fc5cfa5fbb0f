//! Workflows: start, list, read, cancel, retry.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use windlass::protocol::{
    NamedPage, WorkflowObject, read_cancel_workflow, read_retry_workflow, read_workflow,
};
use windlass::{BundleState, JobFilter, Queue, WorkflowId};

use super::Answer;
use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::request::{Id, Namespaced, Pairs, RequestBody, header_text};

/// Says why a workflow or batch was not stored anew.
pub(super) const EXISTING: [(&str, &str); 1] = [("windlass-existing", "idempotency")];

pub(crate) async fn start(
    State(app): State<Shared>,
    (caller, Namespaced(queue)): (Caller, Namespaced),
    headers: HeaderMap,
    RequestBody(body): RequestBody,
) -> Answer {
    let key = header_text(&headers, "idempotency-key")?;
    let flow = read_workflow(&body, key)?;
    app.meter.stored(&caller, flow.len(), app.now());
    let started = queue.start(flow).await?;
    let shown = show(&queue, started.id(), JobFilter::new()).await?;
    if !started.is_new() {
        return Ok((EXISTING, shown).into_response());
    }
    let place = [(header::LOCATION, format!("/api/v1/workflows/{}", started.id()))];
    Ok((StatusCode::CREATED, place, shown).into_response())
}

pub(crate) async fn list(Namespaced(queue): Namespaced, pairs: Pairs) -> Answer {
    let page = BundlePage::read(&pairs)?;
    let before = page.cursor()?;
    let mut found = queue.workflows(before, page.state, page.limit + 1).await?;
    let more = found.len() > page.limit;
    found.truncate(page.limit);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    let items: Vec<WorkflowObject<'_>> = found.iter().map(WorkflowObject::new).collect();
    Ok(Json(NamedPage::new("workflows", items, next)).into_response())
}

pub(crate) async fn get(
    Namespaced(queue): Namespaced,
    Id(id): Id<WorkflowId>,
    pairs: Pairs,
) -> Answer {
    let (cursor, limit) = pairs.page()?;
    let mut filter = JobFilter::new().limit(limit);
    if !cursor.is_empty() {
        let read = |detail| Problem::unreadable(format!("cursor: {detail}"));
        filter = filter.after(cursor.parse().map_err(read)?);
    }
    show(&queue, id, filter).await
}

pub(crate) async fn cancel(
    Namespaced(queue): Namespaced,
    Id(id): Id<WorkflowId>,
    RequestBody(body): RequestBody,
) -> Answer {
    let reason = read_cancel_workflow(&body)?;
    queue.cancel_workflow(id, reason.as_deref()).await?;
    show(&queue, id, JobFilter::new()).await
}

pub(crate) async fn retry(
    Namespaced(queue): Namespaced,
    Id(id): Id<WorkflowId>,
    RequestBody(body): RequestBody,
) -> Answer {
    queue.retry_workflow(id, read_retry_workflow(&body)?).await?;
    show(&queue, id, JobFilter::new()).await
}

/// A workflow with a page of its nodes.
async fn show(queue: &Queue, id: WorkflowId, page: JobFilter) -> Answer {
    let workflow = queue.workflow(id).await?;
    let page = queue.list(page.workflow(id).oldest_first()).await?;
    Ok(Json(WorkflowObject::with_nodes(&workflow, &page)).into_response())
}

/// Which page of workflows or batches.
pub(super) struct BundlePage {
    pub(super) state: Option<BundleState>,
    pub(super) limit: usize,
    cursor: String,
}

impl BundlePage {
    pub(super) fn read(pairs: &Pairs) -> Result<Self, Problem> {
        let is_state = |(name, _): &&(String, String)| name == "state";
        let states: Vec<&str> =
            pairs.0.iter().filter(is_state).map(|(_, value)| value.as_str()).collect();
        let state = match states.as_slice() {
            [] => None,
            [text] => {
                let wrong = |detail| Problem::unreadable(format!("state: {detail}"));
                Some(text.parse().map_err(wrong)?)
            }
            _ => return Err(Problem::unreadable("state: may be given once")),
        };
        let rest = pairs.0.iter().filter(|pair| !is_state(pair)).cloned();
        let (cursor, limit) = Pairs(rest.collect()).page()?;
        Ok(Self { state, limit: limit.min(LIMIT_MAX), cursor })
    }

    pub(super) fn cursor<I: std::str::FromStr<Err = String>>(&self) -> Result<Option<I>, Problem> {
        if self.cursor.is_empty() {
            return Ok(None);
        }
        let wrong = |detail| Problem::unreadable(format!("cursor: {detail}"));
        self.cursor.parse().map(Some).map_err(wrong)
    }
}

/// One less than the library reads at a time: whether there is more costs nothing.
const LIMIT_MAX: usize = 499;
