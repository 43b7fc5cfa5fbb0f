//! Admit: jobs with keys come into the ready room as far as limits allow.
//!
//! Any node may run it at any time: one lock makes admissions take turns, and the primary key of a slot holds
//! even without it. A job passes when every line it has to pass lets it, and otherwise waits in the first that
//! does not, with nothing taken but what keeps it in order.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::admit_books::{Answer, Books};
use super::enter::{Entry, READY_WIDTH, THROTTLED_WIDTH, keys_of};
use crate::Error;
use crate::core::Counts;
use crate::job::{JobId, Timestamp};
use crate::store::driver::{Batch, Param, Row, Tx, Verb, Waits};
use crate::store::ids::Ids;
use crate::store::line::{Held, NEW, Rule, Whereabouts, lines, place, rule};
use crate::store::rows::{JobRow, Room, instant};
use crate::store::settings::Settings;
use crate::store::statements::Sql;
use crate::store::verb::cancel::remove_from_room;
use crate::store::{Admitted, Shared, Sweep};

/// One round of admission.
#[derive(Debug)]
pub(crate) struct Admit {
    /// Jobs that may have left slots behind.
    pub(crate) left: Vec<JobId>,
    /// Lines that may have room.
    pub(crate) lines: Vec<String>,
    /// Where the look at everything goes on.
    pub(crate) sweep: Option<Sweep>,
    /// Jobs that are moved, roughly; slots and lines that the look at everything covers.
    pub(crate) limit: usize,
    pub(crate) now: Timestamp,
    pub(crate) ids: Arc<Ids>,
    pub(crate) shared: Arc<Shared>,
}

/// A job that wants to pass.
struct Candidate {
    line: String,
    place: i64,
    entry: Entry,
}

/// A slot of a line.
pub(super) struct Slot {
    pub(super) line: String,
    pub(super) n: i64,
    pub(super) job: i64,
}

/// A slot with what its job makes of it.
pub(super) struct Seen {
    pub(super) slot: Slot,
    held: i64,
    job: Whereabouts,
}

/// What a round writes.
#[derive(Default)]
struct Changes {
    taken: Vec<(Slot, Held)>,
    given_back: Vec<Slot>,
    out: Vec<Candidate>,
    ready: Vec<Entry>,
    /// Line, place and job.
    waiting: Vec<(String, i64, Entry)>,
}

