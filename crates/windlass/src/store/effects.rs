//! What a transaction leaves behind when it commits, besides its rows: counts and news.
//!
//! Invariant: nothing here takes effect before the commit, and nothing after a rollback.

use super::Shared;
use super::catalog::Pair;
use super::driver::{Batch, Param, Tx};
use super::statements::Sql;
use crate::core::State;
use crate::{Error, JobId};

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
        }
    }
}

/// Queue, kind and measure.
type Key = (i64, i64, i64);

/// Effects of one transaction, applied by its driver.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    tally: Vec<(Key, i64)>,
    ready: bool,
    delayed: bool,
    cancelling: bool,
    ended: Vec<JobId>,
    learned: Vec<Pair>,
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

    /// Counts a job out of one state and into another.
    pub(crate) fn moved(&mut self, pair: (i64, i64), from: State, to: State) {
        self.count(pair.0, pair.1, Measure::In(from), -1);
        self.count(pair.0, pair.1, Measure::In(to), 1);
    }

    /// A job can be claimed.
    pub(crate) const fn ready(&mut self) {
        self.ready = true;
    }

    /// A job waits for its time, perhaps an earlier one than any before.
    pub(crate) const fn delayed(&mut self) {
        self.delayed = true;
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

    /// Writes the counts, as the last thing before the commit.
    pub(crate) async fn write_counts<T: Tx>(tx: &mut T) -> Result<(), Error> {
        let tally = std::mem::take(&mut tx.effects().tally);
        let mut batch = Batch::with_capacity(4, tally.len());
        for ((queue, kind, measure), n) in tally.into_iter().filter(|(_, n)| *n != 0) {
            batch.push([queue.into(), kind.into(), measure.into(), Param::Int(n)]);
        }
        if !batch.is_empty() {
            tx.execute_each(Sql::TallyAdd, &batch).await?;
        }
        Ok(())
    }

    /// Tells whoever waits, after the commit.
    pub(crate) fn announce(&self, shared: &Shared) {
        let signals = &shared.signals;
        if !self.learned.is_empty() {
            shared.catalog.learn(&self.learned);
        }
        if self.ready {
            signals.ready.raise();
        }
        if self.delayed {
            signals.delayed.raise();
        }
        if self.cancelling {
            signals.cancelling.raise();
        }
        signals.ended.announce(&self.ended);
    }
}
