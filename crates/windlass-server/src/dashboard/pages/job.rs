//! One job: its life, what it carries, and why it stands where it stands.

use askama::Template;
use windlass::protocol::JobObject;
use windlass::{AttemptRecord, Blocker, JobId, JobRecord, State};

use super::Base;
use super::rows::{percent, reason};
use crate::dashboard::draw::{self, summary, timeline};
use crate::dashboard::page::Viewer;
use crate::dashboard::text::{
    Safe, as_json, badge, content, encoded, maybe_time, span, time, word_badge,
};
use crate::endpoints::Permission;
use crate::request::Id;
use crate::routes::Answer;

/// Jobs of the type whose ends are drawn, of those that have ended among them.
const RUNS: usize = 100;

/// Jobs named as parents or children on a page.
const NEIGHBOURS_MAX: usize = 50;

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    base: Base,
    id: String,
    kind: String,
    kind_query: String,
    badge: Safe,
    reason: &'static str,
    percent: Option<u8>,
    progress: Option<String>,
    error: Option<String>,
    timeline: Safe,
    facts: Vec<(&'static str, Fact)>,
    tags: Vec<(String, String, String)>,
    attempts: Vec<Attempt>,
    logs: Vec<Line>,
    may_see_logs: bool,
    payload: Option<String>,
    result: Option<String>,
    blockers: Vec<Obstacle>,
    parents: Vec<Neighbour>,
    children: Vec<String>,
    /// The latest jobs of the type, drawn and told.
    runs: Option<(Safe, String)>,
    raw: String,
    acts: Acts,
}

/// What may be done to a job in this state.
struct Acts(State);

/// A fact about a job: markup of ours, or a text, with a link or without.
enum Fact {
    Shown(Safe),
    Text(String),
    Link(String, String),
}

struct Attempt {
    number: u32,
    badge: Safe,
    worker: String,
    started: Safe,
    took: String,
    message: String,
    backtrace: Option<String>,
}

struct Line {
    at: Safe,
    attempt: u32,
    level: &'static str,
    text: String,
}

/// Something that keeps it from running.
struct Obstacle {
    message: String,
    evidence: Vec<(&'static str, String)>,
    until: Option<Safe>,
}

struct Neighbour {
    id: String,
    kind: String,
    badge: Safe,
}

pub(in crate::dashboard) async fn show(viewer: Viewer, Id(id): Id) -> Answer {
    let queue = &viewer.queue;
    let job = queue.get(id).await?;
    let attempts = queue.attempts(id).await?;
    let may_see_logs = viewer.may(Permission::Contents);
    let logs = if may_see_logs { queue.logs(id).await? } else { Vec::new() };
    let is_waiting = matches!(job.state, State::Pending | State::Delayed | State::Retrying);
    let blockers = if is_waiting { queue.explain(id).await?.blockers } else { Vec::new() };
    let parents: Vec<JobId> =
        job.depends_on.iter().take(NEIGHBOURS_MAX).map(|dependency| dependency.id).collect();
    let parents = if parents.is_empty() { Vec::new() } else { queue.get_many(parents).await? };
    let children = queue.dependents(id).await?;
    // Other queues may have jobs of the type, which a key that is bound to queues is not for.
    let runs = match viewer.caller.has_queues() {
        true => Vec::new(),
        false => queue.latest_runs(&job.kind, RUNS).await?,
    };
    let may_see = viewer.caller.role().sees_payloads();
    let base = Base::of(&viewer);
    let content = JobPage {
        id: id.to_string(),
        kind_query: encoded(&format!("type:{}", job.kind)),
        kind: job.kind.clone(),
        badge: badge(job.state),
        reason: reason(&job),
        percent: percent(&job),
        progress: job.progress_message.clone().filter(|_| job.state == State::Running),
        error: job.last_error.clone().filter(|_| job.state != State::Completed),
        timeline: timeline(&job, &attempts),
        facts: facts(&base.root, &job),
        tags: tags(&job),
        attempts: attempts.iter().rev().map(Attempt::from).collect(),
        logs: logs.iter().map(Line::from).collect(),
        may_see_logs,
        payload: may_see.then(|| content(&job.payload)),
        result: job.result.as_deref().filter(|_| may_see).map(content),
        blockers: blockers.into_iter().map(Obstacle::from).collect(),
        parents: parents.iter().map(Neighbour::from).collect(),
        children: children.iter().take(NEIGHBOURS_MAX).map(ToString::to_string).collect(),
        runs: (!runs.is_empty()).then(|| (draw::runs(&runs, id), summary(&runs))),
        raw: raw(&job, may_see),
        acts: Acts(job.state),
        base,
    };
    viewer.page(&format!("Job {id}"), "jobs", &content).await
}

impl Acts {
    const fn retry(&self) -> bool {
        self.0.is_terminal()
    }

    const fn run(&self) -> bool {
        matches!(self.0, State::Delayed | State::Retrying)
    }

