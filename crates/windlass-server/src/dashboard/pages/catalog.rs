//! Types and limits: what there is, and pausing a type everywhere.

use askama::Template;
use serde_json::Value;
use windlass::protocol::read_pause_everywhere;
use windlass::{KindStats, LimitRecord, PauseScope, State};

use super::Base;
use super::queues::Pause;
use crate::dashboard::forms::Form;
use crate::dashboard::page::{Viewer, see};
use crate::dashboard::text::{count, encoded};
use crate::request::Name;
use crate::routes::Answer;

/// Types or limits on a page.
const PAGE: usize = 200;

#[derive(Template)]
#[template(path = "types.html")]
struct TypesPage {
    base: Base,
    rows: Vec<Type>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    base: Base,
    rows: Vec<Limit>,
    next: Option<String>,
}

struct Type {
    name: String,
    query: String,
    pause: Option<Pause>,
    queues: String,
    pending: String,
    running: String,
    completed: String,
    failed: String,
    share: String,
    dead: String,
}

struct Limit {
    name: String,
    concurrency: String,
    rate: String,
    ordered: bool,
    overrides: usize,
}

pub(in crate::dashboard) async fn types(viewer: Viewer) -> Answer {
    let after = viewer.parameter("after").unwrap_or_default();
    let mut found = viewer.queue.kinds(&after).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let stats = viewer.queue.stats().await?;
    let row = |kind: &windlass::KindRecord| {
        let own: Vec<&KindStats> = stats.kinds.iter().filter(|one| one.kind == kind.name).collect();
        let mut row = Type::of(&kind.name, &own);
        row.pause = kind.paused.as_ref().map(Pause::from);
        row
    };
    let content = TypesPage {
        base: Base::of(&viewer),
        rows: found.iter().map(row).collect(),
        next: found.last().filter(|_| more).map(|last| encoded(&last.name)),
    };
    viewer.page("Types", "types", &content).await
}

impl Type {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    fn of(name: &str, own: &[&KindStats]) -> Self {
        let sum = |of: fn(&KindStats) -> u64| own.iter().map(|kind| of(kind)).sum::<u64>();
        let in_state =
            |state| own.iter().map(|kind| kind.jobs.get(&state).copied().unwrap_or(0)).sum::<u64>();
        let (failed, completed) = (sum(|kind| kind.failed_attempts), sum(|kind| kind.completions));
        let ran = failed + completed;
        let share = if ran == 0 { 0.0 } else { 100.0 * failed as f64 / ran as f64 };
        let queues: Vec<&str> = own.iter().map(|kind| kind.queue.as_str()).collect();
        Self {
            name: name.to_owned(),
            query: encoded(&format!("type:{name}")),
            pause: None,
            queues: queues.join(", "),
            pending: count(in_state(State::Pending)),
            running: count(in_state(State::Running)),
            completed: count(completed),
            failed: count(failed),
            share: if ran == 0 { String::new() } else { format!("{share:.1} %") },
            dead: count(in_state(State::DeadLetter)),
        }
    }
}

pub(in crate::dashboard) async fn pause(viewer: Viewer, Name(name): Name, form: Form) -> Answer {
    let body = Value::Object(form.members(&["reason", "until"])).to_string();
    let options = read_pause_everywhere(body.as_bytes())?;
    viewer.queue.pause(PauseScope::Kind(name), options).await?;
    see(&format!("{}/types?notice=paused", viewer.root()))
}

pub(in crate::dashboard) async fn resume(viewer: Viewer, Name(name): Name) -> Answer {
    viewer.queue.resume(PauseScope::Kind(name)).await?;
    see(&format!("{}/types?notice=resumed", viewer.root()))
}

pub(in crate::dashboard) async fn limits(viewer: Viewer) -> Answer {
    let after = viewer.parameter("after").unwrap_or_default();
    let mut found = viewer.queue.limits(&after).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let content = LimitsPage {
        base: Base::of(&viewer),
        rows: found.iter().map(Limit::from).collect(),
        next: found.last().filter(|_| more).map(|last| encoded(&last.name)),
    };
    viewer.page("Limits", "limits", &content).await
}

impl From<&LimitRecord> for Limit {
    fn from(record: &LimitRecord) -> Self {
        let limit = &record.limit;
        let rate = limit.rate.map(|rate| {
            let per = windlass::format_duration(rate.per);
            format!("{} per {per}, {} at once", rate.count, rate.burst)
        });
        Self {
            name: record.name.clone(),
            concurrency: limit.concurrency.map(|max| max.to_string()).unwrap_or_default(),
            rate: rate.unwrap_or_default(),
            ordered: limit.ordered,
            overrides: limit.overrides.len(),
        }
    }
}
