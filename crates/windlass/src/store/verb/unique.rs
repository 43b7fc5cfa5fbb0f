//! Unique keys: taken when a job is stored, held for its life, given back at its end.
//!
//! A retry takes no key anew, so that a job never collides with itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::cancel::{leave_room, remove_from_room};
use super::enqueue::{Enqueue, New};
use crate::core::{Event, Reason, Settlement, State};
use crate::job::{EventName, Held, JobId, OnConflict, Timestamp, UniqueUntil};
use crate::store::driver::{Batch, Param, Tx};
use crate::store::effects::{Effects, Measure};
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::verb::enter::{Entry, enter};
use crate::store::{Existing, Stored};
use crate::{Error, sabotage};

/// A key and the job that has it.
pub(super) type Holding = (String, JobId);

/// The holders of keys, as they were read.
type Holders = HashMap<JobId, Arc<JobRow>>;

/// What is to be done for a job whose key another one holds.
enum Verdict {
    /// The key is its own, or it needs none.
    New,
    /// Another job stands for it.
    Existing(JobId),
    /// It takes the place of one that waits.
    Supersedes(Arc<JobRow>),
    /// One that waits becomes what it would have been, to run at this time.
    Replaces(Arc<JobRow>, Option<Timestamp>),
}

/// What taking unique keys led to.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) taken: Vec<Holding>,
    changes: Vec<Change>,
}

impl Keys {
    /// The last change of a job is the one that counts.
    fn change(&mut self, change: Change) {
        self.changes.retain(|earlier| earlier.row.record.id != change.row.record.id);
        self.changes.push(change);
    }
}

/// A waiting job that changes, once it is certain that nothing is refused.
struct Change {
    index: usize,
    row: Arc<JobRow>,
    /// When it runs, as the new job would have; none if it is superseded.
    replaced: Option<Option<Timestamp>>,
}

impl Enqueue {
    /// Takes the unique keys of new jobs. A job whose key is held by another one is answered with that
    /// one and leaves the list.
    pub(super) async fn take_unique<T: Tx>(
        &self,
        tx: &mut T,
        new: &mut Vec<New>,
        replies: &mut [Result<Stored, Error>],
    ) -> Result<Keys, Error> {
        let mut firsts: BTreeMap<&str, (JobId, Option<Timestamp>)> = BTreeMap::new();
        for item in new.iter() {
            if let Some(held) = self.held(item) {
                let expires_at = held.unique.period.map(|period| self.now + period);
                firsts.entry(&held.digest).or_insert((item.id, expires_at));
            }
        }
        if firsts.is_empty() || sabotage::on("unique_forgotten") {
            return Ok(Keys::default());
        }
        let mut wanted = Batch::with_capacity(4, firsts.len());
        let mut digests = Batch::with_capacity(1, firsts.len());
        for (digest, (id, expires_at)) in &firsts {
            let expires_at = expires_at.map(Timestamp::as_micros).into();
            let now = self.now.as_micros().into();
            wanted.push([(*digest).into(), id.as_i64().into(), expires_at, now]);
            digests.push([(*digest).into()]);
        }
        // A key may belong to a job of the same commit that is not inserted yet.
        Effects::flush(tx).await?;
        tx.execute_each(Sql::UniqueTake, &wanted).await?;
        let rows = tx.query_each(Sql::UniqueGet, &digests).await?;
        let holders = rows.read(|row| Ok((row.text()?, JobId::from_i64(row.int()?))))?;
        let holders: HashMap<String, JobId> = holders.into_iter().collect();
        let own: HashSet<&JobId> = self.ids.iter().collect();
        let taken = holders.iter().filter(|(_, holder)| own.contains(holder));
        let taken = taken.map(|(digest, holder)| (digest.clone(), *holder)).collect();
        let rows = read_all(tx, holders.values().filter(|holder| !own.contains(holder))).await?;
        let mut keys = Keys { taken, changes: Vec::new() };
        // Whoever took the place of a job in this batch stands for it from then on.
        let mut successors: HashMap<JobId, JobId> = HashMap::new();
        for item in std::mem::take(new) {
            let index = item.index;
            let existing = match self.judge(tx, &item, (&holders, &rows), &own).await? {
                Verdict::New => None,
                Verdict::Existing(id) => Some(successors.get(&id).copied().unwrap_or(id)),
                Verdict::Supersedes(row) | Verdict::Replaces(row, _)
                    if successors.contains_key(&row.record.id) =>
                {
                    successors.get(&row.record.id).copied()
                }
                Verdict::Supersedes(row) => {
                    successors.insert(row.record.id, item.id);
                    keys.change(Change { index, row, replaced: None });
                    None
                }
                Verdict::Replaces(row, run_at) => {
                    let id = row.record.id;
                    keys.change(Change { index, row, replaced: Some(run_at) });
                    Some(id)
                }
            };
            match existing {
                None => new.push(item),
                Some(id) => {
                    let existing = Some(Existing::Unique);
                    replies[index] = Ok(Stored { id, existing, pressure: None });
                }
            }
        }
        Ok(keys)
    }

