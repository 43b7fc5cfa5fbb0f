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
                (None, _) => job.ready(job.born),
            }
        }
    }

    /// Whether a ready job may run; then it needs no other slot.
    pub(super) fn passes(&mut self, id: JobId) -> bool {
        let Some(key) = self.job(id).key else { return true };
        let has_slot = self.reserved.remove(&id).is_some();
        has_slot || (self.throttled(key).is_empty() && self.room(key) > 0)
    }

    /// Jobs that wait in lines come into ready, as far as slots are free.
    pub(super) fn admit(&mut self) {
        let jobs = &self.jobs;
        self.reserved.retain(|id, _| jobs.get(id).is_some_and(Job::is_ready));
        for key in 0..KEYS.len() {
            let room = self.room(key);
            for id in self.throttled(key).into_iter().take(room) {
                let place = self.place();
                self.edit(id, |job| job.ready(place));
                self.reserved.insert(id, key);
            }
        }
    }

    fn room(&self, key: usize) -> usize {
        let runs = |job: &&Job| job.state == State::Running && job.key == Some(key);
        let running = self.jobs.values().filter(runs).count();
        let reserved = self.reserved.values().filter(|of| **of == key).count();
        MOST - running - reserved
    }

    /// The jobs that wait in the line of a key, in their order.
    fn throttled(&self, key: usize) -> Vec<JobId> {
        let waits = |job: &Job| job.is_throttled() && job.key == Some(key);
        let jobs = self.jobs.iter().filter(|(_, job)| waits(job));
        let mut jobs: Vec<_> = jobs.map(|(id, job)| (job.priority, job.place, *id)).collect();
        jobs.sort_unstable();
        jobs.into_iter().map(|(_, _, id)| id).collect()
    }
}
