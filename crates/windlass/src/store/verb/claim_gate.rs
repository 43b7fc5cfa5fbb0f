//! What concurrency keys let a claim take: a slot of its line for each job, held by the lease; who finds none
//! waits in the line.
//!
//! Invariant: slots are counted and taken under the lock of admission, and the unique index of leases holds even
//! without it.

use std::collections::HashMap;

use super::admit::{Slot, delete_slots, slots_of};
use super::admit_books::{put_slot, take_slot};
use super::claim::{Taken, read_bodies};
use super::enter::{Entry, THROTTLED_WIDTH};
use super::job_part::JobPart;
use crate::job::Timestamp;
use crate::store::catalog::Pair;
use crate::store::driver::{Batch, Tx};
use crate::store::line::{Held, NEW, Rule, place, rule};
use crate::store::settings::Settings;
use crate::store::statements::Sql;
use crate::{Error, sabotage};

/// Jobs that are looked at in one go once some had to wait: whole lots of a key that is full.
pub(super) const LOT: usize = 500;

/// Looks of one claim into the jobs of one class, so that it stays short.
pub(super) const LOOKS_MAX: usize = 4;

/// What a line asks, its slots that are taken, in order, and whether somebody waits in it.
struct Line {
    rule: Rule,
    taken: Vec<i64>,
    is_waited: bool,
}

/// What a claim counts.
pub(super) struct Gate {
    /// Some job waits in a line, or holds a slot before its lease.
    any: bool,
    lines: HashMap<String, Line>,
    /// Of the jobs that are taken.
    pub(super) bodies: HashMap<i64, JobPart>,
    /// There may be more for this claim than it has looked at.
    pub(super) is_cut: bool,
    now: Timestamp,
}

/// What a job may do.
enum Verdict {
    /// Run, under this slot of its line.
    Run(Option<i64>),
    /// Wait in its line.
    Wait,
    /// Wait for admission.
    Ask,
}

/// What becomes of jobs that a claim has looked at.
#[derive(Default)]
struct Passed {
    given_back: Vec<Slot>,
    /// Line, place and job.
    waiting: Vec<(String, i64, Entry)>,
    unused: Vec<Entry>,
}

impl Gate {
    /// Shuts out admissions and other claims until the commit.
    pub(super) async fn open<T: Tx>(tx: &mut T, now: Timestamp) -> Result<Self, Error> {
        tx.execute(Sql::LimitLock, &[]).await?;
        let (lines, bodies) = (HashMap::new(), HashMap::new());
        Ok(Self { any: false, lines, bodies, is_cut: false, now })
    }

    /// Lets jobs of these rows pass in their order, `most` of them; the others wait in line, and what was not
    /// needed goes back. Returns how many wait.
    pub(super) async fn pass<T: Tx>(
        &mut self,
        tx: &mut T,
        settings: &Settings,
        pairs: &[Pair],
        rows: Vec<Taken>,
        (taken, most): (&mut Vec<Taken>, usize),
    ) -> Result<usize, Error> {
        let bodies = read_bodies(tx, &rows).await?;
        let line_of = |row: &Taken| {
            // One that is too late takes nothing: it ends.
            let body = bodies.get(&row.job).filter(|body| body.too_late(self.now).is_none())?;
            body.line(pairs[row.pair].namespace_id)
        };
        let lines: Vec<Option<String>> = rows.iter().map(line_of).collect();
        self.look_into(tx, settings, lines.iter().flatten()).await?;
        let mut own = self.own_slots(tx, &rows, &lines).await?;
        let mut passed = Passed::default();
        for (mut row, line) in rows.into_iter().zip(lines) {
            if taken.len() >= most {
                passed.unused.push(row.entry(pairs));
                continue;
            }
            if let Some(line) = line {
                let own = own.remove(&row.job);
                match self.ask(&line, row.job, own.as_ref()) {
                    Verdict::Run(n) => row.slot = n.map(|n| (line, n)),
                    Verdict::Wait => {
                        let place = place(&line, settings, row.priority);
                        passed.waiting.push((line, place, row.entry(pairs)));
                        passed.given_back.extend(own);
                        continue;
                    }
                    Verdict::Ask => {
                        let place = place(&line, settings, row.priority);
                        passed.waiting.push((NEW.to_owned(), place, row.entry(pairs)));
                        passed.given_back.extend(own);
                        continue;
                    }
                }
                if row.slot.is_some() {
                    passed.given_back.extend(own);
                }
            }
            taken.push(row);
        }
        self.bodies.extend(bodies);
        passed.write(tx).await
    }

