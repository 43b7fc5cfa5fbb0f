//! What a transaction leaves behind when it commits, besides its rows: counts and news.
//!
//! Invariant: nothing here takes effect before the commit, and nothing after a rollback.

use std::sync::Arc;

use super::Shared;
use super::catalog::Pair;
use super::driver::{Batch, Param, Tx, Value};
use super::floors::LaneKey;
use super::notes::{Note, Notes};
use super::settings::Settings;
use super::statements::Sql;
use super::times::Took;
use crate::core::{Event, Settlement, State};
use crate::job::EventName;
use crate::{Error, JobId, Timestamp};

/// What is counted by queue and kind. Codes up to 99 are states: how many jobs are in it now. The
/// others only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    In(State),
    Enqueues,
    Claims,
    Completions,
    FailedAttempts,
    Retries,
    DeadLetters,
    Failures,
    Cancels,
    Crashes,
    StaleSettles,
    Prunes,
}

impl Measure {
    /// The largest code of a state.
    pub(crate) const STATES_MAX: i64 = 99;

    /// The total that grows when a job ends in `state`.
    pub(crate) const fn of_end(state: State) -> Self {
        match state {
            State::Completed => Self::Completions,
            State::DeadLetter => Self::DeadLetters,
            State::Cancelled => Self::Cancels,
            State::Failed | State::Pending | State::Delayed | State::Running | State::Retrying => {
                Self::Failures
            }
        }
    }

    /// The number stored in rows; never reused.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::In(state) => state.code(),
            Self::Enqueues => 100,
            Self::Claims => 101,
            Self::Completions => 102,
            Self::FailedAttempts => 103,
            Self::Retries => 104,
            Self::DeadLetters => 105,
            Self::Failures => 106,
            Self::Cancels => 107,
            Self::Crashes => 108,
            Self::StaleSettles => 109,
            Self::Prunes => 110,
        }
    }
}

/// What a commit brought, for other processes.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one per signal of the runtime")]
pub(crate) struct News {
    pub(crate) ready: bool,
    pub(crate) delayed: bool,
    pub(crate) cancelling: bool,
    pub(crate) ended: bool,
    pub(crate) throttled: bool,
    pub(crate) events: bool,
    pub(crate) observed: bool,
}

#[cfg(feature = "postgres")]
impl News {
    /// Both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            ready: self.ready || other.ready,
            delayed: self.delayed || other.delayed,
            cancelling: self.cancelling || other.cancelling,
            ended: self.ended || other.ended,
            throttled: self.throttled || other.throttled,
            events: self.events || other.events,
            observed: self.observed || other.observed,
        }
    }

    /// As a word between processes; one that knows more letters may be a newer release.
    pub(crate) fn letters(self) -> String {
        let all = [
            (self.ready, 'r'),
            (self.delayed, 'd'),
            (self.cancelling, 'c'),
            (self.ended, 'e'),
            (self.throttled, 't'),
            (self.events, 'v'),
            (self.observed, 'o'),
        ];
        all.into_iter().filter(|(is_news, _)| *is_news).map(|(_, letter)| letter).collect()
    }

    /// Reads [`letters`](Self::letters).
    pub(crate) fn of_letters(letters: &str) -> Self {
        let has = |letter| letters.contains(letter);
        Self {
            ready: has('r'),
            delayed: has('d'),
            cancelling: has('c'),
            ended: has('e'),
            throttled: has('t'),
            events: has('v'),
            observed: has('o'),
        }
    }
}

/// Queue, kind and measure.
type Key = (i64, i64, i64);

/// Effects of one transaction, applied by its driver.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one per signal of the runtime")]
pub(crate) struct Effects {
    tally: Vec<(Key, i64)>,
    ready: bool,
    delayed: bool,
    cancelling: bool,
    schedules: bool,
    operations: bool,
    ended: Vec<JobId>,
    left: Vec<JobId>,
    freed: Vec<String>,
    throttled: bool,
    keyed: bool,
    has_stopped: bool,
    learned: Vec<Pair>,
    settings: Option<Arc<Settings>>,
    returned: Vec<(LaneKey, i64)>,
    blocked: bool,
    joined: bool,
    deferred: Vec<Deferred>,
    notes: Notes,
    took: Vec<(i64, Took)>,
}

/// Rows of one table that are inserted just before the commit.
#[derive(Debug)]
struct Deferred {
    sql: Sql,
    width: usize,
    values: Vec<Value>,
}

impl Effects {
    /// Adds `n` to a count.
    pub(crate) fn count(&mut self, queue_id: i64, kind_id: i64, measure: Measure, n: i64) {
        let key = (queue_id, kind_id, measure.code());
        match self.tally.iter_mut().rev().find(|(known, _)| *known == key) {
            Some((_, sum)) => *sum += n,
            None => self.tally.push((key, n)),
        }
    }

