//! Workflows and batches: lists with how far they are, and one of each.

use std::collections::BTreeMap;

use askama::Template;
use windlass::{
    BatchId, BatchRecord, BundleState, JobFilter, JobRecord, State, WorkflowId, WorkflowRecord,
};

use super::Base;
use super::rows::JobRow;
use crate::dashboard::draw::{Node, graph};
use crate::dashboard::page::{Viewer, see};
use crate::dashboard::text::{Safe, badge, count, encoded, maybe_time, time, word_badge};
use crate::problem::Problem;
use crate::request::Id;
use crate::routes::Answer;

/// Workflows or batches on a page.
const PAGE: usize = 50;

/// Nodes that are drawn; more are hard to look at, and are listed.
const DRAWN_MAX: usize = 250;

#[derive(Template)]
#[template(path = "workflows.html")]
struct WorkflowsPage {
    base: Base,
    rows: Vec<Row>,
    next: Option<String>,
    /// `workflows` or `batches`.
    place: &'static str,
}

#[derive(Template)]
#[template(path = "workflow.html")]
struct WorkflowPage {
    base: Base,
    row: Row,
    states: Vec<(Safe, String)>,
    graph: Safe,
    is_drawn: bool,
    nodes: Vec<JobRow>,
    query: String,
    may_cancel: bool,
    may_retry: bool,
}

#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage {
    base: Base,
    row: Row,
    states: Vec<(Safe, String)>,
    committed: Safe,
    callbacks: Vec<(String, String, Option<String>)>,
    jobs: Vec<JobRow>,
    query: String,
    blockers: Vec<String>,
}

struct Row {
    id: String,
    name: String,
    badge: Safe,
    total: u64,
    ended: u64,
    has_failed: bool,
    is_over: bool,
    created: Safe,
    completed: Safe,
}

type Counts = BTreeMap<State, u64>;

impl Row {
    fn new(id: String, name: &str, state: BundleState, counts: &Counts) -> Self {
        let of = |wanted: fn(State) -> bool| -> u64 {
            counts.iter().filter(|(state, _)| wanted(**state)).map(|(_, n)| n).sum()
        };
        Self {
            id,
            name: name.to_owned(),
            badge: word_badge(state.as_str(), state.as_str()),
            total: counts.values().sum(),
            ended: of(State::is_terminal),
            has_failed: of(|state| matches!(state, State::Failed | State::DeadLetter)) > 0,
            is_over: state.is_terminal(),
            created: Safe::default(),
            completed: Safe::default(),
        }
    }
}

impl From<&WorkflowRecord> for Row {
    fn from(found: &WorkflowRecord) -> Self {
        let row = Self::new(found.id.to_string(), &found.name, found.state, &found.counts);
        let (created, completed) = (time(found.created_at), maybe_time(found.completed_at));
        Self { created, completed, ..row }
    }
}

impl From<&BatchRecord> for Row {
    fn from(found: &BatchRecord) -> Self {
        let row = Self::new(found.id.to_string(), &found.description, found.state, &found.counts);
        let (created, completed) = (time(found.created_at), maybe_time(found.completed_at));
        Self { created, completed, ..row }
    }
}

pub(in crate::dashboard) async fn list_workflows(viewer: Viewer) -> Answer {
    let before = before::<WorkflowId>(&viewer)?;
    let mut found = viewer.queue.workflows(before, None, PAGE + 1).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let content = WorkflowsPage {
        base: Base::of(&viewer),
        next: found.last().filter(|_| more).map(|last| last.id.to_string()),
        rows: found.iter().map(Row::from).collect(),
        place: "workflows",
    };
    viewer.page("Workflows", "workflows", &content).await
}

pub(in crate::dashboard) async fn list_batches(viewer: Viewer) -> Answer {
    let before = before::<BatchId>(&viewer)?;
    let mut found = viewer.queue.batches(before, None, PAGE + 1).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let content = WorkflowsPage {
        base: Base::of(&viewer),
        next: found.last().filter(|_| more).map(|last| last.id.to_string()),
        rows: found.iter().map(Row::from).collect(),
        place: "batches",
    };
    viewer.page("Batches", "batches", &content).await
}

