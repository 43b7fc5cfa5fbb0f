//! The reference, of schedules: which ticks become jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reference::{Reference, Wanted};
use crate::core::{Reason, State};
use crate::job::{CatchUp, JobId, Overlap, TickEnd, Timestamp};

/// A tick that is so old was missed.
const MISSED_AFTER: Duration = Duration::from_secs(10);

/// How soon a schedule is looked at again while one of its ticks waits.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a schedule of the model is like.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) every: Duration,
    pub(super) overlap: Overlap,
    pub(super) catch_up: CatchUp,
    /// The type of its jobs, and which of the keys they have.
    pub(super) kind: usize,
    pub(super) key: Option<usize>,
}

/// The schedules, made at the start.
pub(super) const PLANS: [Plan; 4] = [
    plan("allow", 4, (Overlap::Allow, CatchUp::All(2)), (0, Some(0))),
    plan("skip", 6, (Overlap::Skip, CatchUp::Last), (1, None)),
    plan("buffer", 9, (Overlap::Buffer, CatchUp::Skip), (0, None)),
    plan("cancel", 15, (Overlap::Cancel, CatchUp::Last), (1, Some(1))),
];

const fn plan(
    name: &'static str,
    seconds: u64,
    (overlap, catch_up): (Overlap, CatchUp),
    (kind, key): (usize, Option<usize>),
) -> Plan {
    Plan { name, every: Duration::from_secs(seconds), overlap, catch_up, kind, key }
}

impl Plan {
    pub(super) fn job(&self) -> Wanted {
        Wanted {
            kind: self.kind,
            priority: 1,
            delay: Duration::ZERO,
            start_by: None,
            unique: None,
            key: self.key,
            parents: Vec::new(),
        }
    }

    /// What is made up for among ticks whose time has come, at `now`.
    fn caught_up(&self, ticks: &[Timestamp], now: Timestamp) -> Vec<Timestamp> {
        let is_missed = |tick: &Timestamp| *tick <= now - MISSED_AFTER;
        let (missed, on_time) = ticks.split_at(ticks.partition_point(is_missed));
        let wanted = match self.catch_up {
            CatchUp::Skip => 0,
            CatchUp::Last => usize::from(on_time.is_empty()),
            CatchUp::All(most) => most as usize,
        };
        [&missed[missed.len().saturating_sub(wanted)..], on_time].concat()
    }
}

/// A schedule as the model sees it.
#[derive(Debug)]
pub(super) struct Ticking {
    pub(super) next: Timestamp,
    /// Waits until no job of the schedule is left.
    buffered: Option<Timestamp>,
    /// When it is looked at; never while it is paused without an end.
    look_at: Option<Timestamp>,
    pub(super) history: BTreeMap<Timestamp, (TickEnd, Option<JobId>)>,
}

impl Ticking {
    fn new(plan: &Plan, now: Timestamp) -> Self {
        let next = now + plan.every;
        Self { next, buffered: None, look_at: Some(next), history: BTreeMap::new() }
    }

    fn skip(&mut self, ticks: impl IntoIterator<Item = Timestamp>) {
        for tick in ticks {
            self.history.entry(tick).or_insert((TickEnd::Skipped, None));
        }
    }
}

impl Reference {
    pub(super) fn schedules_at(now: Timestamp) -> Vec<Ticking> {
        PLANS.iter().map(|plan| Ticking::new(plan, now)).collect()
    }

    /// The ticks that become jobs, by schedule and in order; what they take the place of has ended.
    pub(super) fn fire(&mut self) -> Vec<(usize, Timestamp)> {
        let mut fired = Vec::new();
        for (index, plan) in PLANS.iter().enumerate() {
            if self.schedules[index].look_at.is_some_and(|at| at <= self.now) {
                let ticks = self.fire_one(index, plan);
                fired.extend(ticks.into_iter().map(|tick| (index, tick)));
            }
        }
        fired
    }

    fn fire_one(&mut self, index: usize, plan: &Plan) -> Vec<Timestamp> {
        let (now, live) = (self.now, self.live_of(index));
        let schedule = &mut self.schedules[index];
        let mut come = Vec::new();
        while schedule.next <= now {
            come.push(schedule.next);
            schedule.next = schedule.next + plan.every;
        }
        let waiting = schedule.buffered.take();
        let mut ticks: Vec<Timestamp> =
            waiting.into_iter().chain(plan.caught_up(&come, now)).collect();
        let mut fired = match plan.overlap {
            Overlap::Allow => std::mem::take(&mut ticks),
            Overlap::Cancel => ticks.pop().into_iter().collect(),
            Overlap::Skip | Overlap::Buffer if ticks.is_empty() || !live.is_empty() => Vec::new(),
            Overlap::Skip | Overlap::Buffer => vec![ticks.remove(0)],
        };
        if plan.overlap == Overlap::Buffer && !ticks.is_empty() {
            schedule.buffered = Some(ticks.remove(0));
        }
        schedule.skip(ticks);
        let look = schedule.buffered.map(|_| now + LOOK_EVERY);
        schedule.look_at = look.into_iter().chain([schedule.next]).min();
        if plan.overlap == Overlap::Cancel && !fired.is_empty() {
            for id in live {
                // Who was asked to stop before ends for that reason.
                self.edit(id, |job| match job.cancel_by {
                    Some(_) => job.end(State::Cancelled, Some(Reason::Request)),
                    None => job.end(State::Cancelled, Some(Reason::Overlap)),
                });
            }
        }
        // A job made by hand in the same instant has the place of the tick.
        fired.retain(|tick| !self.schedules[index].history.contains_key(tick));
        fired
    }

    /// The jobs of a schedule that have not ended.
    fn live_of(&self, index: usize) -> Vec<JobId> {
        let jobs = self.schedules[index].history.values().filter_map(|(_, job)| *job);
        let lives = |id: &JobId| self.jobs.get(id).is_some_and(|job| !job.state.is_terminal());
        jobs.filter(lives).collect()
    }

    /// A tick has become this job.
    pub(super) fn ticked(&mut self, index: usize, tick: Timestamp, (end, id): (TickEnd, JobId)) {
        self.enqueue(id, &PLANS[index].job());
        self.schedules[index].history.insert(tick, (end, Some(id)));
    }

    /// Someone has a job made at once: the tick it counts as.
    pub(super) fn trigger(&self, index: usize) -> Timestamp {
        let last = self.schedules[index].history.keys().next_back();
        last.map_or(self.now, |last| self.now.max(*last + Duration::from_micros(1)))
    }

    /// Pauses a schedule until then or without an end, or lets it go on.
    pub(super) fn pause_schedule(&mut self, index: usize, pause: Option<Option<Timestamp>>) {
        let schedule = &mut self.schedules[index];
        let due = schedule.buffered.unwrap_or(schedule.next);
        schedule.look_at = match pause {
            None => Some(due),
            Some(until) => until.map(|until| due.max(until)),
        };
    }
}
