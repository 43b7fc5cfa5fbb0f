//! What admission counts: of each line the slots that are taken, or what is left of a rate.
//!
//! Invariant: a book is read under the lock of admission, and then agrees with its rows until the commit.

use std::collections::HashMap;

use crate::Error;
use crate::core::Gcra;
use crate::job::Timestamp;
use crate::store::driver::{Batch, Param, Tx};
use crate::store::line::{Held, Rule, rule};
use crate::store::rows::instant;
use crate::store::settings::Settings;
use crate::store::statements::Sql;

/// Columns of a row of the buckets.
const BUCKET_WIDTH: usize = 4;

/// One line.
#[derive(Debug)]
pub(super) struct Book {
    gate: Gate,
    /// Somebody waits in it, as far as is known.
    pub(super) is_waited: bool,
}

#[derive(Debug)]
enum Gate {
    Open,
    Slots { most: Option<i64>, held: Held, taken: Vec<i64> },
    Rate { rate: Option<Gcra>, bucket: Bucket },
}

/// The state of a rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bucket {
    full_at: i64,
    shut_until: Option<Timestamp>,
    wake_at: Option<Timestamp>,
}

/// What a line says to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Pass,
    /// With this slot of the line.
    Take(i64, Held),
    Wait,
}

impl Book {
    /// How many of the jobs that wait may pass now, at most `limit`.
    pub(super) fn room(&self, now: Timestamp, limit: usize) -> usize {
        let room = match &self.gate {
            Gate::Slots { most: Some(most), taken, .. } => most - count(taken.len()),
            Gate::Rate { bucket, .. } if bucket.is_shut(now) => 0,
            Gate::Open | Gate::Slots { most: None, .. } | Gate::Rate { rate: None, .. } => {
                return limit;
            }
            Gate::Rate { rate: Some(rate), bucket } => {
                rate.pass(bucket.full_at, nanos(now), count(limit)).0
            }
        };
        usize::try_from(room).unwrap_or(0).min(limit)
    }

    /// Asks for a job to pass; what it takes is taken.
    pub(super) fn ask(&mut self, now: Timestamp) -> Answer {
        match &mut self.gate {
            Gate::Slots { most: Some(most), held, taken } => match take_slot(taken, *most) {
                Some(n) => Answer::Take(n, *held),
                None => Answer::Wait,
            },
            Gate::Rate { bucket, .. } if bucket.is_shut(now) => Answer::Wait,
            Gate::Open | Gate::Slots { most: None, .. } | Gate::Rate { rate: None, .. } => {
                Answer::Pass
            }
            Gate::Rate { rate: Some(rate), bucket } => {
                let (passed, full_at) = rate.pass(bucket.full_at, nanos(now), 1);
                bucket.full_at = full_at;
                if passed == 1 { Answer::Pass } else { Answer::Wait }
            }
        }
    }

    /// A slot that was taken is not needed after all.
    pub(super) fn give_back(&mut self, n: i64) {
        if let Gate::Slots { taken, .. } = &mut self.gate {
            taken.retain(|taken| *taken != n);
        }
    }

    /// When somebody has to look at the line again.
    fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let Gate::Rate { rate, bucket } = &self.gate else { return None };
        let at = opening(*rate, bucket.full_at, bucket.shut_until).max(now);
        self.is_waited.then_some(at)
    }
}

impl Bucket {
    fn is_shut(&self, now: Timestamp) -> bool {
        self.shut_until.is_some_and(|until| until > now)
    }
}

/// Books by line.
#[derive(Debug, Default)]
pub(super) struct Books {
    all: HashMap<String, Book>,
    /// Buckets as they were read.
    read: HashMap<String, Bucket>,
}

impl Books {
    /// The book of a line that was opened.
    pub(super) fn of(&mut self, line: &str) -> Option<&mut Book> {
        self.all.get_mut(line)
    }