    /// Reads what is taken of lines that were not looked into yet.
    async fn look_into<T: Tx>(
        &mut self,
        tx: &mut T,
        settings: &Settings,
        lines: impl Iterator<Item = &String>,
    ) -> Result<(), Error> {
        let mut limited = Batch::with_capacity(2, 0);
        for line in lines {
            if self.lines.contains_key(line) {
                continue;
            }
            let rule = rule(line, settings);
            if let Rule::Slots { most: Some(most), held: Held::Ready } = rule {
                limited.push([line.as_str().into(), most.into()]);
            }
            self.lines.insert(line.clone(), Line { rule, taken: Vec::new(), is_waited: false });
        }
        // Leases first: what comes back from one holds its slot until the next, and whoever gives one back
        // takes no lock of ours.
        if !limited.is_empty() {
            self.count_taken(tx, Sql::LeaseSlots, &limited).await?;
        }
        self.look_for_any(tx).await?;
        if self.any && !limited.is_empty() {
            self.count_taken(tx, Sql::SlotLine, &limited).await?;
            let names = Batch::of_rows(1, limited.rows().map(|row| row[0]).collect());
            for line in tx.query_each(Sql::ThrottledAny, &names).await?.texts()? {
                if let Some(line) = self.lines.get_mut(&line) {
                    line.is_waited = true;
                }
            }
        }
        Ok(())
    }

    /// Whether there are slots before leases, or lines with somebody in them: asked after the jobs were taken, so
    /// that one that came back with its slot is known by it.
    async fn look_for_any<T: Tx>(&mut self, tx: &mut T) -> Result<(), Error> {
        if !self.any {
            self.any = tx.query(Sql::SlotAny, &[]).await?.first_int()?.is_some_and(|n| n > 0);
            if self.any {
                // This process has to tell admission what its jobs leave behind.
                tx.effects().keyed();
            }
        }
        Ok(())
    }

    async fn count_taken<T: Tx>(
        &mut self,
        tx: &mut T,
        sql: Sql,
        limited: &Batch<'_>,
    ) -> Result<(), Error> {
        let rows = tx.query_each(sql, limited).await?;
        for (line, n) in rows.read(|row| Ok((row.text()?, row.int()?)))? {
            if let Some(line) = self.lines.get_mut(&line) {
                put_slot(&mut line.taken, n);
            }
        }
        Ok(())
    }

    /// The slots of their lines that jobs hold before their leases.
    async fn own_slots<T: Tx>(
        &self,
        tx: &mut T,
        rows: &[Taken],
        lines: &[Option<String>],
    ) -> Result<HashMap<i64, Slot>, Error> {
        if !self.any {
            return Ok(HashMap::new());
        }
        let jobs = rows.iter().map(|row| row.job.into()).collect();
        let line_of: HashMap<i64, &Option<String>> =
            rows.iter().map(|row| row.job).zip(lines).collect();
        let seen = slots_of(tx, jobs).await?.into_iter().map(|seen| seen.slot);
        let is_own =
            |slot: &Slot| line_of.get(&slot.job).and_then(|line| line.as_ref()) == Some(&slot.line);
        Ok(seen.filter(is_own).map(|slot| (slot.job, slot)).collect())
    }

    fn ask(&mut self, line: &str, job: i64, own: Option<&Slot>) -> Verdict {
        // Every line of these jobs was looked into.
        let Some(line) = self.lines.get_mut(line) else { return Verdict::Ask };
        let most = match line.rule {
            Rule::Slots { held: Held::Life, .. } if own.is_some() => return Verdict::Run(None),
            Rule::Slots { held: Held::Life, .. } => return Verdict::Ask,
            Rule::Slots { most: Some(most), .. } if !sabotage::on("limit_ignored") => most,
            // Where there is no limit the number is the job.
            Rule::Slots { .. } | Rule::Open | Rule::Rate(_) => {
                return Verdict::Run(Some(job));
            }
        };
        match own {
            Some(own) if own.n < most => Verdict::Run(Some(own.n)),
            None if !line.is_waited => {
                let slot = take_slot(&mut line.taken, most);
                line.is_waited = slot.is_none();
                slot.map_or(Verdict::Wait, |n| Verdict::Run(Some(n)))
            }
            Some(_) | None => Verdict::Wait,
        }
    }
}

impl Passed {
    async fn write<T: Tx>(self, tx: &mut T) -> Result<usize, Error> {
        delete_slots(tx, self.given_back.iter()).await?;
        let mut waiting = Batch::with_capacity(THROTTLED_WIDTH, self.waiting.len());
        for (line, place, entry) in &self.waiting {
            waiting.push(entry.throttled(line, *place));
        }
        if !waiting.is_empty() {
            tx.execute_each(Sql::ThrottledInsert, &waiting).await?;
            tx.effects().throttled();
        }
        let count = self.waiting.len();
        for (line, _, _) in self.waiting {
            // Whoever held it may have left it while this claim looked.
            tx.effects().freed(line);
        }
        super::enter::put_back(tx, &self.unused).await?;
        Ok(count)
    }
}
