//! Enter: the one way of jobs that wait for nothing else any more. Those without keys can be claimed, and so can
//! those with a concurrency key alone, for claims count what runs; the others wait to be admitted, whatever the
//! limits say at this moment.
//!
//! Invariant: a job with a rate or fairness key comes into the ready room by admission, or back from a lease, and
//! nowhere else.

use std::collections::{BTreeMap, HashMap};

use crate::Error;
use crate::core::Counts;
use crate::job::Keys;
use crate::store::driver::{Batch, Param, Tx};
use crate::store::line::{Held, NEW, Rule, concurrency_line, place, rule};
use crate::store::rows::{JobRow, read_json};
use crate::store::settings::Settings;
use crate::store::statements::Sql;

/// Columns of a row of the ready room, and of the room of those that wait in lines.
pub(super) const READY_WIDTH: usize = 9;
pub(super) const THROTTLED_WIDTH: usize = 11;

/// A job on its way into the ready room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) job: i64,
    pub(super) queue_id: i64,
    pub(super) kind_id: i64,
    pub(super) priority: i64,
    pub(super) seq: i64,
    pub(super) counts: Counts,
    /// Its place among those that nobody has looked at, if it has to be admitted.
    pub(super) place: Option<i64>,
}

impl Entry {
    /// A job that was read, with its own priority.
    pub(super) fn of(row: &JobRow, seq: i64, settings: Option<&Settings>) -> Self {
        let priority = i64::from(row.record.priority.get());
        Self {
            job: row.record.id.as_i64(),
            queue_id: row.queue_id,
            kind_id: row.kind_id,
            priority,
            seq,
            counts: row.room.counts(),
            place: first_place(&row.record.keys, row.namespace_id, priority, settings),
        }
    }

    /// Its row in the ready room.
    pub(super) fn ready(&self) -> [Param<'static>; READY_WIDTH] {
        let counts = self.counts;
        [
            self.queue_id.into(),
            self.kind_id.into(),
            self.priority.into(),
            self.seq.into(),
            self.job.into(),
            counts.epoch.into(),
            counts.attempt.into(),
            counts.crashes.into(),
            counts.snoozes.into(),
        ]
    }

    /// Its row in a line.
    pub(super) fn throttled<'a>(&self, line: &'a str, place: i64) -> [Param<'a>; THROTTLED_WIDTH] {
        let counts = self.counts;
        [
            line.into(),
            place.into(),
            self.seq.into(),
            self.job.into(),
            self.queue_id.into(),
            self.kind_id.into(),
            self.priority.into(),
            counts.epoch.into(),
            counts.attempt.into(),
            counts.crashes.into(),
            counts.snoozes.into(),
        ]
    }
}

/// The place of a job among those that nobody has looked at; none if it need not be admitted.
pub(super) fn first_place(
    keys: &Keys,
    namespace_id: i64,
    priority: i64,
    settings: Option<&Settings>,
) -> Option<i64> {
    if keys.is_empty() {
        return None;
    }
    let (Some(settings), Some(key)) = (settings, &keys.concurrency) else {
        return Some(priority);
    };
    let line = concurrency_line(namespace_id, key);
    let is_alone = keys.rate.is_none() && keys.fairness.is_none();
    let is_ordered = matches!(rule(&line, settings), Rule::Slots { held: Held::Life, .. });
    (is_ordered || !is_alone).then(|| place(&line, settings, priority))
}

/// Lets jobs in, and tells whoever waits for them.
pub(super) async fn enter<T: Tx>(tx: &mut T, entries: &[Entry]) -> Result<(), Error> {
    let mut ready = Batch::with_capacity(READY_WIDTH, entries.len());
    let mut throttled = Batch::with_capacity(THROTTLED_WIDTH, 0);
    for entry in entries {
        match entry.place {
            Some(place) => throttled.push(entry.throttled(NEW, place)),
            None => ready.push(entry.ready()),
        }
    }
    if !ready.is_empty() {
        tx.execute_each(Sql::ReadyInsert, &ready).await?;
    }
    if !throttled.is_empty() {
        tx.execute_each(Sql::ThrottledInsert, &throttled).await?;
        tx.effects().throttled();
    }
    for entry in entries.iter().filter(|entry| entry.place.is_none()) {
        // With its id as seq it may stand behind the place where claims look.
        match entry.seq == entry.job {
            true => {
                let lane = (entry.queue_id, entry.kind_id, entry.priority);
                tx.effects().returned(lane, entry.seq);
            }
            false => tx.effects().ready(),
        }
    }
    Ok(())
}

/// Puts jobs back where they stood in the ready room.
pub(super) async fn put_back<T: Tx>(tx: &mut T, entries: &[Entry]) -> Result<(), Error> {
    let mut ready = Batch::with_capacity(READY_WIDTH, entries.len());
    for entry in entries {
        ready.push(entry.ready());
        let lane = (entry.queue_id, entry.kind_id, entry.priority);
        tx.effects().returned(lane, entry.seq);
    }
    if !ready.is_empty() {
        tx.execute_each(Sql::ReadyInsert, &ready).await?;
    }
    Ok(())
}

/// Of those of these jobs (with their priorities) that have to be admitted: the places among those that nobody
/// has looked at.
pub(super) async fn places<T: Tx>(
    tx: &mut T,
    jobs: &[(i64, i64)],
    settings: Option<&Settings>,
) -> Result<HashMap<i64, i64>, Error> {
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = jobs.iter().map(|(job, _)| *job).collect();
    let priorities: HashMap<i64, i64> = jobs.iter().copied().collect();
    let mut places = HashMap::new();
    for (job, (namespace_id, keys)) in keys_of(tx, &ids).await? {
        let priority = priorities.get(&job).copied().unwrap_or_default();
        let place = first_place(&keys, namespace_id, priority, settings);
        places.extend(place.map(|place| (job, place)));
    }
    Ok(places)
}

/// The namespaces and keys of those of these jobs that have keys.
pub(super) async fn keys_of<T: Tx>(
    tx: &mut T,
    jobs: &[i64],
) -> Result<HashMap<i64, (i64, Keys)>, Error> {
    let ids = Batch::of_rows(1, jobs.iter().copied().map(Param::Int).collect());
    let rows = tx.query_each(Sql::JobKeys, &ids).await?;
    let mut all = HashMap::new();
    for (job, namespace_id, mut metadata) in
        rows.read(|row| Ok((row.int()?, row.int()?, read_json::<BTreeMap<String, String>>(row)?)))?
    {
        let keys = Keys::take(&mut metadata);
        if !keys.is_empty() {
            all.insert(job, (namespace_id, keys));
        }
    }
    Ok(all)
}
