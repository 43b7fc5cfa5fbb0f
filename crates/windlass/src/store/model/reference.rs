//! The reference: what should happen, in the simplest words that say it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ticking::Ticking;
use crate::core::{Reason, State};
use crate::job::{JobId, Timestamp};

/// The kinds of the model's jobs.
pub(super) const KINDS: [&str; 2] = ["mail", "other"];

/// How long the queue of the model keeps jobs that have ended.
pub(super) const RETENTION: Duration = Duration::from_secs(60);

/// Leases of the model's workers.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// A failed attempt waits this long; the store is given the same constant backoff.
pub(super) const BACKOFF: Duration = Duration::from_secs(10);

/// Jobs of one key that may run at a time.
pub(super) const MOST: usize = 2;

/// The keys of the model's jobs that have one.
pub(super) const KEYS: [&str; 2] = ["k:0", "k:1"];

pub(super) const MAX_ATTEMPTS: u32 = 3;
pub(super) const MAX_CRASHES: u32 = 3;

/// A job to enqueue.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) kind: usize,
    pub(super) priority: i64,
    pub(super) delay: Duration,
    pub(super) start_by: Option<Timestamp>,
    /// Its unique key, and whether it takes the place of one that waits.
    pub(super) unique: Option<(usize, bool)>,
    /// Which of the keys it has.
    pub(super) key: Option<usize>,
    /// What it waits for, and whether any end will do.
    pub(super) parents: Vec<(JobId, bool)>,
}

/// A job as the model sees it.
#[derive(Debug, Clone)]
pub(super) struct Job {
    kind: usize,
    ended_at: Option<Timestamp>,
    pub(super) state: State,
    pub(super) reason: Option<Reason>,
    pub(super) attempt: u32,
    pub(super) max_attempts: u32,
    pub(super) crashes: u32,
    pub(super) snoozes: u32,
    pub(super) priority: i64,
    /// When it is due, while it waits for its time.
    pub(super) due: Option<Timestamp>,
    /// Order among jobs of one priority. A job that comes back unused has the one it was born with.
    pub(super) place: u64,
    pub(super) born: u64,
    pub(super) start_by: Option<Timestamp>,
    look_at: Option<Timestamp>,
    pub(super) holder: Option<usize>,
    pub(super) cancel_by: Option<Timestamp>,
    unique: Option<usize>,
    pub(super) key: Option<usize>,
    pub(super) parents: Vec<(JobId, bool)>,
    /// Not before then, once its parents have ended.
    pub(super) run_at: Option<Timestamp>,
}

impl Job {
    pub(super) fn is_ready(&self) -> bool {
        self.reason == Some(Reason::Ready)
    }

    pub(super) fn is_throttled(&self) -> bool {
        self.reason == Some(Reason::Throttled)
    }

    pub(super) fn scheduled_at(&self) -> Option<Timestamp> {
        self.due
    }

    /// The store keeps the first time for ever; the model only knows the present one.
    pub(super) fn compare_time(&self, stored: Option<Timestamp>) -> Option<Timestamp> {
        self.due.and(stored)
    }

    pub(super) fn end(&mut self, state: State, reason: Option<Reason>) {
        (self.state, self.reason, self.due, self.holder) = (state, reason, None, None);
        self.cancel_by = None;
        self.parents.clear();
    }

    pub(super) fn wait(&mut self, reason: Reason, due: Timestamp) {
        (self.state, self.reason, self.due) = (reason.waiting_state(), Some(reason), Some(due));
        self.holder = None;
    }

    pub(super) fn ready(&mut self, place: u64) {
        (self.state, self.reason, self.due) = (State::Pending, Some(Reason::Ready), None);
        (self.holder, self.place) = (None, place);
    }
}

