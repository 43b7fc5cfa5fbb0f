//! What is done to one job: retry, run now, cancel, edit, duplicate, delete.

use askama::Template;
use axum::response::IntoResponse as _;
use serde_json::{Map, Value, json};
use windlass::protocol::{read_cancel, read_edit, read_retry};
use windlass::{Error, JobId, JobRecord, JobRef, JobVersion, NewJob};

use super::Base;
use super::names::Names;
use crate::dashboard::forms::Form;
use crate::dashboard::page::{Viewer, see};
use crate::problem::Problem;
use crate::request::Id;
use crate::routes::Answer;

/// The form to change a job, with what was written into it.
#[derive(Template)]
#[template(path = "job_edit.html")]
struct EditPage {
    base: Base,
    id: String,
    version: String,
    queue: String,
    priority: String,
    max_attempts: String,
    scheduled_at: String,
    tags: String,
    /// None where the bytes are no text: those cannot be written by hand.
    payload: Option<String>,
    /// Queues that there are.
    queues: Vec<String>,
    conflict: bool,
}

pub(in crate::dashboard) async fn retry(viewer: Viewer, Id(id): Id, form: Form) -> Answer {
    let options = read_retry(&bytes(&json!({ "reset_attempts": form.is_on("reset_attempts") })))?;
    viewer.queue.retry(met(id, &form)?, options).await?;
    let notice = if form.is_on("run") { "run" } else { "retried" };
    back(&viewer, id, notice)
}

pub(in crate::dashboard) async fn cancel(viewer: Viewer, Id(id): Id, form: Form) -> Answer {
    let mut members = form.members(&["reason"]);
    members.insert("force".to_owned(), form.is_on("force").into());
    let request = read_cancel(&bytes(&members))?;
    let reason = request.reason.as_deref();
    if request.force {
        viewer.queue.cancel_by_force(id, reason).await?;
    } else {
        viewer.queue.cancel(id, reason).await?;
    }
    back(&viewer, id, "cancelled")
}

pub(in crate::dashboard) async fn delete(viewer: Viewer, Id(id): Id, form: Form) -> Answer {
    viewer.queue.delete(met(id, &form)?, form.is_on("force")).await?;
    see(&format!("{}/jobs?notice=deleted", viewer.root()))
}

/// Stores a job with the same content. What must not stand twice (keys, batch, workflow) is left out.
pub(in crate::dashboard) async fn duplicate(viewer: Viewer, Id(id): Id) -> Answer {
    let job = viewer.queue.get(id).await?;
    viewer.caller.check_target(&job.queue)?;
    let made = viewer.queue.enqueue_new(copy_of(&job)).await?;
    back(&viewer, made.id(), "duplicated")
}

fn copy_of(job: &JobRecord) -> NewJob {
    let mut new = NewJob::new(&job.kind, job.payload.clone())
        .queue(&job.queue)
        .priority(job.priority)
        .timeout(job.timeout)
        .max_attempts(job.max_attempts)
        .max_crashes(job.max_crashes)
        .backoff(job.backoff.clone());
    for (key, value) in &job.tags {
        new = new.tag(key, value);
    }
    for (key, value) in &job.metadata {
        new = new.metadata(key, value);
    }
    if let Some(id) = &job.correlation_id {
        new = new.correlation_id(id);
    }
    if let Some(key) = job.concurrency_key() {
        new = new.concurrency_key(key);
    }
    if let Some(key) = job.rate_key() {
        new = new.rate_key(key);
    }
    if let Some(key) = job.fairness_key() {
        new = new.fairness_key(key);
    }
    new
}

pub(in crate::dashboard) async fn ask_edit(viewer: Viewer, Id(id): Id) -> Answer {
    let job = viewer.queue.get(id).await?;
    let queues = Names::read(&viewer).await?.queues;
    let content = EditPage::of(Base::of(&viewer), &job, queues);
    viewer.page(&format!("Edit job {id}"), "jobs", &content).await
}

