//! Minutes: how the totals of queues grew, and how long things took, minute by minute.
//!
//! Any node may do it at any time: the first one of a minute takes its turn by the row that says when
//! the totals were last looked at. No enqueue, claim or settle writes anything for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::core::Spread;
use crate::job::{JobId, Timestamp};
use crate::store::Shared;
use crate::store::driver::{Batch, Param, Tx, Verb, Waits};
use crate::store::effects::Measure;
use crate::store::statements::Sql;
use crate::store::times::Spreads;
use crate::{Error, MINUTES_KEPT};

/// Weight of a read that may come past many rows.
const READ_WEIGHT: usize = 1000;

/// The minute of an instant, counted from 1970.
pub(crate) const fn minute_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(60_000_000)
}

/// Keeps how the totals grew since the last look, once a minute; says whether it was this one's turn.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) now: Timestamp,
}

impl Verb for Sample {
    type Reply = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        let minute = minute_of(self.now);
        let begin = minute * 60_000_000;
        let last = tx.query(Sql::SampleLast, &[]).await?.first_int()?.unwrap_or(0);
        let params = [self.now.as_micros().into(), begin.into()];
        if tx.execute(Sql::SampleBegin, &params).await? == 0 {
            return Ok(false);
        }
        let known = totals_at_last_look(tx).await?;
        let (mut grown, mut changed) = (Batch::with_capacity(4, 0), Batch::with_capacity(3, 0));
        for total in totals(tx).await? {
            let before = known.get(&(total.queue_id, total.measure)).copied();
            let n = total.n - before.unwrap_or(0);
            if before != Some(total.n) {
                changed.push([total.queue_id.into(), total.measure.into(), total.n.into()]);
            }
            // Before the first look there was no minute.
            if n > 0 && last > 0 {
                let [minute, n] = [minute - 1, n].map(Param::Int);
                grown.push([minute, total.queue_id.into(), total.measure.into(), n]);
            }
        }
        if !grown.is_empty() {
            tx.execute_each(Sql::MinuteAdd, &grown).await?;
        }
        if !changed.is_empty() {
            tx.execute_each(Sql::MinuteTotalPut, &changed).await?;
        }
        let oldest = minute_of(self.now - MINUTES_KEPT);
        tx.execute(Sql::MinuteTrim, &[oldest.into()]).await?;
        tx.execute(Sql::MinuteSpreadTrim, &[oldest.into()]).await?;
        Ok(true)
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        READ_WEIGHT
    }
}

/// Keeps how long things took in a minute, as this process saw it.
#[derive(Debug)]
pub(crate) struct KeepTimes {
    pub(crate) minute: i64,
    pub(crate) source: i64,
    pub(crate) taken: BTreeMap<i64, Spreads>,
}

impl Verb for KeepTimes {
    type Reply = ();

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let text = |(queue_id, spreads): (&i64, &Spreads)| {
            (*queue_id, spreads.waits.to_text(), spreads.runs.to_text())
        };
        let texts: Vec<_> = self.taken.iter().map(text).collect();
        let mut rows = Batch::with_capacity(5, texts.len());
        for (queue_id, waits, runs) in &texts {
            let [minute, queue, source] = [self.minute, *queue_id, self.source].map(Param::Int);
            rows.push([minute, queue, source, waits.as_str().into(), runs.as_str().into()]);
        }
        if !rows.is_empty() {
            tx.execute_each(Sql::MinuteSpreadAdd, &rows).await?;
        }
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Since when the first job of each queue and kind that can run has been able to.
#[derive(Debug)]
pub(crate) struct OldestByKind {
    pub(crate) namespace: Arc<str>,
    pub(crate) limit: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for OldestByKind {
    /// Queue, kind and instant.
    type Reply = Vec<(String, String, Timestamp)>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::QueueKindOldest, &[namespace_id.into(), limit.into()]).await?;
        rows.read(|row| Ok((row.text()?, row.text()?, JobId::from_i64(row.int()?).made_at())))
    }

    fn weight(&self) -> usize {
        READ_WEIGHT
    }
}

/// What one queue did in one minute.
#[derive(Debug, Clone, Default)]
pub(crate) struct Minute {
    pub(crate) minute: i64,
    pub(crate) queue: String,
    /// Measure and growth.
    pub(crate) grown: Vec<(i64, i64)>,
    pub(crate) waits: Spread,
    pub(crate) runs: Spread,
}

