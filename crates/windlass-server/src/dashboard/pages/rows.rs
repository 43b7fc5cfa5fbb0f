//! Jobs as rows of a table.

use windlass::{JobRecord, State};

use crate::dashboard::text::{Safe, badge, brief, span, time};

/// Characters of an error in a row.
const ERROR_CHARS: usize = 96;

/// A job in one line.
pub(super) struct JobRow {
    pub(super) id: String,
    pub(super) kind: String,
    /// Its name in its workflow.
    pub(super) node: String,
    pub(super) queue: String,
    pub(super) badge: Safe,
    pub(super) reason: &'static str,
    pub(super) priority: u8,
    pub(super) attempts: String,
    /// What its state is about: when it is due, began or ended.
    pub(super) when: Safe,
    pub(super) took: String,
    pub(super) tags: Vec<(String, String)>,
    pub(super) note: String,
    pub(super) percent: Option<u8>,
}

impl From<&JobRecord> for JobRow {
    fn from(job: &JobRecord) -> Self {
        let when = match job.state {
            State::Pending => job.created_at,
            State::Delayed | State::Retrying => job.scheduled_at.unwrap_or(job.updated_at),
            State::Running => job.started_at.unwrap_or(job.updated_at),
            _ => job.completed_at.unwrap_or(job.updated_at),
        };
        let ran = job.started_at.zip(job.completed_at).map(|(from, end)| end.since(from));
        let has_error = !matches!(job.state, State::Completed);
        let error = job.last_error.as_deref().filter(|_| has_error);
        let progress = job.progress_message.as_deref().filter(|_| job.state == State::Running);
        let note = error.or(progress).unwrap_or_default();
        Self {
            id: job.id.to_string(),
            kind: job.kind.clone(),
            node: job.node.clone().unwrap_or_default(),
            queue: job.queue.clone(),
            badge: badge(job.state),
            reason: reason(job),
            priority: job.priority.get(),
            attempts: format!("{}/{}", job.attempt, job.max_attempts),
            when: time(when),
            took: ran.map(span).unwrap_or_default(),
            tags: job.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            note: brief(note, ERROR_CHARS),
            percent: percent(job),
        }
    }
}

/// Why it stands there, where that says more than the state.
pub(super) fn reason(job: &JobRecord) -> &'static str {
    match job.reason.map(windlass::Reason::as_str) {
        None | Some("ready" | "scheduled" | "backoff" | "exhausted" | "request") => "",
        Some(reason) => reason,
    }
}

/// How far a running job says it is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
pub(super) fn percent(job: &JobRecord) -> Option<u8> {
    let is_told = job.state == State::Running && job.progress > 0.0;
    is_told.then(|| job.progress.clamp(0.0, 100.0) as u8)
}
