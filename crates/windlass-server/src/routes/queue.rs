//! What is done to one queue: pause, resume, purge; its counts, and what an autoscaler asks.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use serde_json::json;
use windlass::protocol::{
    ExplainObject, QueueStatsObject, ScaleObject, read_pause, read_purge, read_resume,
};
use windlass::{PauseScope, State as JobState, Stats};

use super::Answer;
use super::queues::show;
use crate::app::Shared;
use crate::request::{Name, Namespaced, RequestBody};
use crate::scale::Sample;

/// Within this time the wanted number of slots clears the backlog.
const CLEAR_WITHIN_SECONDS: f64 = 60.0;

pub(crate) async fn pause(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    let (options, kind) = read_pause(&body)?;
    queue.pause(scope(&name, kind), options).await?;
    show(&queue.queue(&name).await?)
}

pub(crate) async fn resume(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    queue.resume(scope(&name, read_resume(&body)?)).await?;
    show(&queue.queue(&name).await?)
}

pub(crate) async fn purge(
    Namespaced(queue): Namespaced,
    Name(name): Name,
    RequestBody(body): RequestBody,
) -> Answer {
    let deleted = queue.purge_queue(&name, &read_purge(&body)?).await?;
    Ok(Json(json!({ "deleted": deleted })).into_response())
}

pub(crate) async fn stats(Namespaced(queue): Namespaced, Name(name): Name) -> Answer {
    queue.queue(&name).await?;
    let stats = queue.stats().await?;
    Ok(Json(QueueStatsObject::new(&name, queue.namespace(), &stats)).into_response())
}

pub(crate) async fn scale(
    State(app): State<Shared>,
    Namespaced(queue): Namespaced,
    Name(name): Name,
) -> Answer {
    let oldest = queue.oldest_pending(&name).await?;
    let stats = queue.stats().await?;
    let now = app.now();
    let sample = Sample {
        at: now,
        arrived: sum(&stats, &name, |kind| kind.enqueues),
        drained: sum(&stats, &name, |kind| kind.completions + kind.failed_attempts),
    };
    let (arrival_rate, drain_rate) = app.samples.rates(queue.namespace(), &name, sample);
    let in_state =
        |state| sum(&stats, &name, move |kind| kind.jobs.get(&state).copied().unwrap_or_default());
    let (backlog, running) = (in_state(JobState::Pending), in_state(JobState::Running));
    let age = oldest.map_or(0, |since| now.since(since).as_millis());
    let object = ScaleObject {
        backlog,
        oldest_age_ms: u64::try_from(age).unwrap_or(u64::MAX),
        arrival_rate,
        drain_rate,
        desired_workers: desired(backlog, running, arrival_rate, drain_rate),
    };
    Ok(Json(object).into_response())
}

fn scope(queue: &str, kind: Option<String>) -> PauseScope {
    let queue = queue.to_owned();
    match kind {
        None => PauseScope::Queue(queue),
        Some(kind) => PauseScope::KindInQueue { queue, kind },
    }
}

fn sum(stats: &Stats, queue: &str, count: impl Fn(&windlass::KindStats) -> u64) -> u64 {
    stats.kinds.iter().filter(|kind| kind.queue == queue).map(count).sum()
}

/// Slots that keep up with what arrives and clear the backlog in time, by what one running job drains
/// now; where nothing drains yet, one more than run.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate, of a size that slots have"
)]
fn desired(backlog: u64, running: u64, arrival_rate: f64, drain_rate: f64) -> u64 {
    if running == 0 || drain_rate <= 0.0 {
        return running + u64::from(backlog > 0);
    }
    let each = drain_rate / running as f64;
    let needed = arrival_rate + backlog as f64 / CLEAR_WITHIN_SECONDS;
    ((needed / each).ceil() as u64).max(u64::from(backlog > 0))
}

pub(crate) async fn explain(Namespaced(queue): Namespaced, Name(name): Name) -> Answer {
    let blockers = queue.explain_queue(&name).await?;
    Ok(Json(ExplainObject::from(blockers.as_slice())).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_arrivals_and_backlog() {
        assert_eq!(desired(0, 0, 0.0, 0.0), 0);
        assert_eq!(desired(5, 0, 1.0, 0.0), 1);
        assert_eq!(desired(5, 2, 1.0, 0.0), 3);
        assert_eq!(desired(0, 4, 10.0, 8.0), 5);
        assert_eq!(desired(600, 4, 10.0, 8.0), 10);
    }
}
