//! What happened to one job, as its rows tell it: nothing is written for it.

use super::{AttemptRecord, EventName, JobRecord, Timestamp};
use crate::core::{Reason, State};

/// Something that happened to one job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Place in the history, from 1.
    pub id: u32,
    /// What happened.
    pub event: EventName,
    /// When.
    pub at: Timestamp,
    /// Why: the reason of a state, or the class of a failed attempt.
    pub reason: Option<String>,
    /// The worker that did it.
    pub actor: Option<String>,
}

/// The history of a job in order: it was stored, each attempt began and ended, it ended.
pub(crate) fn history(job: &JobRecord, attempts: &[AttemptRecord]) -> Vec<HistoryEntry> {
    let mut told = Told::default();
    told.add(EventName::JobCreated, Some(job.created_at), (None, None));
    let mut has_ended = false;
    for (place, attempt) in attempts.iter().enumerate() {
        let actor = attempt.worker.as_deref();
        if attempt.started_at.is_some() {
            told.add(EventName::JobStarted, attempt.started_at, (None, actor));
        }
        let is_last = place + 1 == attempts.len();
        let ends = is_last && job.state.is_terminal() && attempt.finished_at == job.completed_at;
        has_ended |= ends;
        if ends {
            let reason = job.reason.map(Reason::as_str);
            told.add(EventName::of_state(job.state), attempt.finished_at, (reason, actor));
        } else {
            let (event, reason) = end_of(attempt);
            told.add(event, attempt.finished_at, (reason, actor));
        }
    }
    if job.state.is_terminal() && !has_ended {
        let reason = job.reason.map(Reason::as_str);
        let actor = job.worker.as_deref();
        told.add(EventName::of_state(job.state), job.completed_at, (reason, actor));
    }
    told.0
}

/// How an attempt ended after which the job went on: also an earlier end of a job that lives again.
fn end_of(attempt: &AttemptRecord) -> (EventName, Option<&str>) {
    let ended = State::ALL.into_iter().find(|state| state.as_str() == attempt.class);
    match ended.filter(|state| state.is_terminal()) {
        Some(state) => (EventName::of_state(state), None),
        None => (EventName::JobRetrying, Some(&attempt.class)),
    }
}

#[derive(Default)]
struct Told(Vec<HistoryEntry>);

impl Told {
    fn add(
        &mut self,
        event: EventName,
        at: Option<Timestamp>,
        (reason, actor): (Option<&str>, Option<&str>),
    ) {
        let Some(at) = at else { return };
        let id = u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX);
        let (reason, actor) = (reason.map(str::to_owned), actor.map(str::to_owned));
        self.0.push(HistoryEntry { id, event, at, reason, actor });
    }
}