    const fn cancel(&self) -> bool {
        !self.0.is_terminal()
    }

    const fn edit(&self) -> bool {
        !matches!(self.0, State::Running)
    }
}

impl From<Blocker> for Obstacle {
    fn from(blocker: Blocker) -> Self {
        let Blocker { message, evidence, until, .. } = blocker;
        Self { message, evidence: evidence.into_iter().collect(), until: until.map(time) }
    }
}

fn tags(job: &JobRecord) -> Vec<(String, String, String)> {
    let tag = |(key, value): (&String, &String)| {
        (key.clone(), value.clone(), encoded(&format!("tag:{key}:{value}")))
    };
    job.tags.iter().map(tag).collect()
}

fn facts(root: &str, job: &JobRecord) -> Vec<(&'static str, Fact)> {
    let text = |text: &Option<String>| text.clone().map(Fact::Text);
    let shown = |at: Option<_>| at.map(|at| Fact::Shown(time(at)));
    let link = |place: String, text: String| Fact::Link(format!("{root}/{place}"), text);
    let namer = |text: &str| encoded(text);
    let facts = [
        ("queue", Some(link(format!("queues/{}", namer(&job.queue)), job.queue.clone()))),
        ("priority", Some(Fact::Text(priority(job.priority.get())))),
        ("attempt", Some(Fact::Text(format!("{} of {}", job.attempt, job.max_attempts)))),
        ("crashes", (job.crashes > 0).then(|| Fact::Text(job.crashes.to_string()))),
        ("snoozes", (job.snoozes > 0).then(|| Fact::Text(job.snoozes.to_string()))),
        ("stored", shown(Some(job.created_at))),
        ("due", shown(job.scheduled_at)),
        ("started", shown(job.started_at)),
        ("ended", shown(job.completed_at)),
        ("worker", text(&job.worker)),
        ("lease until", shown(job.lease_expires_at)),
        ("timeout", Some(Fact::Text(span(job.timeout)))),
        ("start by", shown(job.start_by)),
        ("deadline", shown(job.deadline)),
        ("correlation id", text(&job.correlation_id)),
        ("idempotency key", text(&job.idempotency_key)),
        ("concurrency key", job.concurrency_key().map(|key| Fact::Text(key.to_owned()))),
        ("rate key", job.rate_key().map(|key| Fact::Text(key.to_owned()))),
        ("fairness key", job.fairness_key().map(|key| Fact::Text(key.to_owned()))),
        (
            "schedule",
            job.schedule
                .as_ref()
                .map(|of| link(format!("schedules/{}", namer(&of.schedule)), of.schedule.clone())),
        ),
        ("workflow", job.workflow_id.map(|id| link(format!("workflows/{id}"), id.to_string()))),
        ("node", text(&job.node)),
        ("batch", job.batch_id.map(|id| link(format!("batches/{id}"), id.to_string()))),
    ];
    facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect()
}

fn priority(class: u8) -> String {
    let names = ["critical", "high", "normal", "low", "bulk"];
    names
        .get(usize::from(class))
        .map_or_else(|| class.to_string(), |name| format!("{class} ({name})"))
}

/// The job as the API shows it.
fn raw(job: &JobRecord, may_see: bool) -> String {
    if may_see {
        return as_json(&JobObject(job));
    }
    let Ok(serde_json::Value::Object(mut members)) = serde_json::to_value(JobObject(job)) else {
        return String::new();
    };
    for hidden in ["payload", "payload_base64", "result", "result_base64"] {
        members.remove(hidden);
    }
    as_json(&members)
}

impl From<&AttemptRecord> for Attempt {
    fn from(attempt: &AttemptRecord) -> Self {
        let class = match attempt.class.as_str() {
            "running" => "running",
            "completed" => "completed",
            "cancelled" => "cancelled",
            _ => "failed",
        };
        let took = attempt.started_at.zip(attempt.finished_at).map(|(from, end)| end.since(from));
        Self {
            number: attempt.attempt,
            badge: word_badge(class, &escaped_word(&attempt.class)),
            worker: attempt.worker.clone().unwrap_or_default(),
            started: maybe_time(attempt.started_at),
            took: took.map(span).unwrap_or_default(),
            message: attempt.message.clone().unwrap_or_default(),
            backtrace: attempt.backtrace.clone(),
        }
    }
}

/// Classes of errors are words that clients choose: nothing but letters and the like is shown.
fn escaped_word(class: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ':');
    class.chars().filter(is_plain).collect::<String>().replace('_', " ")
}

impl From<&windlass::LogLine> for Line {
    fn from(line: &windlass::LogLine) -> Self {
        Self {
            at: time(line.at),
            attempt: line.attempt,
            level: line.level.as_str(),
            text: line.text.clone(),
        }
    }
}

impl From<&JobRecord> for Neighbour {
    fn from(job: &JobRecord) -> Self {
        Self { id: job.id.to_string(), kind: job.kind.clone(), badge: badge(job.state) }
    }
}