impl Verb for Admit {
    type Reply = Admitted;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Admitted, Error> {
        let look = tx.query(Sql::AdmitLook, &[]).await?;
        let look = look.first(|row| Ok((row.int()? + row.int()?, instant(row)?)))?;
        let (any, wake_at) = look.unwrap_or_default();
        if any == 0 {
            return Ok(Admitted::default());
        }
        tx.execute(Sql::LimitLock, &[]).await?;
        let settings = self.shared.settings.at(tx, None).await?;
        let mut tried: BTreeSet<String> = self.lines.iter().cloned().collect();
        let ids = self.left.iter().map(|job| Param::Int(job.as_i64())).collect();
        let seen = slots_of(tx, ids).await?;
        tried.extend(give_back(tx, seen.iter().filter(|seen| !seen.stands())).await?);
        let sweep = match &self.sweep {
            Some(sweep) => self.sweep(tx, &settings, sweep, &mut tried).await?,
            None => None,
        };
        if wake_at.is_some_and(|at| at <= self.now) {
            let due = [self.now.as_micros().into(), self.limit()];
            tried.extend(tx.query(Sql::BucketDue, &due).await?.texts()?);
        }
        let mut books = Books::default();
        let mut changes = Changes::default();
        self.admit_waiting(tx, &settings, &mut books, &mut changes, &tried).await?;
        let new = self.heads(tx, &[(NEW.to_owned(), self.limit)]).await?;
        let more = new.len() == self.limit;
        self.decide(tx, &settings, &mut books, &mut changes, new).await?;
        let first = books.close(tx, self.now).await?;
        self.write(tx, changes).await?;
        let later = wake_at.filter(|at| *at > self.now);
        let wake_at = [first, later].into_iter().flatten().min();
        Ok(Admitted { any: true, more, lines: books.with_room(self.now), sweep, wake_at })
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

impl Admit {
    /// Lets in those who wait in lines that have room.
    async fn admit_waiting<T: Tx>(
        &self,
        tx: &mut T,
        settings: &Settings,
        books: &mut Books,
        changes: &mut Changes,
        tried: &BTreeSet<String>,
    ) -> Result<(), Error> {
        books.open(tx, settings, tried.iter()).await?;
        let mut asked = Vec::new();
        let mut left = self.limit;
        for line in tried {
            let Some(book) = books.of(line).filter(|book| book.is_waited) else { continue };
            let room = book.room(self.now, left);
            if room > 0 {
                left -= room;
                // One more than may pass, to know whether the line is empty then.
                asked.push((line.clone(), room + 1));
            }
        }
        let mut heads = self.heads(tx, &asked).await?;
        for (line, most) in &asked {
            let of_line = heads.iter().filter(|head| head.line == *line).count();
            if let Some(book) = books.of(line) {
                book.is_waited = of_line == *most;
            }
        }
        let mut passing: HashMap<&str, usize> = HashMap::new();
        passing.extend(asked.iter().map(|(line, most)| (line.as_str(), most - 1)));
        heads.retain(|head| match passing.get_mut(head.line.as_str()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        });
        self.decide(tx, settings, books, changes, heads).await
    }

    /// The first jobs of lines, in order.
    async fn heads<T: Tx>(
        &self,
        tx: &mut T,
        asked: &[(String, usize)],
    ) -> Result<Vec<Candidate>, Error> {
        let mut rows = Batch::with_capacity(2, asked.len());
        for (line, most) in asked {
            rows.push([line.as_str().into(), Param::Int(i64::try_from(*most).unwrap_or(i64::MAX))]);
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut heads = tx.query_each(Sql::ThrottledHead, &rows).await?.read(Candidate::read)?;
        heads.sort_by(|one, other| {
            (&one.line, one.place, one.entry.seq).cmp(&(&other.line, other.place, other.entry.seq))
        });
        Ok(heads)
    }

    /// Asks every line of every candidate.
    async fn decide<T: Tx>(
        &self,
        tx: &mut T,
        settings: &Settings,
        books: &mut Books,
        changes: &mut Changes,
        candidates: Vec<Candidate>,
    ) -> Result<(), Error> {
        if candidates.is_empty() {
            return Ok(());
        }
        let jobs: Vec<i64> = candidates.iter().map(|candidate| candidate.entry.job).collect();
        let keys = keys_of(tx, &jobs).await?;
        let asked = |entry: &Entry| match keys.get(&entry.job) {
            Some((namespace, keys)) => lines(keys, *namespace, entry.queue_id, entry.priority),
            None => Vec::new(),
        };
        let asked: Vec<Vec<String>> =
            candidates.iter().map(|candidate| asked(&candidate.entry)).collect();
        books.open(tx, settings, asked.iter().flatten()).await?;
        let mut held: HashMap<i64, Vec<Slot>> = HashMap::new();
        for Seen { slot, .. } in slots_of(tx, jobs.into_iter().map(Param::Int).collect()).await? {
            held.entry(slot.job).or_default().push(slot);
        }
        for (candidate, lines) in candidates.into_iter().zip(asked) {
            let mut held = held.remove(&candidate.entry.job).unwrap_or_default();
            let shut = self.ask(books, changes, &candidate, &lines, &mut held);
            // What is left it does not need: its keys have changed.
            changes.given_back.append(&mut held);
            match shut {
                Some(line) if *line == candidate.line => {}
                Some(line) => {
                    let place = place(line, settings, candidate.entry.priority);
                    changes.waiting.push((line.clone(), place, candidate.entry));
                    changes.out.push(candidate);
                }
                None => {
                    let seq = self.ids.next(self.now)?.as_i64();
                    changes.ready.push(Entry { seq, ..candidate.entry });
                    changes.out.push(candidate);
                }
            }
        }
        Ok(())
    }

    /// Asks the lines of a candidate one after another; says which is shut.
    fn ask<'a>(
        &self,
        books: &mut Books,
        changes: &mut Changes,
        candidate: &Candidate,
        lines: &'a [String],
        held: &mut Vec<Slot>,
    ) -> Option<&'a String> {
        let job = candidate.entry.job;
        let mut taken: Vec<(Slot, Held)> = Vec::new();
        let mut shut = None;
        for line in lines {
            if let Some(own) = held.iter().position(|slot| slot.line == *line) {
                held.swap_remove(own);
                continue;
            }
            let Some(book) = books.of(line) else { continue };
            let is_behind = book.is_waited && candidate.line != *line;
            let answer = if is_behind { Answer::Wait } else { book.ask(self.now) };
            match answer {
                Answer::Pass => {}
                Answer::Take(n, kept) => taken.push((Slot { line: line.clone(), n, job }, kept)),
                Answer::Wait => {
                    book.is_waited = true;
                    shut = Some(line);
                    break;
                }
            }
        }
        if shut.is_some() {
            // What keeps jobs in order is kept: nobody comes before the one that holds it.
            taken.retain(|(slot, kept)| {
                let keeps = *kept == Held::Life;
                if !keeps && let Some(book) = books.of(&slot.line) {
                    book.give_back(slot.n);
                }
                keeps
            });
            held.retain(|slot| !lines.contains(&slot.line));
        }
        changes.taken.append(&mut taken);
        shut
    }

    async fn write<T: Tx>(&self, tx: &mut T, changes: Changes) -> Result<(), Error> {
        delete_slots(tx, changes.given_back.iter()).await?;
        let taken = changes.taken.iter();
        let taken = taken.map(|(slot, held)| (slot.line.as_str(), slot.n, slot.job, *held));
        insert_slots(tx, taken, self.now).await?;
        let mut out = Batch::with_capacity(4, changes.out.len());
        for candidate in &changes.out {
            let entry = &candidate.entry;
            let line = candidate.line.as_str();
            out.push([line.into(), candidate.place.into(), entry.seq.into(), entry.job.into()]);
        }
        if !out.is_empty() {
            tx.execute_each(Sql::ThrottledTake, &out).await?;
        }
        let mut waiting = Batch::with_capacity(THROTTLED_WIDTH, changes.waiting.len());
        for (line, place, entry) in &changes.waiting {
            waiting.push(entry.throttled(line, *place));
        }
        if !waiting.is_empty() {
            tx.execute_each(Sql::ThrottledInsert, &waiting).await?;
        }
        let mut ready = Batch::with_capacity(READY_WIDTH, changes.ready.len());
        for entry in &changes.ready {
            ready.push(entry.ready());
        }
        if !ready.is_empty() {
            tx.execute_each(Sql::ReadyInsert, &ready).await?;
            tx.effects().ready();
        }
        Ok(())
    }

    /// Looks at the next slots and lines: gives back what nobody gave back, takes ready jobs back that are
    /// beyond a limit as it is now, and names lines in which somebody waits.
    async fn sweep<T: Tx>(
        &self,
        tx: &mut T,
        settings: &Settings,
        sweep: &Sweep,
        tried: &mut BTreeSet<String>,
    ) -> Result<Option<Sweep>, Error> {
        let mut next = Sweep { slots: None, lines: None };
        if let Some((line, n)) = &sweep.slots {
            let params = [line.as_str().into(), (*n).into(), self.limit()];
            let seen = tx.query(Sql::SlotSweep, &params).await?.read(Seen::read)?;
            if let Some(last) = seen.last().filter(|_| seen.len() == self.limit) {
                next.slots = Some((last.slot.line.clone(), last.slot.n));
            }
            tried.extend(give_back(tx, seen.iter().filter(|seen| !seen.stands())).await?);
            for seen in seen.iter().filter(|seen| seen.stands() && seen.job.is_ready) {
                if is_beyond(&seen.slot, settings) {
                    tried.extend(self.take_back(tx, settings, &seen.slot).await?);
                }
            }
        }
        if let Some(line) = &sweep.lines {
            let params = [line.as_str().into(), self.limit()];
            let lines = tx.query(Sql::ThrottledLines, &params).await?.texts()?;
            next.lines = lines.last().filter(|_| lines.len() == self.limit).cloned();
            tried.extend(lines);
        }
        if next.slots.is_none() && next.lines.is_none() {
            let now = self.now.as_micros();
            let params = [now.saturating_mul(1000).into(), now.into()];
            tx.execute(Sql::BucketTrim, &params).await?;
            return Ok(None);
        }
        Ok(Some(next))
    }

    /// A ready job waits in line again; returns the lines of its slots.
    async fn take_back<T: Tx>(
        &self,
        tx: &mut T,
        settings: &Settings,
        slot: &Slot,
    ) -> Result<Vec<String>, Error> {
        let rows = tx.query(Sql::JobGet, &[slot.job.into()]).await?;
        let Some(row) = rows.first(JobRow::read)? else { return Ok(Vec::new()) };
        let Room::Ready { seq, .. } = row.room else { return Ok(Vec::new()) };
        remove_from_room(tx, &row).await?;
        let seen = slots_of(tx, vec![slot.job.into()]).await?;
        let lines = give_back(tx, seen.iter()).await?;
        let entry = Entry::of(&row, seq, None);
        let place = place(&slot.line, settings, entry.priority);
        tx.execute(Sql::ThrottledInsert, &entry.throttled(&slot.line, place)).await?;
        Ok(lines)
    }

    fn limit(&self) -> Param<'static> {
        Param::Int(i64::try_from(self.limit).unwrap_or(i64::MAX))
    }
}