    /// Changes the waiting jobs whose successors were not refused.
    pub(super) async fn change_holders<T: Tx>(
        &self,
        tx: &mut T,
        keys: Keys,
        replies: &[Result<Stored, Error>],
    ) -> Result<(), Error> {
        for Change { index, row, replaced } in keys.changes {
            if replies[index].is_err() {
                continue;
            }
            let (queue_id, kind_id) = self.pairs[index];
            let item = New { index, id: self.ids[index], queue_id, kind_id };
            match replaced {
                Some(run_at) => self.replace(tx, &item, &row, run_at).await?,
                None => self.supersede(tx, &item, &row).await?,
            }
        }
        Ok(())
    }

    async fn judge<T: Tx>(
        &self,
        tx: &mut T,
        item: &New,
        (holders, rows): (&HashMap<String, JobId>, &Holders),
        own: &HashSet<&JobId>,
    ) -> Result<Verdict, Error> {
        let Some(held) = self.held(item) else { return Ok(Verdict::New) };
        let Some(holder) = holders.get(&held.digest) else {
            // Given back between the two statements: the next run finds it free.
            return Err(Error::moved("a unique key".to_owned()));
        };
        if *holder == item.id {
            return Ok(Verdict::New);
        }
        // An earlier job of this batch, which is not inserted yet.
        if own.contains(holder) {
            return Ok(Verdict::Existing(*holder));
        }
        let Some(row) = rows.get(holder) else {
            self.take_over(tx, item, held, *holder).await?;
            return Ok(Verdict::New);
        };
        let waits =
            matches!(row.room, Room::Ready { .. } | Room::Delayed { .. } | Room::Throttled { .. });
        let row = Arc::clone(row);
        let later = |run_at: Option<Timestamp>| run_at.filter(|run_at| *run_at > self.now);
        Ok(match held.unique.on_conflict {
            OnConflict::Supersede if waits => Verdict::Supersedes(row),
            OnConflict::Replace if waits => Verdict::Replaces(row, later(self.run_at(item))),
            OnConflict::Debounce { quiet, max_wait } if waits => {
                let run_at = (self.now + quiet).min(row.record.created_at + max_wait);
                Verdict::Replaces(row, later(Some(run_at)))
            }
            _ => Verdict::Existing(*holder),
        })
    }

    /// A waiting job ends, and its key goes to the new one.
    async fn supersede<T: Tx>(&self, tx: &mut T, item: &New, row: &JobRow) -> Result<(), Error> {
        let id = row.record.id;
        if let Some(held) = self.held(item) {
            self.take_over(tx, item, held, id).await?;
        }
        let end = (State::Cancelled, Reason::Superseded);
        let end = Settlement::of_waiting(id, row.room.counts(), Event::Cancel, end);
        leave_room(tx, row, &end, self.now).await
    }

    /// The key goes from a job that is gone, or goes now, to a new one.
    async fn take_over<T: Tx>(
        &self,
        tx: &mut T,
        item: &New,
        held: &Held,
        from: JobId,
    ) -> Result<(), Error> {
        let expires_at = held.unique.period.map(|period| (self.now + period).as_micros());
        let params = [
            held.digest.as_str().into(),
            from.as_i64().into(),
            item.id.as_i64().into(),
            expires_at.into(),
        ];
        match tx.execute(Sql::UniqueMove, &params).await? {
            1 => Ok(()),
            _ => Err(Error::moved(format!("the unique key of job {from}"))),
        }
    }