    /// Opens the books of lines that are not open yet.
    pub(super) async fn open<T: Tx>(
        &mut self,
        tx: &mut T,
        settings: &Settings,
        lines: impl Iterator<Item = &String>,
    ) -> Result<(), Error> {
        let mut new: Vec<&str> = lines.map(String::as_str).collect();
        new.retain(|line| !self.all.contains_key(*line));
        new.sort_unstable();
        new.dedup();
        let (mut limited, mut rated) = (Batch::with_capacity(2, 0), Batch::with_capacity(1, 0));
        let mut names = Batch::with_capacity(1, new.len());
        for line in new {
            let gate = match rule(line, settings) {
                Rule::Open => Gate::Open,
                Rule::Slots { most, held } => {
                    if let Some(most) = most {
                        limited.push([line.into(), most.into()]);
                    }
                    Gate::Slots { most, held, taken: Vec::new() }
                }
                Rule::Rate(rate) => {
                    rated.push([line.into()]);
                    Gate::Rate { rate, bucket: Bucket::default() }
                }
            };
            names.push([line.into()]);
            self.all.insert(line.to_owned(), Book { gate, is_waited: false });
        }
        if !limited.is_empty() {
            // Leases first: what comes back from one holds its slot until the next.
            for sql in [Sql::LeaseSlots, Sql::SlotLine] {
                let rows = tx.query_each(sql, &limited).await?;
                self.put_slots(rows.read(|row| Ok((row.text()?, row.int()?)))?);
            }
        }
        if !rated.is_empty() {
            let rows = tx.query_each(Sql::BucketGet, &rated).await?;
            self.put_buckets(rows.read(|row| {
                let (line, full_at, shut_until) = (row.text()?, row.int()?, instant(row)?);
                Ok((line, Bucket { full_at, shut_until, wake_at: instant(row)? }))
            })?);
        }
        if !names.is_empty() {
            let rows = tx.query_each(Sql::ThrottledAny, &names).await?;
            for line in rows.texts()? {
                if let Some(book) = self.all.get_mut(&line) {
                    book.is_waited = true;
                }
            }
        }
        Ok(())
    }

    fn put_slots(&mut self, slots: Vec<(String, i64)>) {
        for (line, n) in slots {
            if let Some(Book { gate: Gate::Slots { taken, .. }, .. }) = self.all.get_mut(&line) {
                put_slot(taken, n);
            }
        }
    }

    fn put_buckets(&mut self, buckets: Vec<(String, Bucket)>) {
        for (line, found) in buckets {
            if let Some(Book { gate: Gate::Rate { bucket, .. }, .. }) = self.all.get_mut(&line) {
                *bucket = found;
            }
            self.read.insert(line, found);
        }
    }

    /// The lines that have room and somebody in them.
    pub(super) fn with_room(&self, now: Timestamp) -> Vec<String> {
        let has_room = |book: &Book| book.is_waited && book.room(now, 1) > 0;
        let lines = self.all.iter().filter(|(_, book)| has_room(book));
        lines.map(|(line, _)| line.clone()).collect()
    }

    /// Keeps the rates as they are now; says when the first of them lets somebody pass.
    pub(super) async fn close<T: Tx>(
        &self,
        tx: &mut T,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let mut changed = Vec::new();
        let mut first: Option<Timestamp> = None;
        for (line, book) in &self.all {
            let Gate::Rate { bucket, .. } = &book.gate else { continue };
            let wake_at = book.wake_at(now);
            first = [first, wake_at].into_iter().flatten().min();
            let bucket = Bucket { wake_at, ..*bucket };
            if bucket != self.read.get(line).copied().unwrap_or_default() {
                changed.push((line, bucket));
            }
        }
        changed.sort_unstable_by_key(|(line, _)| *line);
        let mut rows = Batch::with_capacity(BUCKET_WIDTH, changed.len());
        for (line, bucket) in changed {
            let shut_until = bucket.shut_until.map_or(0, Timestamp::as_micros);
            rows.push([
                line.as_str().into(),
                bucket.full_at.into(),
                Param::Int(shut_until),
                bucket.wake_at.map(Timestamp::as_micros).into(),
            ]);
        }
        if !rows.is_empty() {
            tx.execute_each(Sql::BucketPut, &rows).await?;
        }
        Ok(first)
    }
}

/// Takes the first free slot of a line, of which the taken ones are given in order.
pub(super) fn take_slot(taken: &mut Vec<i64>, most: i64) -> Option<i64> {
    if count(taken.len()) >= most {
        return None;
    }
    // The first gap: what is taken stands in order, and so does what is beyond the limit.
    let gap = taken.iter().zip(0..).position(|(n, place)| *n != place);
    let place = gap.unwrap_or(taken.len());
    taken.insert(place, count(place));
    Some(count(place))
}

/// Notes a slot that is taken. One that went from a lease to its job between two looks is seen twice.
pub(super) fn put_slot(taken: &mut Vec<i64>, n: i64) {
    if let Err(place) = taken.binary_search(&n) {
        taken.insert(place, n);
    }
}

/// When a rate lets the next one pass.
pub(super) fn opening(
    rate: Option<Gcra>,
    full_at: i64,
    shut_until: Option<Timestamp>,
) -> Timestamp {
    let opens_at = rate.map_or(0, |rate| rate.opens_at(full_at));
    // Rounded up: one who looks too early looks twice.
    let opens_at = Timestamp::from_micros(opens_at / 1000 + i64::from(opens_at % 1000 > 0));
    opens_at.max(shut_until.unwrap_or(opens_at))
}

/// An instant in the unit of rates.
pub(super) fn nanos(at: Timestamp) -> i64 {
    at.as_micros().saturating_mul(1000)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
