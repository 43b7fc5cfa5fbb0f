//! Restore: stores jobs of another database as they stood there, under their ids.
//!
//! Invariant: a job is stored once, however often its import is repeated: in the transaction that stores jobs the
//! import notes the last of them, and never looks at one before it again, whatever has become of it since.

use std::collections::HashSet;

use super::enqueue::{edge, json_text};
use super::enter::{Entry, first_place};
use super::new_rows::NewRows;
use crate::Error;
use crate::core::{Counts, Reason, State};
use crate::job::{
    AttemptRecord, Dependency, Held, JobId, JobRecord, Place, Timestamp, UniqueUntil,
};
use crate::store::driver::{BYTES_PER_ROW, Batch, Lane, Param, Tx, Verb, Waits};
use crate::store::effects::{Effects, Measure};
use crate::store::line::NEW;
use crate::store::origin::Origin;
use crate::store::rows::JobRow;
use crate::store::settings::Settings;
use crate::store::statements::Sql;
use crate::store::{Part, Saved};

/// A job as it stood in another database.
#[derive(Debug, Clone)]
pub(crate) struct Transferred {
    pub(crate) record: JobRecord,
    /// Those that failed.
    pub(crate) attempts: Vec<AttemptRecord>,
    /// What handlers keep with it, if it has not ended.
    pub(crate) saved: Vec<(Part, Saved)>,
}

/// What became of it here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Restored {
    New,
    /// It was imported before, or is here.
    Known,
    /// Another job has its unique key.
    Taken(JobId),
}

/// Stores jobs, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Restore {
    pub(crate) namespace_id: i64,
    /// Which import it is.
    pub(crate) import: String,
    pub(crate) jobs: Vec<Transferred>,
    /// The ids of each job's queue and kind.
    pub(crate) pairs: Vec<(i64, i64)>,
    pub(crate) settings: std::sync::Arc<Settings>,
    pub(crate) now: Timestamp,
}

/// The texts of a row of `job`.
struct Texts {
    backoff: String,
    tags: Option<String>,
    metadata: Option<String>,
    depends_on: Option<String>,
    unique: Option<String>,
}

impl Verb for Restore {
    type Reply = Vec<Restored>;

    const LANE: Lane = Lane::Enqueue;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<Restored>, Error> {
        // A job of the same commit may not be inserted yet.
        Effects::flush(tx).await?;
        let mark = tx.query(Sql::ImportMark, &[self.import.as_str().into()]).await?;
        let mark = mark.first_int()?.unwrap_or(0);
        let known = self.known(tx).await?;
        let mut replies = Vec::with_capacity(self.jobs.len());
        for (job, pair) in self.jobs.iter().zip(&self.pairs) {
            let id = job.record.id;
            let reply = if id.as_i64() <= mark || known.contains(&id) {
                Restored::Known
            } else {
                self.restore(tx, job, *pair).await?
            };
            replies.push(reply);
        }
        let last = self.jobs.iter().map(|job| job.record.id.as_i64()).max().unwrap_or(0);
        if last > mark {
            tx.execute(Sql::ImportPut, &[self.import.as_str().into(), last.into()]).await?;
        }
        // New jobs and nothing else are written in a shorter way, in which they have not run yet.
        Effects::flush(tx).await?;
        Ok(replies)
    }