fn before<I: std::str::FromStr<Err = String>>(viewer: &Viewer) -> Result<Option<I>, Problem> {
    let text = viewer.parameter("before").filter(|text| !text.is_empty());
    text.map(|text| text.parse()).transpose().map_err(Problem::unreadable)
}

pub(in crate::dashboard) async fn workflow(viewer: Viewer, Id(id): Id<WorkflowId>) -> Answer {
    let found = viewer.queue.workflow(id).await?;
    let nodes = JobFilter::new().workflow(id).oldest_first().limit(DRAWN_MAX);
    let page = viewer.queue.list(nodes).await?;
    let base = Base::of(&viewer);
    let drawn: Vec<Node> = page.jobs.iter().map(|job| node(&base.root, job)).collect();
    let is_drawn = page.next_cursor.is_none();
    let row = Row::from(&found);
    let content = WorkflowPage {
        states: states(&found.counts),
        graph: if is_drawn { graph(&drawn) } else { Safe::default() },
        is_drawn,
        nodes: page.jobs.iter().map(JobRow::from).collect(),
        query: encoded(&format!("workflow:{id}")),
        may_cancel: !row.is_over,
        may_retry: matches!(found.state, BundleState::Failed | BundleState::Cancelled),
        row,
        base,
    };
    viewer.page(&format!("Workflow {id}"), "workflows", &content).await
}

fn node(root: &str, job: &JobRecord) -> Node {
    Node {
        id: job.id.to_string(),
        name: job.node.clone().unwrap_or_else(|| job.id.to_string()),
        kind: job.kind.clone(),
        state: job.state,
        parents: job.depends_on.iter().map(|dependency| dependency.id.to_string()).collect(),
        link: format!("{root}/jobs/{}", job.id),
    }
}

fn states(counts: &Counts) -> Vec<(Safe, String)> {
    let shown = counts.iter().filter(|(_, n)| **n > 0);
    shown.map(|(state, n)| (badge(*state), count(*n))).collect()
}

pub(in crate::dashboard) async fn cancel(viewer: Viewer, Id(id): Id<WorkflowId>) -> Answer {
    viewer.queue.cancel_workflow(id, None).await?;
    see(&format!("{}/workflows/{id}?notice=workflow-cancelled", viewer.root()))
}

pub(in crate::dashboard) async fn retry(viewer: Viewer, Id(id): Id<WorkflowId>) -> Answer {
    viewer.queue.retry_workflow(id, false).await?;
    see(&format!("{}/workflows/{id}?notice=workflow-retried", viewer.root()))
}

pub(in crate::dashboard) async fn batch(viewer: Viewer, Id(id): Id<BatchId>) -> Answer {
    let found = viewer.queue.batch(id).await?;
    let page = viewer.queue.list(JobFilter::new().batch(id).limit(PAGE)).await?;
    let blockers =
        if found.state.is_terminal() { Vec::new() } else { viewer.queue.explain_batch(id).await? };
    let callback = |callback: &windlass::CallbackRecord| {
        let on = callback.on.as_str().replace('_', " ");
        (on, callback.job.queue_name().to_owned(), callback.id.map(|id| id.to_string()))
    };
    let content = BatchPage {
        base: Base::of(&viewer),
        row: Row::from(&found),
        states: states(&found.counts),
        committed: maybe_time(found.committed_at),
        callbacks: found.callbacks.iter().map(callback).collect(),
        jobs: page.jobs.iter().map(JobRow::from).collect(),
        query: encoded(&format!("batch:{id}")),
        blockers: blockers.into_iter().map(|blocker| blocker.message).collect(),
    };
    viewer.page(&format!("Batch {id}"), "batches", &content).await
}
