//! What observers are told: noted by verbs where a transition is known, written in the same transaction.
//!
//! Invariant: nobody pays for observers who are not there. Whether they are is remembered
//! ([`Watching`]); a node learns it with the next look of its watch, or from the commit itself.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use super::driver::{Batch, Param, Tx};
use super::statements::Sql;
use crate::job::EventName;
use crate::runtime::Clock;
use crate::{Error, JobId, Timestamp};

/// The code of a row that says: nothing was written down for a while before this.
pub(crate) const GAP: i64 = 0;

/// Until when transitions are written down, as far as this process knows.
#[derive(Debug, Default)]
pub(crate) struct Watching {
    until: AtomicI64,
    clock: OnceLock<Clock>,
}

impl Watching {
    /// Takes the time from this clock.
    pub(crate) fn start(&self, clock: &Clock) {
        // Only the first is of the database's own store.
        drop(self.clock.set(clock.clone()));
    }

    /// Another process or a commit of this one said until when. It only ever grows.
    pub(crate) fn learn(&self, until: Timestamp) {
        self.until.fetch_max(until.as_micros(), Ordering::Relaxed);
    }

    /// The present instant, if transitions are written down now.
    pub(crate) fn now_if_on(&self) -> Option<Timestamp> {
        let until = self.until.load(Ordering::Relaxed);
        if until == 0 {
            return None;
        }
        let now = self.clock.get()?.now();
        (now.as_micros() < until).then_some(now)
    }
}

/// Something that happened.
#[derive(Debug)]
pub(crate) struct Note {
    code: i64,
    /// None for what concerns all namespaces, and for jobs, which have a queue.
    namespace_id: Option<i64>,
    job: Option<JobId>,
    pair: Option<(i64, i64)>,
    /// JSON.
    data: Option<String>,
}

impl Note {
    pub(crate) const fn of_job(name: EventName, job: JobId, pair: (i64, i64)) -> Self {
        let (namespace_id, data) = (None, None);
        Self { code: name.code(), namespace_id, job: Some(job), pair: Some(pair), data }
    }

    /// Of a job whose queue nobody has at hand.
    pub(crate) const fn of_job_alone(name: EventName, job: JobId) -> Self {
        let (namespace_id, pair, data) = (None, None, None);
        Self { code: name.code(), namespace_id, job: Some(job), pair, data }
    }

    /// Of something in a namespace, or in all of them.
    pub(crate) fn of(name: EventName, namespace_id: Option<i64>, data: &serde_json::Value) -> Self {
        let data = Some(data.to_string());
        Self { code: name.code(), namespace_id, job: None, pair: None, data }
    }

    /// With the job it led to.
    pub(crate) const fn leading_to(mut self, job: JobId) -> Self {
        self.job = Some(job);
        self
    }

    const fn gap() -> Self {
        Self { code: GAP, namespace_id: None, job: None, pair: None, data: None }
    }
}

/// What one transaction has to tell.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    now: Option<Timestamp>,
    all: Vec<Note>,
    has_written: bool,
    until: Option<Timestamp>,
}

impl Notes {
    pub(crate) const fn observe(&mut self, now: Option<Timestamp>) {
        self.now = now;
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.now.is_some()
    }

    pub(crate) fn add(&mut self, note: impl FnOnce() -> Note) {
        if self.is_on() {
            self.all.push(note());
        }
    }

    pub(crate) const fn observed_until(&mut self, until: Timestamp) {
        self.until = Some(until);
    }

    pub(crate) const fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether observers have something to read once this is committed.
    pub(crate) const fn has_written(&self) -> bool {
        self.has_written
    }

    /// What is to be written now; what remains says that it was.
    pub(crate) fn take(&mut self) -> Unwritten {
        let all = std::mem::take(&mut self.all);
        self.has_written |= !all.is_empty();
        Unwritten { now: self.now.unwrap_or(Timestamp::from_micros(0)), all }
    }

    /// The first thing observers are told after a while in which nobody was: that there is a gap.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.now = Some(now);
        self.all.insert(0, Note::gap());
    }
}

/// Notes on their way into their table.
#[derive(Debug)]
pub(crate) struct Unwritten {
    now: Timestamp,
    all: Vec<Note>,
}

impl Unwritten {
    pub(crate) async fn write<T: Tx>(self, tx: &mut T) -> Result<(), Error> {
        if self.all.is_empty() {
            return Ok(());
        }
        let mut rows = Batch::with_capacity(7, self.all.len());
        for note in &self.all {
            rows.push([
                Param::Int(self.now.as_micros()),
                note.code.into(),
                note.namespace_id.into(),
                note.job.map(JobId::as_i64).into(),
                note.pair.map(|pair| pair.0).into(),
                note.pair.map(|pair| pair.1).into(),
                note.data.as_deref().into(),
            ]);
        }
        tx.execute_each(Sql::EventAdd, &rows).await?;
        Ok(())
    }
}