/// Every job that was ever enqueued, and who is alive.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) now: Timestamp,
    pub(super) jobs: BTreeMap<JobId, Job>,
    deleted: Vec<JobId>,
    places: u64,
    /// When the pause of each kind ends.
    paused: [Option<Timestamp>; KINDS.len()],
    /// When each worker's lease ends; none for one that left.
    pub(super) workers: Vec<Option<Timestamp>>,
    /// Who holds a slot of which key without a lease, or held one when admission last looked.
    pub(super) reserved: BTreeMap<JobId, usize>,
    /// Those of [`PLANS`](super::ticking::PLANS).
    pub(super) schedules: Vec<Ticking>,
}

/// How an attempt ends in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    Fail,
    FailForGood,
    Snooze(Duration),
    Release,
    Cancel,
}

impl Reference {
    pub(super) fn new(now: Timestamp) -> Self {
        let (jobs, deleted, workers) = (BTreeMap::new(), Vec::new(), Vec::new());
        let (paused, reserved) = ([None; KINDS.len()], BTreeMap::new());
        let schedules = Self::schedules_at(now);
        Self { now, jobs, deleted, places: 0, paused, workers, reserved, schedules }
    }

    pub(super) const fn jobs(&self) -> &BTreeMap<JobId, Job> {
        &self.jobs
    }

    pub(super) fn deleted(&self) -> &[JobId] {
        &self.deleted
    }

    pub(super) fn job(&self, id: JobId) -> &Job {
        &self.jobs[&id]
    }