/// The minutes from one on; the present one, as far as it is known, is the last.
#[derive(Debug)]
pub(crate) struct ReadMinutes {
    pub(crate) namespace: Arc<str>,
    pub(crate) from: i64,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

/// What there is, and since when the present minute is counted.
#[derive(Debug)]
pub(crate) struct Minutes {
    pub(crate) minutes: Vec<Minute>,
    pub(crate) sampled_at: Timestamp,
}

impl Verb for ReadMinutes {
    type Reply = Minutes;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Minutes, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let mut minutes: BTreeMap<(i64, String), Minute> = BTreeMap::new();
        let params = [self.from.into(), namespace_id.into()];
        let rows = tx.query(Sql::MinuteRead, &params).await?;
        for (minute, queue, measure, n) in
            rows.read(|row| Ok((row.int()?, row.text()?, row.int()?, row.int()?)))?
        {
            at(&mut minutes, minute, queue).grown.push((measure, n));
        }
        let rows = tx.query(Sql::MinuteSpreadRead, &params).await?;
        for (minute, queue, waits, runs) in
            rows.read(|row| Ok((row.int()?, row.text()?, row.text()?, row.text()?)))?
        {
            let here = at(&mut minutes, minute, queue);
            here.waits.merge(&Spread::of_text(&waits));
            here.runs.merge(&Spread::of_text(&runs));
        }
        let sampled_at = tx.query(Sql::SampleLast, &[]).await?.first_int()?.unwrap_or(0);
        self.read_present(tx, namespace_id, &mut minutes, sampled_at > 0).await?;
        let minutes = minutes.into_values().collect();
        Ok(Minutes { minutes, sampled_at: Timestamp::from_micros(sampled_at) })
    }

    fn weight(&self) -> usize {
        READ_WEIGHT
    }
}

impl ReadMinutes {
    /// How the totals grew since the last look, and what this process has not stored yet.
    async fn read_present<T: Tx>(
        &self,
        tx: &mut T,
        namespace_id: i64,
        minutes: &mut BTreeMap<(i64, String), Minute>,
        has_looked: bool,
    ) -> Result<(), Error> {
        let (present, mut seen) = (minute_of(self.now), self.shared.times.seen());
        let known = totals_at_last_look(tx).await?;
        for total in totals(tx).await?.into_iter().filter(|it| it.namespace_id == namespace_id) {
            let n = total.n - known.get(&(total.queue_id, total.measure)).copied().unwrap_or(0);
            let times = seen.remove(&total.queue_id);
            if times.is_none() && (n <= 0 || !has_looked) {
                continue;
            }
            let here = at(minutes, present, total.queue);
            if n > 0 && has_looked {
                here.grown.push((total.measure, n));
            }
            if let Some(times) = times {
                here.waits.merge(&times.waits);
                here.runs.merge(&times.runs);
            }
        }
        Ok(())
    }
}

fn at(minutes: &mut BTreeMap<(i64, String), Minute>, minute: i64, queue: String) -> &mut Minute {
    minutes.entry((minute, queue.clone())).or_insert_with(|| Minute {
        minute,
        queue,
        ..Minute::default()
    })
}

/// A total of one queue.
struct Total {
    queue_id: i64,
    queue: String,
    namespace_id: i64,
    measure: i64,
    n: i64,
}

async fn totals<T: Tx>(tx: &mut T) -> Result<Vec<Total>, Error> {
    let params = [Measure::Enqueues.code().into(), Measure::Failures.code().into()];
    tx.query(Sql::TallyTotals, &params).await?.read(|row| {
        Ok(Total {
            queue_id: row.int()?,
            queue: row.text()?,
            namespace_id: row.int()?,
            measure: row.int()?,
            n: row.int()?,
        })
    })
}

async fn totals_at_last_look<T: Tx>(tx: &mut T) -> Result<HashMap<(i64, i64), i64>, Error> {
    let rows = tx.query(Sql::MinuteTotals, &[]).await?;
    let rows = rows.read(|row| Ok(((row.int()?, row.int()?), row.int()?)))?;
    Ok(rows.into_iter().collect())
}