    /// A waiting job becomes what the new one would have been. It keeps its id, its key and what it has
    /// been through.
    async fn replace<T: Tx>(
        &self,
        tx: &mut T,
        item: &New,
        row: &JobRow,
        run_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        remove_from_room(tx, row).await?;
        let mut values = self.job_row(item);
        values[0] = row.record.id.as_i64().into();
        values[7] = row.record.created_at.as_micros().into();
        values[8] = run_at.map(Timestamp::as_micros).into();
        values[12] = row.record.idempotency_key.as_deref().into();
        let metadata = self.metadata_of(item, &row.origin())?;
        values[15] = metadata.as_deref().into();
        let now = Param::from(self.now.as_micros());
        let values: Vec<Param<'_>> = values.into_iter().chain([now]).collect();
        tx.execute(Sql::JobReplace, &values).await?;
        let counts = row.room.counts();
        let [id, epoch] = [row.record.id.as_i64(), counts.epoch].map(Param::Int);
        let [attempt, crashes, snoozes] =
            [counts.attempt, counts.crashes, counts.snoozes].map(Param::from);
        let (queue, kind, priority) = (item.queue_id.into(), item.kind_id.into(), values[3]);
        let to = match run_at {
            Some(run_at) => {
                let (at, reason) = (run_at.as_micros().into(), Reason::Scheduled.code().into());
                let to = [at, id, reason, queue, kind, priority, epoch, attempt, crashes, snoozes];
                tx.execute(Sql::DelayedInsert, &to).await?;
                tx.effects().delayed();
                State::Delayed
            }
            None => {
                let id = row.record.id.as_i64();
                enter(tx, &[Entry { job: id, seq: id, counts, ..self.entry(item) }]).await?;
                State::Pending
            }
        };
        if let Some(limit) = self.limit(item) {
            tx.execute(Sql::ExpiryInsert, &[limit.as_micros().into(), id]).await?;
        }
        let effects = tx.effects();
        effects.count(row.queue_id, row.kind_id, Measure::In(row.record.state), -1);
        effects.count(item.queue_id, item.kind_id, Measure::In(to), 1);
        if to != row.record.state {
            let pair = (item.queue_id, item.kind_id);
            effects.tell(EventName::of_state(to), row.record.id, pair);
        }
        Ok(())
    }
}

/// Reads jobs, in one statement for all.
async fn read_all<T: Tx>(tx: &mut T, jobs: impl Iterator<Item = &JobId>) -> Result<Holders, Error> {
    let mut ids: Vec<i64> = jobs.map(|job| job.as_i64()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    ids.sort_unstable();
    ids.dedup();
    let ids = Batch::of_rows(1, ids.into_iter().map(Param::Int).collect());
    let rows = tx.query_each(Sql::JobGet, &ids).await?.read(JobRow::read)?;
    Ok(rows.into_iter().map(|row| (row.record.id, Arc::new(row))).collect())
}

/// Gives keys back: of jobs that have ended, or that were refused after all.
pub(super) async fn release<T: Tx>(tx: &mut T, mut held: Vec<Holding>) -> Result<(), Error> {
    if held.is_empty() || sabotage::on("unique_kept") {
        return Ok(());
    }
    held.sort_unstable();
    let mut rows = Batch::with_capacity(2, held.len());
    for (digest, job) in &held {
        rows.push([digest.as_str().into(), job.as_i64().into()]);
    }
    tx.execute_each(Sql::UniqueRelease, &rows).await?;
    Ok(())
}

/// Refuses to let a job live again while another one has its key; changes nothing.
pub(super) async fn refuse_held<T: Tx>(
    tx: &mut T,
    row: &JobRow,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(held) = held_until_end(row) else { return Ok(()) };
    let params = [held.digest.as_str().into(), now.as_micros().into()];
    let holder = tx.query(Sql::UniqueHolder, &params).await?.first_int()?.map(JobId::from_i64);
    match holder.filter(|holder| *holder != row.record.id) {
        None => Ok(()),
        Some(holder) => Err(Error::conflict(format!(
            "job {} cannot be retried: job {holder} holds its unique key",
            row.record.id
        ))),
    }
}

/// Takes the key of a job that lives again, unless someone else has just taken it.
pub(super) async fn take_again<T: Tx>(
    tx: &mut T,
    row: &JobRow,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(held) = held_until_end(row) else { return Ok(()) };
    let (digest, id) = (held.digest.as_str().into(), row.record.id);
    let wanted = [digest, id.as_i64().into(), Param::Null, now.as_micros().into()];
    tx.execute(Sql::UniqueTake, &wanted).await?;
    let rows = tx.query(Sql::UniqueGet, &[digest]).await?;
    match rows.first(|row| Ok((row.text()?, JobId::from_i64(row.int()?))))? {
        Some((_, holder)) if holder == id => Ok(()),
        _ => Err(Error::moved(format!("the unique key of job {id}"))),
    }
}

fn held_until_end(row: &JobRow) -> Option<&Held> {
    row.record.uniqueness.as_ref().filter(|held| held.unique.until != UniqueUntil::Period)
}