    fn weight(&self) -> usize {
        let bytes = |job: &Transferred| {
            job.record.payload.len() + job.record.result.as_ref().map_or(0, Vec::len)
        };
        self.jobs.iter().map(|job| 3 + bytes(job) / BYTES_PER_ROW).sum()
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

impl Restore {
    async fn known<T: Tx>(&self, tx: &mut T) -> Result<HashSet<JobId>, Error> {
        let mut ids = Batch::with_capacity(1, self.jobs.len());
        for job in &self.jobs {
            ids.push([job.record.id.as_i64().into()]);
        }
        let rows = tx.query_each(Sql::JobGet, &ids).await?.read(JobRow::read)?;
        Ok(rows.into_iter().map(|row| row.record.id).collect())
    }

    async fn restore<T: Tx>(
        &self,
        tx: &mut T,
        job: &Transferred,
        pair: (i64, i64),
    ) -> Result<Restored, Error> {
        let record = &job.record;
        let held = self.held(record)?;
        if let Some(held) = held.as_ref().filter(|held| is_held(record, held))
            && let Some(other) = self.take_unique(tx, record, held).await?
        {
            return Ok(Restored::Taken(other));
        }
        if let Some(key) = &record.idempotency_key {
            let mut wanted = Batch::with_capacity(3, 1);
            wanted.push([self.namespace_id.into(), key.as_str().into(), record.id.as_i64().into()]);
            tx.execute_each(Sql::IdempotencyAdd, &wanted).await?;
        }
        let texts = texts(record, held.as_ref())?;
        let mut rows = NewRows::new(1);
        rows.jobs.push(job_row(record, pair, &texts));
        let counts = counts(job);
        let state = if record.state.is_terminal() {
            rows.insert(tx).await?;
            end(tx, record, counts).await?;
            record.state
        } else {
            let state = self.place(&mut rows, record, pair, counts);
            rows.insert(tx).await?;
            keep(tx, job, self.now).await?;
            state
        };
        history(tx, job).await?;
        let effects = tx.effects();
        effects.count(pair.0, pair.1, Measure::Enqueues, 1);
        effects.count(pair.0, pair.1, Measure::In(state), 1);
        Ok(Restored::New)
    }

    /// Its unique key as this database compares it.
    fn held(&self, record: &JobRecord) -> Result<Option<Held>, Error> {
        let Some(unique) = record.unique() else { return Ok(None) };
        let JobRecord { queue, kind, payload, .. } = record;
        let place = Place { namespace_id: self.namespace_id, queue, kind, payload };
        let digest = unique.digest(&place).map_err(|(_, detail)| Error::bug(detail))?;
        Ok(Some(Held { digest, unique: unique.clone() }))
    }

    /// Takes its unique key, or says who has it.
    async fn take_unique<T: Tx>(
        &self,
        tx: &mut T,
        record: &JobRecord,
        held: &Held,
    ) -> Result<Option<JobId>, Error> {
        let until = held.unique.period.map(|period| record.created_at + period);
        if until.is_some_and(|until| until <= self.now) {
            return Ok(None);
        }
        let (digest, id) = (held.digest.as_str(), record.id.as_i64());
        let until = until.map(Timestamp::as_micros).into();
        let mut wanted = Batch::with_capacity(4, 1);
        wanted.push([digest.into(), id.into(), until, self.now.as_micros().into()]);
        tx.execute_each(Sql::UniqueTake, &wanted).await?;
        let mut digests = Batch::with_capacity(1, 1);
        digests.push([digest.into()]);
        let holders = tx.query_each(Sql::UniqueGet, &digests).await?;
        let holders = holders.read(|row| Ok((row.text()?, JobId::from_i64(row.int()?))))?;
        let other = holders.into_iter().map(|(_, holder)| holder);
        Ok(other.into_iter().find(|holder| *holder != record.id))
    }

    /// Puts a job that has not ended into its room. One that ran is given back, uncounted.
    fn place(
        &self,
        rows: &mut NewRows<'_>,
        record: &JobRecord,
        pair: (i64, i64),
        counts: Counts,
    ) -> State {
        let (queue, kind) = (pair.0.into(), pair.1.into());
        let class = i64::from(record.priority.get());
        let id = Param::Int(record.id.as_i64());
        let limit = [record.start_by, record.deadline].into_iter().flatten().min();
        if let Some(limit) = limit {
            rows.expiry.push([limit.as_micros().into(), id]);
        }
        let parents: Vec<&Dependency> =
            record.depends_on.iter().filter(|on| record.blocked_by.contains(&on.id)).collect();
        let at = record.scheduled_at.map(Timestamp::as_micros);
        if !parents.is_empty() {
            let pending = i64::try_from(parents.len()).unwrap_or(i64::MAX);
            rows.blocked.push([id, pending.into(), at.into(), queue, kind, class.into()]);
            for on in parents {
                rows.dependencies.push(edge(on, record.id));
            }
            return State::Pending;
        }
        if let (State::Delayed | State::Retrying, Some(at)) = (record.state, at) {
            let default = match record.state {
                State::Retrying => Reason::Backoff,
                _ => Reason::Scheduled,
            };
            let reason = record.reason.unwrap_or(default);
            let [epoch, attempt, crashes, snoozes] = counts.columns().map(Param::Int);
            let reason = Param::Int(reason.code());
            rows.delayed.push([
                at.into(),
                id,
                reason,
                queue,
                kind,
                class.into(),
                epoch,
                attempt,
                crashes,
                snoozes,
            ]);
            return record.state;
        }
        let entry = Entry {
            job: record.id.as_i64(),
            queue_id: pair.0,
            kind_id: pair.1,
            priority: class,
            seq: record.id.as_i64(),
            counts,
            place: first_place(&record.keys, self.namespace_id, class, Some(&self.settings)),
        };
        match entry.place {
            Some(place) => rows.throttled.push(entry.throttled(NEW, place)),
            None => rows.ready.push(entry.ready()),
        }
        State::Pending
    }
}

/// Whether its key keeps others out still.
fn is_held(record: &JobRecord, held: &Held) -> bool {
    match held.unique.until {
        UniqueUntil::Finished => !record.state.is_terminal(),
        UniqueUntil::Started => !record.state.is_terminal() && record.attempt == 0,
        UniqueUntil::Period => true,
    }
}

/// Its counters here: no attempt of its history is beyond them, and one that ran did not happen.
fn counts(job: &Transferred) -> Counts {
    let record = &job.record;
    let known = job.attempts.iter().map(|attempt| attempt.epoch).max().unwrap_or(0);
    let counted = record.attempt + record.crashes + record.snoozes;
    let attempt = match record.state {
        State::Running => record.attempt.saturating_sub(1),
        _ => record.attempt,
    };
    let (crashes, snoozes) = (record.crashes, record.snoozes);
    Counts { epoch: known.max(i64::from(counted)), attempt, crashes, snoozes }
}

fn texts(record: &JobRecord, held: Option<&Held>) -> Result<Texts, Error> {
    let mut metadata = record.metadata.clone();
    // Workflows and batches stay behind, and so does who belonged to them.
    Origin { schedule: record.schedule.clone(), ..Origin::default() }.put(&mut metadata);
    record.keys.put(&mut metadata);
    Ok(Texts {
        backoff: json_text(&record.backoff)?,
        tags: unless_empty(&record.tags, record.tags.is_empty())?,
        metadata: unless_empty(&metadata, metadata.is_empty())?,
        depends_on: unless_empty(&record.depends_on, record.depends_on.is_empty())?,
        unique: held.map(json_text).transpose()?,
    })
}

fn unless_empty<V: serde::Serialize>(value: &V, is_empty: bool) -> Result<Option<String>, Error> {
    if is_empty { Ok(None) } else { json_text(value).map(Some) }
}

fn job_row<'a>(record: &'a JobRecord, pair: (i64, i64), texts: &'a Texts) -> [Param<'a>; 19] {
    let instant = |at: Option<Timestamp>| Param::from(at.map(Timestamp::as_micros));
    [
        record.id.as_i64().into(),
        pair.0.into(),
        pair.1.into(),
        Param::Int(i64::from(record.priority.get())),
        record.max_attempts.into(),
        record.max_crashes.into(),
        i64::try_from(record.timeout.as_millis()).unwrap_or(i64::MAX).into(),
        record.created_at.as_micros().into(),
        instant(record.scheduled_at),
        instant(record.start_by),
        instant(record.deadline),
        texts.backoff.as_str().into(),
        record.idempotency_key.as_deref().into(),
        record.correlation_id.as_deref().into(),
        texts.tags.as_deref().into(),
        texts.metadata.as_deref().into(),
        record.payload.as_slice().into(),
        texts.unique.as_deref().into(),
        texts.depends_on.as_deref().into(),
    ]
}

/// The terminal fact.
async fn end<T: Tx>(tx: &mut T, record: &JobRecord, counts: Counts) -> Result<(), Error> {
    let ended_at = record.completed_at.unwrap_or(record.updated_at);
    let [epoch, attempt, crashes, snoozes] = counts.columns().map(Param::Int);
    let mut outcomes = Batch::with_capacity(13, 1);
    outcomes.push([
        record.id.as_i64().into(),
        record.state.code().into(),
        record.reason.map(Reason::code).into(),
        epoch,
        attempt,
        crashes,
        snoozes,
        Param::Null,
        record.worker.as_deref().into(),
        record.started_at.map(Timestamp::as_micros).into(),
        ended_at.as_micros().into(),
        record.last_error.as_deref().into(),
        record.result.as_deref().into(),
    ]);
    // The job is written just before the commit, where that is possible: its end then as well.
    Effects::insert(tx, Sql::OutcomeInsert, &outcomes).await
}

async fn history<T: Tx>(tx: &mut T, job: &Transferred) -> Result<(), Error> {
    let mut rows = Batch::with_capacity(9, job.attempts.len());
    for attempt in &job.attempts {
        rows.push([
            job.record.id.as_i64().into(),
            attempt.epoch.into(),
            attempt.attempt.into(),
            attempt.worker.as_deref().into(),
            attempt.started_at.map(Timestamp::as_micros).into(),
            attempt.finished_at.unwrap_or(job.record.updated_at).as_micros().into(),
            attempt.class.as_str().into(),
            attempt.message.as_deref().into(),
            attempt.backtrace.as_deref().into(),
        ]);
    }
    if rows.is_empty() { Ok(()) } else { Effects::insert(tx, Sql::AttemptInsert, &rows).await }
}

async fn keep<T: Tx>(tx: &mut T, job: &Transferred, now: Timestamp) -> Result<(), Error> {
    for (part, item) in &job.saved {
        let params = [
            job.record.id.as_i64().into(),
            part.code().into(),
            item.name.as_str().into(),
            item.place.into(),
            item.due_at.map(Timestamp::as_micros).into(),
            now.as_micros().into(),
            item.data.as_deref().into(),
        ];
        tx.execute(Sql::SavedRestore, &params).await?;
    }
    Ok(())
}