    /// Counts a job out of one state and into another, and tells observers.
    pub(crate) fn moved(&mut self, job: JobId, pair: (i64, i64), from: State, to: State) {
        self.counted(pair, from, to);
        self.tell(EventName::of_state(to), job, pair);
    }

    /// Counts a job out of one state and into another; the caller tells observers what it was.
    pub(crate) fn counted(&mut self, pair: (i64, i64), from: State, to: State) {
        self.count(pair.0, pair.1, Measure::In(from), -1);
        self.count(pair.0, pair.1, Measure::In(to), 1);
    }

    /// A job of this queue was claimed, which came into the line with this number.
    pub(crate) fn waited(&mut self, queue_id: i64, seq: i64, now: Timestamp) {
        let span = now.since(JobId::from_i64(seq).made_at());
        self.took.push((queue_id, Took::Wait(span)));
    }

    /// An attempt has ended: how long it took, if its handler brought it to its end.
    pub(crate) fn ran(&mut self, queue_id: i64, settlement: &Settlement, now: Timestamp) {
        let is_handled =
            matches!(settlement.event, Event::Complete | Event::Retry | Event::Fail | Event::Bury);
        let leased = settlement.started_at.map(|started_at| now.since(started_at));
        if let Some(span) = settlement.ran.or(leased).filter(|_| is_handled) {
            self.took.push((queue_id, Took::Run(span)));
        }
    }

    /// Tells observers what happened to a job; costs nothing while there are none.
    pub(crate) fn tell(&mut self, name: EventName, job: JobId, pair: (i64, i64)) {
        self.notes.add(|| Note::of_job(name, job, pair));
    }

    /// Tells observers what happened to something else.
    pub(crate) fn note(&mut self, note: impl FnOnce() -> Note) {
        self.notes.add(note);
    }

    /// From here on observers are told, as of `now`; with none they are not.
    pub(crate) const fn observe(&mut self, now: Option<Timestamp>) {
        self.notes.observe(now);
    }

    /// From here on observers are told, and first of all that something is missing before this.
    pub(crate) fn begin_observing(&mut self, now: Timestamp) {
        self.notes.begin(now);
    }

    /// Whether observers are told.
    pub(crate) const fn is_observed(&self) -> bool {
        self.notes.is_on()
    }

    /// Observers are told until then, as this transaction leaves it.
    pub(crate) const fn observed_until(&mut self, until: Timestamp) {
        self.notes.observed_until(until);
    }

    /// A job can be claimed.
    pub(crate) const fn ready(&mut self) {
        self.ready = true;
    }

    /// A job can be claimed again, perhaps from behind the place where claims look.
    pub(crate) fn returned(&mut self, lane: LaneKey, seq: i64) {
        self.ready = true;
        self.returned.push((lane, seq));
    }

    /// A job waits for its time, perhaps an earlier one than any before.
    pub(crate) const fn delayed(&mut self) {
        self.delayed = true;
    }

    /// A job waits for others, which may have ended already.
    pub(crate) const fn blocked(&mut self) {
        self.blocked = true;
    }

    /// A job joined a workflow or batch, or one of these has to be looked at.
    pub(crate) const fn joined(&mut self) {
        self.joined = true;
    }

    /// A job waits to be admitted.
    pub(crate) const fn throttled(&mut self) {
        self.throttled = true;
    }

    /// A job that holds slots came to this process, which will see its end.
    pub(crate) const fn keyed(&mut self) {
        self.keyed = true;
    }

    /// A lease has ended.
    pub(crate) const fn stopped(&mut self) {
        self.has_stopped = true;
    }

    /// A job that may hold slots goes on without them, or without some of them.
    pub(crate) fn left(&mut self, job: JobId) {
        self.left.push(job);
    }

    /// A line may have room for one that waits in it.
    pub(crate) fn freed(&mut self, line: String) {
        self.freed.push(line);
    }

    /// A schedule was made or changed: other processes see it in the watch.
    pub(crate) const fn schedules(&mut self) {
        self.schedules = true;
    }

    /// There is something to do to many jobs: other processes see it in the watch.
    pub(crate) const fn operations(&mut self) {
        self.operations = true;
    }

    /// A worker is to stop a job.
    pub(crate) const fn cancelling(&mut self) {
        self.cancelling = true;
    }

    /// A job reached a terminal state, or is gone.
    pub(crate) fn ended(&mut self, job: JobId) {
        self.ended.push(job);
    }

    /// Pairs of queue and kind that were read and not known before.
    pub(crate) fn learned(&mut self, pairs: &[Pair]) {
        self.learned.extend_from_slice(pairs);
    }

    /// Settings and pauses as this transaction found or left them.
    pub(crate) fn learned_settings(&mut self, settings: &Arc<Settings>) {
        self.settings = Some(Arc::clone(settings));
    }

    /// Changes of one queue's counts that are not written yet, over these measures.
    pub(crate) fn unwritten(&self, queue_id: i64, measures: &[i64]) -> i64 {
        let of_queue = self
            .tally
            .iter()
            .filter(|((queue, _, measure), _)| *queue == queue_id && measures.contains(measure));
        of_queue.map(|(_, n)| *n).sum()
    }