impl Candidate {
    fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        let (line, place, seq, job) = (row.text()?, row.int()?, row.int()?, row.int()?);
        let (queue_id, kind_id, priority) = (row.int()?, row.int()?, row.int()?);
        let counts = Counts {
            epoch: row.int()?,
            attempt: row.count()?,
            crashes: row.count()?,
            snoozes: row.count()?,
        };
        let entry = Entry { job, queue_id, kind_id, priority, seq, counts, place: None };
        Ok(Self { line, place, entry })
    }
}

impl Seen {
    fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        let slot = Slot { line: row.text()?, n: row.int()?, job: row.int()? };
        let held = row.int()?;
        let [is_ready, is_over] = [row.int()? != 0, row.int()? != 0];
        Ok(Self { slot, held, job: Whereabouts { is_ready, is_over } })
    }

    const fn stands(&self) -> bool {
        Held::stands(self.held, self.job)
    }
}

/// Whether a slot has no place under its limit as it is now.
fn is_beyond(slot: &Slot, settings: &Settings) -> bool {
    matches!(rule(&slot.line, settings), Rule::Slots { most: Some(most), .. } if slot.n >= most)
}

/// The slots that jobs hold.
pub(super) async fn slots_of<T: Tx>(tx: &mut T, jobs: Vec<Param<'_>>) -> Result<Vec<Seen>, Error> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    tx.query_each(Sql::SlotOf, &Batch::of_rows(1, jobs)).await?.read(Seen::read)
}

