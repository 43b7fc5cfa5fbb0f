//! Workers: who runs jobs, and asking them to be quiet or to stop.

use askama::Template;
use windlass::{WorkerId, WorkerRecord, WorkerState};

use super::Base;
use crate::dashboard::page::{Viewer, see};
use crate::dashboard::text::{Safe, encoded, span, time, word_badge};
use crate::request::Id;
use crate::routes::Answer;

/// Workers on a page.
const PAGE: usize = 100;

#[derive(Template)]
#[template(path = "workers.html")]
struct WorkersPage {
    base: Base,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    id: String,
    name: String,
    badge: Safe,
    is_asked: bool,
    kind: &'static str,
    version: String,
    busy: u64,
    slots: u64,
    share: u64,
    queues: String,
    kinds: String,
    labels: Vec<(String, String)>,
    started: Safe,
    lease: String,
    query: String,
}

pub(in crate::dashboard) async fn list(viewer: Viewer) -> Answer {
    let before = viewer.parameter("before").and_then(|text| text.parse::<WorkerId>().ok());
    let mut found = viewer.queue.workers(before).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let now = viewer.now();
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    let rows = found.iter().map(|worker| Row::of(worker, worker.expires_at < now)).collect();
    let content = WorkersPage { base: Base::of(&viewer), rows, next };
    viewer.page("Workers", "workers", &content).await
}

impl Row {
    fn of(worker: &WorkerRecord, is_gone: bool) -> Self {
        let badge = match worker.state {
            _ if is_gone => word_badge("failed", "silent"),
            WorkerState::Run => word_badge("running", "runs"),
            WorkerState::Quiet => word_badge("paused", "quiet"),
            WorkerState::Terminate => word_badge("cancelled", "stops"),
        };
        let all = |names: &[String]| match names {
            [] => "all".to_owned(),
            names => names.join(", "),
        };
        Self {
            id: worker.id.to_string(),
            name: worker.name.clone(),
            badge,
            is_asked: worker.state != WorkerState::Run,
            kind: if worker.is_remote { "remote" } else { "built in" },
            version: worker.version.clone().unwrap_or_default(),
            busy: worker.leases,
            slots: worker.concurrency,
            share: (100 * worker.leases).checked_div(worker.concurrency).unwrap_or(0).min(100),
            queues: all(&worker.queues),
            kinds: all(&worker.kinds),
            labels: worker.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            started: time(worker.started_at),
            lease: span(worker.lease),
            query: encoded("state:running"),
        }
    }
}

pub(in crate::dashboard) async fn quiet(viewer: Viewer, Id(id): Id<WorkerId>) -> Answer {
    viewer.queue.ask_worker(id, WorkerState::Quiet).await?;
    see(&format!("{}/workers?notice=quiet", viewer.root()))
}

pub(in crate::dashboard) async fn terminate(viewer: Viewer, Id(id): Id<WorkerId>) -> Answer {
    viewer.queue.ask_worker(id, WorkerState::Terminate).await?;
    see(&format!("{}/workers?notice=terminate", viewer.root()))
}
