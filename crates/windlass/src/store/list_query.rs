//! What a page of jobs is asked for: conditions, and how long to look.
//!
//! Some conditions statements answer from an index; the others are asked of jobs one by one, of a
//! bounded number.

use std::time::Duration;

use super::list::ListFilter;
use crate::core::{Reason, State};
use crate::job::{JobId, JobRecord, Priority, Timestamp};

/// Jobs that are looked at one by one for a page, and for how long, unless the query says otherwise.
const LOOKS_MAX: usize = 100_000;
const LOOKING_MAX: Duration = Duration::from_millis(250);

/// How much later than a job its id may be: a process whose clock was set back goes on with the
/// milliseconds it had come to.
const ID_AHEAD_MAX: Duration = Duration::from_secs(3600);

/// Milliseconds that an id has room for.
const ID_MS_MAX: i64 = (1 << 41) - 1;

/// A page of jobs to read; empty lists mean all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ListQuery {
    pub(crate) states: Vec<State>,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) kinds: Vec<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) priorities: Vec<Priority>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) fingerprints: Vec<String>,
    pub(crate) correlation_ids: Vec<String>,
    /// A workflow or batch whose members these are.
    pub(crate) bundle: Option<i64>,
    pub(crate) is_workflow: bool,
    pub(crate) created_after: Option<Timestamp>,
    pub(crate) created_before: Option<Timestamp>,
    pub(crate) updated_after: Option<Timestamp>,
    pub(crate) updated_before: Option<Timestamp>,
    /// Text that stands in the job somewhere.
    pub(crate) text: Option<String>,
    pub(crate) cursor: Option<JobId>,
    pub(crate) ascending: bool,
    pub(crate) limit: usize,
    /// How many jobs to look at, and how long.
    pub(crate) budget: Option<(usize, Duration)>,
}

impl ListQuery {
    /// Whether it means every job.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { cursor, ascending, limit, budget, .. } = *self;
        *self == Self { cursor, ascending, limit, budget, ..Self::default() }
    }

    /// Whether there are conditions that only the whole job can answer.
    pub(super) const fn is_sieved(&self) -> bool {
        !self.tags.is_empty()
            || !self.fingerprints.is_empty()
            || !self.reasons.is_empty()
            || self.updated_after.is_some()
            || self.updated_before.is_some()
            || self.text.is_some()
    }

    /// Whether every condition is answered by an index, in the order of the page.
    pub(super) fn is_indexed(&self) -> bool {
        let of_job = self.priorities.is_empty()
            && self.correlation_ids.is_empty()
            && self.created_after.is_none()
            && self.created_before.is_none();
        let has_names = !self.queues.is_empty() || !self.kinds.is_empty();
        let is_combined = self.bundle.is_none()
            && match self.states.as_slice() {
                [] => !self.queues.is_empty() && !self.kinds.is_empty(),
                states => has_names && states.iter().any(|state| state.is_terminal()),
            };
        of_job && !self.is_sieved() && !is_combined
    }

    /// Jobs among which all that are meant are, by conditions that an index answers.
    pub(super) fn candidates(&self) -> Self {
        let has_ended = self.states.iter().any(|state| state.is_terminal());
        let queues = if has_ended { Vec::new() } else { self.queues.clone() };
        // One index is enough: the other condition is asked of each job.
        let is_spare = has_ended || (self.states.is_empty() && !queues.is_empty());
        let kinds = if is_spare { Vec::new() } else { self.kinds.clone() };
        Self {
            states: self.states.clone(),
            kinds,
            queues,
            bundle: self.bundle,
            is_workflow: self.is_workflow,
            cursor: self.cursor,
            ascending: self.ascending,
            ..Self::default()
        }
    }

    /// The ids between which jobs lie that were stored in the time asked for: from the first, before the
    /// second.
    pub(super) fn id_range(&self) -> (Option<JobId>, Option<JobId>) {
        let id = |at: Timestamp| JobId::from_parts(JobId::ms_at(at).clamp(0, ID_MS_MAX), 0, 0);
        let below = self.created_before.map(|at| id(at + ID_AHEAD_MAX + Duration::from_millis(1)));
        (self.created_after.map(id), below)
    }

    pub(super) fn budget(&self) -> (usize, Duration) {
        self.budget.unwrap_or((LOOKS_MAX, LOOKING_MAX))
    }

    /// Asks all conditions of a job, but for those on its place in a workflow or batch.
    pub(super) fn passes(&self, job: &JobRecord) -> bool {
        let is_of = |names: &[String], name: Option<&str>| {
            names.is_empty() || names.iter().any(|wanted| Some(wanted.as_str()) == name)
        };
        // Each key that is named is a condition of its own.
        let has = |key: &String| {
            let of_key = self.tags.iter().filter(|(named, _)| named == key);
            of_key.into_iter().any(|(_, value)| job.tags.get(key) == Some(value))
        };
        is_one(&self.states, &job.state)
            && (self.reasons.is_empty()
                || job.reason.is_some_and(|one| self.reasons.contains(&one)))
            && is_of(&self.queues, Some(&job.queue))
            && is_of(&self.kinds, Some(&job.kind))
            && is_one(&self.priorities, &job.priority)
            && is_of(&self.correlation_ids, job.correlation_id.as_deref())
            && self.tags.iter().all(|(key, _)| has(key))
            && (self.fingerprints.is_empty()
                || is_of(&self.fingerprints, job.fingerprint().as_deref()))
            && is_between(job.created_at, self.created_after, self.created_before)
            && is_between(job.updated_at, self.updated_after, self.updated_before)
            && self.text.as_ref().is_none_or(|text| mentions(job, &text.to_lowercase()))
    }

    /// Adds the conditions on the job itself, and the page.
    pub(super) fn restrict(&self, filter: &mut ListFilter) {
        if !self.priorities.is_empty() {
            let classes = self.priorities.iter().map(|class| i64::from(class.get()));
            filter.one_of("j.priority", classes);
        }
        if !self.correlation_ids.is_empty() {
            filter.text_one_of("j.correlation_id", &self.correlation_ids);
        }
        if let Some(instant) = self.created_after {
            filter.at("j.created_at", true, instant);
        }
        if let Some(instant) = self.created_before {
            filter.at("j.created_at", false, instant);
        }
        filter.page(self.cursor, self.ascending, self.limit);
    }
}

fn is_one<T: PartialEq>(wanted: &[T], value: &T) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

fn is_between(at: Timestamp, from: Option<Timestamp>, before: Option<Timestamp>) -> bool {
    from.is_none_or(|from| at >= from) && before.is_none_or(|before| at < before)
}

/// Whether a text in small letters stands in one of the texts by which people know a job.
fn mentions(job: &JobRecord, text: &str) -> bool {
    let has = |of_job: &str| of_job.to_lowercase().contains(text);
    let texts = [&job.correlation_id, &job.idempotency_key, &job.last_error];
    job.id.to_string() == text
        || has(&job.kind)
        || has(&job.queue)
        || texts.into_iter().flatten().any(|of_job| has(of_job))
        || job.tags.iter().any(|(key, value)| has(key) || has(value))
}
