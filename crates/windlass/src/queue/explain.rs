//! Why nothing runs: of a job, of a whole queue, of a schedule.

use std::collections::BTreeMap;

use super::{JobFilter, Queue};
use crate::core::State;
use crate::job::{Blocker, Explanation, JobId, Overlap, TickEnd, Timestamp};
use crate::{Error, ScheduleRecord};

/// Jobs of a queue that are looked at.
const LOOKED_AT: usize = 100;

/// Ticks of a schedule whose jobs may still be under way.
const TICKS_LOOKED_AT: usize = 20;

impl Queue {
    /// Says why a job does not run: everything that is in its way, with what shows it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job.
    pub async fn explain(&self, job: JobId) -> Result<Explanation, Error> {
        self.store.explain(&self.namespace, job).await
    }

    /// Says why no job of a queue runs: what is in the way of the first 100 jobs that wait in it, pending
    /// ones first, each with how many of them (`jobs`) and one of them (`for_example`). Nothing when one of
    /// them can be claimed; `empty` when none waits.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such queue.
    pub async fn explain_queue(&self, name: &str) -> Result<Vec<Blocker>, Error> {
        self.queue(name).await?;
        let mut waiting = Vec::new();
        for state in [State::Pending, State::Retrying, State::Delayed] {
            let filter = JobFilter::new().queue(name).state(state).oldest_first().limit(LOOKED_AT);
            waiting.extend(self.list(filter).await?.jobs.into_iter().map(|job| job.id));
        }
        if waiting.is_empty() {
            return Ok(vec![Blocker::new("empty", format!("no job waits in queue `{name}`"))]);
        }
        let mut found: BTreeMap<&'static str, (u64, JobId, Blocker)> = BTreeMap::new();
        for job in waiting.into_iter().take(LOOKED_AT) {
            let blockers = match self.explain(job).await {
                Ok(explanation) if explanation.blockers.is_empty() => return Ok(Vec::new()),
                Ok(explanation) => explanation.blockers,
                // It has ended and was deleted meanwhile.
                Err(Error::NotFound { .. }) => Vec::new(),
                Err(error) => return Err(error),
            };
            for blocker in blockers {
                match found.get_mut(blocker.code) {
                    Some((count, _, first)) => {
                        *count += 1;
                        first.until = earlier(first.until, blocker.until);
                    }
                    None => drop(found.insert(blocker.code, (1, job, blocker))),
                }
            }
        }
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
        let told = |(count, job, blocker): (u64, JobId, Blocker)| {
            blocker.shown_by("jobs", &count).shown_by("for_example", &job)
        };
        Ok(found.into_iter().map(told).collect())
    }

    /// Says why a schedule makes no job now: `paused`, `over`, `scheduled` (its next tick is ahead),
    /// `overlap` (jobs of earlier ticks have not ended), `by_code` (only a process that declares it can make
    /// the job), `due` (it is fired any moment now, by a process with a worker).
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such schedule.
    pub async fn explain_schedule(&self, name: &str) -> Result<Vec<Blocker>, Error> {
        let schedule = self.schedule(name).await?;
        let now = self.clock().now();
        let mut blockers = Vec::new();
        if let Some(pause) = &schedule.paused {
            let blocker = Blocker::new("paused", format!("schedule `{name}` is paused"));
            blockers.push(
                blocker
                    .shown_by("since", &pause.since)
                    .shown_by_any("reason", pause.reason.as_ref())
                    .shown_by_any("by", pause.by.as_ref())
                    .until(pause.until),
            );
        }
        blockers.extend(self.overlap(&schedule).await?);
        match schedule.next_tick {
            None => blockers.push(Blocker::new("over", "it has no further tick".to_owned())),
            Some(tick) if schedule.next_at.unwrap_or(tick) > now => {
                let at = schedule.next_at.unwrap_or(tick);
                let blocker = Blocker::new("scheduled", format!("its next tick is {tick}"));
                blockers.push(blocker.until(Some(at)));
            }
            Some(tick) if schedule.schedule.is_by_code() => {
                let message = "only a process that declares it can make its jobs";
                blockers.push(Blocker::new("by_code", message.to_owned()).shown_by("tick", &tick));
            }
            Some(tick) if blockers.is_empty() => {
                let message = "its tick has come: a process with a worker fires it";
                blockers.push(Blocker::new("due", message.to_owned()).shown_by("tick", &tick));
            }
            Some(_) => {}
        }
        Ok(blockers)
    }

    /// The jobs of earlier ticks that hold back the next one.
    async fn overlap(&self, schedule: &ScheduleRecord) -> Result<Option<Blocker>, Error> {
        if !matches!(schedule.schedule.overlap, Overlap::Skip | Overlap::Buffer) {
            return Ok(None);
        }
        let ticks = self.schedule_ticks(&schedule.name, None, TICKS_LOOKED_AT).await?;
        let fired = ticks.into_iter().filter(|tick| tick.end != TickEnd::Skipped);
        let jobs = self.get_many(fired.filter_map(|tick| tick.job).collect()).await?;
        let live = jobs.iter().filter(|job| !job.state.is_terminal());
        let live: Vec<String> = live.map(|job| format!("{} {}", job.id, job.state)).collect();
        let message = "jobs of earlier ticks have not ended".to_owned();
        let blocker = Blocker::new("overlap", message).shown_by("jobs", &live.join(", "));
        Ok((!live.is_empty()).then_some(blocker))
    }
}

/// The earlier of two ends, if both are known.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.zip(other).map(|(one, other)| one.min(other))
}