/// Gives slots back and names their lines.
async fn give_back<'a, T: Tx>(
    tx: &mut T,
    seen: impl Iterator<Item = &'a Seen>,
) -> Result<Vec<String>, Error> {
    let slots: Vec<&Slot> = seen.map(|seen| &seen.slot).collect();
    delete_slots(tx, slots.iter().copied()).await?;
    Ok(slots.into_iter().map(|slot| slot.line.clone()).collect())
}

/// Takes slots: line, number, job, and how long each is held.
pub(super) async fn insert_slots<'a, T: Tx>(
    tx: &mut T,
    slots: impl Iterator<Item = (&'a str, i64, i64, Held)>,
    now: Timestamp,
) -> Result<(), Error> {
    let mut rows = Batch::with_capacity(5, 0);
    for (line, n, job, held) in slots {
        rows.push([line.into(), n.into(), job.into(), held.code().into(), now.as_micros().into()]);
    }
    if !rows.is_empty() {
        tx.execute_each(Sql::SlotInsert, &rows).await?;
    }
    Ok(())
}

pub(super) async fn delete_slots<'a, T: Tx>(
    tx: &mut T,
    slots: impl Iterator<Item = &'a Slot>,
) -> Result<(), Error> {
    let mut rows = Batch::with_capacity(3, 0);
    for slot in slots {
        rows.push([slot.line.as_str().into(), slot.n.into(), slot.job.into()]);
    }
    if !rows.is_empty() {
        tx.execute_each(Sql::SlotDelete, &rows).await?;
    }
    Ok(())
}
