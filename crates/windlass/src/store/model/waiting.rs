//! The reference, of jobs that wait: for others, or for what limits them.

use std::collections::BTreeMap;

use super::reference::{Job, KEYS, MOST, Reference};
use crate::core::{Reason, State};
use crate::job::JobId;

impl Reference {
    /// Jobs whose parents have ended go on, or end with them.
    pub(super) fn resolve(&mut self) {
        let ends: BTreeMap<JobId, State> =
            self.jobs.iter().map(|(id, job)| (*id, job.state)).collect();
        // Of a parent: nothing yet, or whether it lets the child run, or how the child ends.
        let verdict = |(parent, any_end): &(JobId, bool)| match ends.get(parent) {
            Some(state) if !state.is_terminal() => None,
            Some(State::Completed) => Some(Ok(())),
            _ if *any_end => Some(Ok(())),
            None | Some(State::Cancelled) => Some(Err(State::Cancelled)),
            Some(_) => Some(Err(State::Failed)),
        };
        let now = self.now;
        for job in self.jobs.values_mut().filter(|job| job.reason == Some(Reason::Blocked)) {
            let verdicts = job.parents.iter().filter_map(verdict);
            let end = verdicts.filter_map(Result::err).max_by_key(|state| state.code());
            job.parents.retain(|parent| verdict(parent).is_none());
            match (end, job.run_at) {
                (Some(state), _) => job.end(state, Some(Reason::Dependency)),
                (None, _) if !job.parents.is_empty() => {}
                (None, Some(run_at)) if run_at > now => job.wait(Reason::Scheduled, run_at),
                (None, _) => job.enter(job.born),
            }
        }
    }

    /// Jobs with keys come into ready, those first that wait in lines.
    pub(super) fn admit(&mut self) {
        for job in self.jobs.values_mut() {
            job.has_slot &= job.is_ready() || job.state == State::Running;
        }
        for key in 0..KEYS.len() {
            let waiting = self.throttled(|job| job.in_line && job.key == Some(key));
            let room = self.room(key);
            waiting.into_iter().take(room).for_each(|id| self.let_in(id));
        }
        for id in self.throttled(|job| !job.in_line) {
            let Some(key) = self.job(id).key else { continue };
            let is_behind = !self.throttled(|job| job.in_line && job.key == Some(key)).is_empty();
            if is_behind || self.room(key) == 0 {
                self.edit(id, |job| job.in_line = true);
            } else {
                self.let_in(id);
            }
        }
    }

    fn room(&self, key: usize) -> usize {
        let taken = self.jobs.values().filter(|job| job.has_slot && job.key == Some(key));
        MOST - taken.count()
    }

    fn let_in(&mut self, id: JobId) {
        let place = self.place();
        self.edit(id, |job| {
            job.ready(place);
            job.has_slot = true;
        });
    }

    /// Those of the throttled jobs, in their order.
    fn throttled(&self, which: impl Fn(&Job) -> bool) -> Vec<JobId> {
        let jobs = self.jobs.iter().filter(|(_, job)| job.is_throttled() && which(job));
        let mut jobs: Vec<_> = jobs.map(|(id, job)| (job.priority, job.place, *id)).collect();
        jobs.sort_unstable();
        jobs.into_iter().map(|(_, _, id)| id).collect()
    }
}