    /// What other processes should hear of.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) const fn news(&self) -> News {
        News {
            ready: self.ready,
            delayed: self.delayed,
            cancelling: self.cancelling,
            ended: !self.ended.is_empty(),
            throttled: self.throttled,
            events: self.notes.has_written(),
            observed: self.notes.until().is_some(),
        }
    }

    /// Inserts rows, now or just before the commit; nothing in between may depend on them.
    pub(crate) async fn insert<T: Tx>(
        tx: &mut T,
        sql: Sql,
        batch: &Batch<'_>,
    ) -> Result<(), Error> {
        if !tx.defers() {
            tx.execute_each(sql, batch).await?;
            return Ok(());
        }
        let deferred = &mut tx.effects().deferred;
        let rows = batch.rows().flatten().map(Value::from_param);
        match deferred.iter_mut().find(|table| table.sql == sql) {
            Some(table) => table.values.extend(rows),
            None => {
                deferred.push(Deferred { sql, width: batch.width(), values: rows.collect() });
            }
        }
        Ok(())
    }

    /// The rows of `job` and of the counts, when new jobs that can be claimed at once are all that this
    /// transaction holds; they are then no longer deferred.
    #[cfg(feature = "postgres")]
    pub(crate) fn take_new_jobs(&mut self) -> Option<(Vec<Value>, Vec<i64>)> {
        if self.notes.is_on() {
            return None;
        }
        let [jobs, ready] = self.deferred.as_slice() else { return None };
        let rows = |table: &Deferred| table.values.len() / table.width.max(1);
        let whole = jobs.sql == Sql::JobInsert && ready.sql == Sql::ReadyInsert;
        if !whole || rows(jobs) != rows(ready) {
            return None;
        }
        let jobs = self.deferred.swap_remove(0).values;
        self.deferred.clear();
        let counts = std::mem::take(&mut self.tally).into_iter();
        let counts = counts.flat_map(|((queue, kind, measure), n)| [queue, kind, measure, n]);
        Some((jobs, counts.collect()))
    }

    /// Inserts what was deferred.
    pub(crate) async fn flush<T: Tx>(tx: &mut T) -> Result<(), Error> {
        for Deferred { sql, width, values } in std::mem::take(&mut tx.effects().deferred) {
            let rows = Batch::of_rows(width, values.iter().map(Value::as_param).collect());
            tx.execute_each(sql, &rows).await?;
        }
        Ok(())
    }

    /// Writes what was deferred, the counts, and what observers are told, as the last thing before the commit.
    pub(crate) async fn write_counts<T: Tx>(tx: &mut T) -> Result<(), Error> {
        Self::flush(tx).await?;
        let tally = std::mem::take(&mut tx.effects().tally);
        let mut batch = Batch::with_capacity(4, tally.len());
        for ((queue, kind, measure), n) in tally.into_iter().filter(|(_, n)| *n != 0) {
            batch.push([queue.into(), kind.into(), measure.into(), Param::Int(n)]);
        }
        if !batch.is_empty() {
            tx.execute_each(Sql::TallyAdd, &batch).await?;
        }
        let notes = tx.effects().notes.take();
        notes.write(tx).await
    }

    /// Tells whoever waits, after the commit.
    pub(crate) fn announce(&self, shared: &Shared) {
        let signals = &shared.signals;
        if !self.learned.is_empty() {
            shared.catalog.learn(&self.learned);
        }
        if let Some(settings) = &self.settings {
            shared.settings.learn(settings);
        }
        for (lane, seq) in &self.returned {
            shared.floors.lower(*lane, *seq);
        }
        // The queue of one that no longer runs may have room for another.
        let has_left = self.has_stopped && shared.settings.limits_queues();
        if self.ready || has_left {
            signals.ready.raise();
        }
        if self.delayed {
            signals.delayed.raise();
        }
        if self.cancelling {
            signals.cancelling.raise();
        }
        if self.blocked {
            shared.edges.set();
        }
        if shared.edges.ended(&self.ended) || self.blocked {
            signals.resolving.raise();
        }
        if self.operations {
            signals.operations.raise();
        }
        if self.joined {
            shared.members.set();
        }
        if shared.members.ended(&self.ended) || self.joined {
            signals.gathering.raise();
        }
        if self.throttled || self.keyed {
            shared.slots.set();
        }
        let may_have_room = shared.slots.any() && shared.lines.add(&self.freed);
        if shared.slots.ended(&self.left) || self.throttled || may_have_room {
            signals.admitting.raise();
        }
        if self.schedules {
            signals.schedules.raise();
        }
        signals.ended.announce(&self.ended);
        shared.times.add(&self.took);
        if let Some(until) = self.notes.until() {
            shared.watching.learn(until);
        }
        if self.notes.has_written() {
            signals.events.raise();
            signals.observing.raise();
        }
    }
}