    pub(super) fn place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }

    /// What an enqueue is answered with: `id`, or the job that has its unique key.
    pub(super) fn enqueue(&mut self, id: JobId, wanted: &Wanted) -> JobId {
        if let Some((unique, supersedes)) = wanted.unique
            && let Some(holder) = self.holder_of((wanted.kind, unique))
        {
            let job = self.job(holder);
            if !supersedes || job.state == State::Running || job.reason == Some(Reason::Blocked) {
                return holder;
            }
            self.edit(holder, |job| job.end(State::Cancelled, Some(Reason::Superseded)));
        }
        let place = self.place();
        let mut job = Job {
            kind: wanted.kind,
            ended_at: None,
            state: State::Pending,
            reason: Some(Reason::Ready),
            attempt: 0,
            max_attempts: MAX_ATTEMPTS,
            crashes: 0,
            snoozes: 0,
            priority: wanted.priority,
            due: None,
            place,
            born: place,
            start_by: wanted.start_by,
            look_at: wanted.start_by,
            holder: None,
            cancel_by: None,
            unique: wanted.unique.map(|(key, _)| key),
            key: wanted.key,
            parents: wanted.parents.clone(),
            run_at: (!wanted.delay.is_zero()).then(|| self.now + wanted.delay),
        };
        match job.run_at {
            _ if !job.parents.is_empty() => job.reason = Some(Reason::Blocked),
            Some(run_at) => job.wait(Reason::Scheduled, run_at),
            None => job.ready(place),
        }
        self.jobs.insert(id, job);
        id
    }

    /// Who has a unique key.
    fn holder_of(&self, (kind, unique): (usize, usize)) -> Option<JobId> {
        let has = |job: &Job| (job.kind, job.unique) == (kind, Some(unique));
        let mut live = self.jobs.iter().filter(|(_, job)| !job.state.is_terminal());
        live.find(|(_, job)| has(job)).map(|(id, _)| *id)
    }

    pub(super) fn is_alive(&self, worker: usize) -> bool {
        self.workers[worker].is_some_and(|end| end > self.now)
    }

    /// The jobs a claim returns, in order; the ones that are too late end, and those whose key is full wait.
    pub(super) fn claim(&mut self, worker: usize, limit: usize) -> Vec<JobId> {
        if !self.is_alive(worker) {
            return Vec::new();
        }
        let mut ready: Vec<(i64, u64, JobId)> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.is_ready() && !self.is_paused(job.kind))
            .map(|(id, job)| (job.priority, job.place, *id))
            .collect();
        ready.sort_unstable();
        let (mut claimed, mut left) = (Vec::new(), limit);
        for (_, _, id) in ready {
            if left == 0 {
                break;
            }
            let now = self.now;
            if self.job(id).start_by.is_some_and(|start_by| start_by < now) {
                self.edit(id, |job| job.end(State::Failed, Some(Reason::Expired)));
                left -= 1;
            } else if self.passes(id) {
                self.edit(id, |job| {
                    (job.state, job.reason, job.holder) = (State::Running, None, Some(worker));
                    job.attempt += 1;
                });
                claimed.push(id);
                left -= 1;
            } else {
                self.edit(id, |job| job.reason = Some(Reason::Throttled));
            }
        }
        claimed
    }

    fn is_paused(&self, kind: usize) -> bool {
        self.paused[kind].is_some_and(|until| until > self.now)
    }

    /// Pauses a kind until then, or lets it go on.
    pub(super) fn pause(&mut self, kind: usize, until: Option<Timestamp>) {
        self.paused[kind] = until;
    }

    /// Notes which jobs a step has ended, or given another life.
    pub(super) fn note_ends(&mut self) {
        let now = self.now;
        for job in self.jobs.values_mut() {
            let ended_at = job.ended_at.unwrap_or(now);
            job.ended_at = job.state.is_terminal().then_some(ended_at);
        }
    }

    /// Deletes what ended long enough ago.
    pub(super) fn prune(&mut self) -> usize {
        let is_old = |job: &Job| job.ended_at.is_some_and(|at| self.now.since(at) >= RETENTION);
        let waited_for = |id: &JobId| {
            self.jobs.values().any(|job| job.parents.iter().any(|(parent, _)| parent == id))
        };
        let old = self.jobs.iter().filter(|(id, job)| is_old(job) && !waited_for(id));
        let old: Vec<JobId> = old.map(|(id, _)| *id).collect();
        self.jobs.retain(|id, _| !old.contains(id));
        self.deleted.extend(&old);
        old.len()
    }

    /// True when the outcome counts.
    pub(super) fn settle(&mut self, id: JobId, end: End) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let asked_to_stop = job.cancel_by.is_some();
        match end {
            End::Complete => return job.end(State::Completed, None),
            End::Snooze(_) => {
                job.attempt -= 1;
                job.snoozes += 1;
            }
            End::Release => job.attempt -= 1,
            End::Fail | End::FailForGood | End::Cancel => {}
        }
        if asked_to_stop {
            return job.end(State::Cancelled, Some(Reason::Request));
        }
        match end {
            End::Complete => {}
            End::Fail if job.attempt >= job.max_attempts => {
                job.end(State::DeadLetter, Some(Reason::Exhausted));
            }
            End::Fail => job.wait(Reason::Backoff, now + BACKOFF),
            End::FailForGood => job.end(State::Failed, Some(Reason::Permanent)),
            End::Snooze(delay) => job.wait(Reason::Snoozed, now + delay),
            End::Release => self.come_back(id),
            End::Cancel => job.end(State::Cancelled, Some(Reason::Handler)),
        }
    }

    /// Back to where it stood when it was enqueued.
    fn come_back(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.ready(job.born);
        // It keeps its slot.
        let key = job.key;
        self.reserved.extend(key.map(|key| (id, key)));
    }

    /// Delayed jobs whose time has come, in the order of their times.
    pub(super) fn promote(&mut self) {
        let due = |job: &Job| job.due.filter(|due| *due <= self.now);
        let mut due: Vec<(Timestamp, JobId)> =
            self.jobs.iter().filter_map(|(id, job)| Some((due(job)?, *id))).collect();
        due.sort_unstable();
        for (_, id) in due {
            let place = self.place();
            self.edit(id, |job| job.ready(place));
        }
    }

    /// Takes jobs back from silent workers, and from those that ignored a request to stop.
    pub(super) fn rescue(&mut self) {
        let ids: Vec<JobId> = self.jobs.keys().copied().collect();
        for id in ids {
            let job = self.job(id).clone();
            let Some(worker) = job.holder else { continue };
            if job.cancel_by.is_some_and(|by| by <= self.now) {
                self.edit(id, |job| job.end(State::Cancelled, Some(Reason::Request)));
            } else if !self.is_alive(worker) {
                self.crash(id, job.cancel_by.is_some());
            }
        }
    }

    fn crash(&mut self, id: JobId, asked_to_stop: bool) {
        let now = self.now;
        self.edit(id, |job| {
            job.attempt -= 1;
            job.crashes += 1;
            if asked_to_stop {
                job.end(State::Cancelled, Some(Reason::Request));
            } else if job.crashes >= MAX_CRASHES {
                job.end(State::DeadLetter, Some(Reason::CrashLoop));
            } else if job.crashes > 1 {
                job.wait(Reason::Crashed, now + Duration::from_secs(5));
            }
        });
        let job = self.job(id);
        if job.state == State::Running {
            self.come_back(id);
        }
    }

    /// A worker that stops gives back what it holds.
    pub(super) fn leave(&mut self, worker: usize) {
        let held: Vec<JobId> = self.held_by(worker);
        for id in held {
            self.settle(id, End::Release);
        }
        self.workers[worker] = None;
    }

    pub(super) fn held_by(&self, worker: usize) -> Vec<JobId> {
        let held = self.jobs.iter().filter(|(_, job)| job.holder == Some(worker));
        held.map(|(id, _)| *id).collect()
    }

    /// False when the job has already ended.
    pub(super) fn cancel(&mut self, id: JobId, force: bool) -> bool {
        let by = self.now + Duration::from_secs(30);
        match self.job(id).state {
            state if state.is_terminal() => return false,
            State::Running if !force => self.edit(id, |job| {
                job.reason = Some(Reason::Cancelling);
                job.cancel_by = job.cancel_by.or(Some(by));
            }),
            _ => self.edit(id, |job| job.end(State::Cancelled, Some(Reason::Request))),
        }
        true
    }

    /// False when the job is pending or running, or another one has its unique key.
    pub(super) fn retry(&mut self, id: JobId, reset: bool) -> bool {
        let (kind, state, unique) = (self.job(id).kind, self.job(id).state, self.job(id).unique);
        if matches!(state, State::Pending | State::Running) {
            return false;
        }
        let is_held = unique.is_some_and(|unique| self.holder_of((kind, unique)).is_some());
        if state.is_terminal() && is_held {
            return false;
        }
        let place = self.place();
        self.edit(id, |job| {
            if state.is_terminal() {
                job.attempt = if reset { 0 } else { job.attempt };
                job.max_attempts = job.max_attempts.max(job.attempt + 1);
                job.crashes = 0;
                job.start_by = None;
            }
            job.ready(place);
        });
        true
    }

    /// False when the job is running and force was not used.
    pub(super) fn delete(&mut self, id: JobId, force: bool) -> bool {
        if self.job(id).state == State::Running && !force {
            return false;
        }
        self.jobs.remove(&id);
        self.deleted.push(id);
        true
    }

    /// Ends waiting jobs that can no longer start in time. One that runs when its time comes is
    /// looked at again half a minute later.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        for job in self.jobs.values_mut() {
            let (Some(start_by), Some(look_at)) = (job.start_by, job.look_at) else { continue };
            if look_at > now {
                continue;
            }
            match job.state {
                State::Running => job.look_at = Some(now + Duration::from_secs(30)),
                State::Pending | State::Delayed | State::Retrying if start_by < now => {
                    job.end(State::Failed, Some(Reason::Expired));
                }
                _ => job.look_at = Some(start_by + Duration::from_micros(1)),
            }
        }
    }

    pub(super) fn edit(&mut self, id: JobId, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.jobs.get_mut(&id) {
            change(job);
        }
    }
}