pub(in crate::dashboard) async fn edit(viewer: Viewer, Id(id): Id, form: Form) -> Answer {
    let job = viewer.queue.get(id).await?;
    let edit = read_edit(&bytes(&edited(&form, &job)?))?;
    let edit = match changed_payload(&form, &job) {
        Some(payload) => edit.payload(payload),
        None => edit,
    };
    if let Some(target) = edit.queue_name() {
        viewer.caller.check_target(target)?;
    }
    match viewer.queue.edit(met(id, &form)?, edit).await {
        Ok(_) => back(&viewer, id, "changed"),
        Err(Error::Conflict { code: "precondition_failed", .. }) => {
            let queues = Names::read(&viewer).await?.queues;
            let now = EditPage::of(Base::of(&viewer), &job, queues);
            let content = now.with(&form);
            let page = viewer.page(&format!("Edit job {id}"), "jobs", &content).await?;
            Ok((axum::http::StatusCode::CONFLICT, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// The members that differ from what the job has.
fn edited(form: &Form, job: &JobRecord) -> Result<Map<String, Value>, Problem> {
    let now = EditPage::fields(job);
    let mut members = Map::new();
    let mut put = |name: &str, old: &str, value: Value| {
        if form.text(name).is_some_and(|text| text != old) {
            members.insert(name.to_owned(), value);
        }
    };
    put("queue", &now.queue, form.text("queue").into());
    put("priority", &now.priority, form.text("priority").into());
    put("max_attempts", &now.max_attempts, form.number("max_attempts").into());
    put("scheduled_at", &now.scheduled_at, form.text("scheduled_at").into());
    let written = form.raw("tags").map(|text| text.replace('\r', "")).unwrap_or_default();
    if form.raw("tags").is_some() && written.trim() != now.tags {
        members.insert("tags".to_owned(), tags(&written)?.into());
    }
    Ok(members)
}

/// Tags are written one a line: `key: value`.
fn tags(text: &str) -> Result<Map<String, Value>, Problem> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let tag = |line: &str| match line.split_once(':') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().into())),
        None => Err(Problem::unreadable(format!("tags: `{line}` is not KEY: VALUE"))),
    };
    lines.map(tag).collect()
}

fn changed_payload(form: &Form, job: &JobRecord) -> Option<Vec<u8>> {
    // Browsers send every end of a line as two characters.
    let plain = |text: &str| text.replace("\r\n", "\n");
    let text = plain(form.raw("payload")?);
    let is_same = std::str::from_utf8(&job.payload).is_ok_and(|now| plain(now) == text);
    (!is_same).then(|| text.into_bytes())
}

struct Fields {
    queue: String,
    priority: String,
    max_attempts: String,
    scheduled_at: String,
    tags: String,
}

impl EditPage {
    fn fields(job: &JobRecord) -> Fields {
        let tags: Vec<String> =
            job.tags.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        Fields {
            queue: job.queue.clone(),
            priority: job.priority.to_string(),
            max_attempts: job.max_attempts.to_string(),
            scheduled_at: job.scheduled_at.map(|at| at.to_string()).unwrap_or_default(),
            tags: tags.join("\n"),
        }
    }

    fn of(base: Base, job: &JobRecord, queues: Vec<String>) -> Self {
        let Fields { queue, priority, max_attempts, scheduled_at, tags } = Self::fields(job);
        Self {
            base,
            id: job.id.to_string(),
            version: job.version().to_string(),
            queue,
            priority,
            max_attempts,
            scheduled_at,
            tags,
            payload: String::from_utf8(job.payload.clone()).ok(),
            queues,
            conflict: false,
        }
    }

    /// What was written, over a job that has changed meanwhile.
    fn with(self, form: &Form) -> Self {
        let own = |name: &str, now: String| form.raw(name).map_or(now, str::to_owned);
        Self {
            queue: own("queue", self.queue),
            priority: own("priority", self.priority),
            max_attempts: own("max_attempts", self.max_attempts),
            scheduled_at: own("scheduled_at", self.scheduled_at),
            tags: own("tags", self.tags),
            payload: self.payload.map(|now| own("payload", now)),
            conflict: true,
            ..self
        }
    }
}

/// The job, in the version that the page showed.
fn met(id: JobId, form: &Form) -> Result<JobRef, Problem> {
    let Some(text) = form.text("version") else { return Ok(id.into()) };
    let version: Result<JobVersion, String> = text.parse();
    let version = version.map_err(|_| Problem::unreadable("version: is not one of a job"))?;
    Ok(id.at_version(version))
}

fn back(viewer: &Viewer, id: JobId, notice: &str) -> Answer {
    see(&format!("{}/jobs/{id}?notice={notice}", viewer.root()))
}

fn bytes(members: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(members).expect("texts and numbers can be written as JSON")
}
