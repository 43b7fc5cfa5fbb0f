//! Events: written down while someone looks, brought into their final order, read, forgotten.
//!
//! Invariant: ids ascend in the order in which events can be read: whoever has read one never finds
//! another below it.

use std::collections::HashMap;
use std::sync::Arc;

use super::worker::worker_data;
use crate::job::{EventName, JobId, JobRecord, Timestamp};
use crate::store::Shared;
use crate::store::driver::{Batch, Param, Row, Tx, Verb, Waits};
use crate::store::notes::{GAP, Note};
use crate::store::rows::JobRow;
use crate::store::statements::Sql;
use crate::{EVENTS_KEPT, Error};

/// Events forgotten, and workers noticed, in one round.
const TRIM_MAX: i64 = 2000;
const LOST_MAX: i64 = 100;

/// Workers that expired longer ago are old news: nobody looked then.
const LOST_SINCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Has transitions written down for as long as events are kept.
#[derive(Debug)]
pub(crate) struct WatchFor {
    pub(crate) now: Timestamp,
}

impl Verb for WatchFor {
    /// Whether nothing was written down before.
    type Reply = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        let until = self.now + EVENTS_KEPT;
        let params = [until.as_micros().into(), self.now.as_micros().into()];
        let begins = tx.execute(Sql::WatchBegin, &params).await? > 0;
        if begins {
            tx.effects().begin_observing(self.now);
        } else {
            tx.execute(Sql::WatchRenew, &params[..1]).await?;
        }
        tx.effects().observed_until(until);
        Ok(begins)
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Gives events that were written down by many transactions their final order, where that is not the
/// one in which they were written; says how many.
#[derive(Debug)]
pub(crate) struct OrderEvents {
    pub(crate) limit: usize,
}

impl Verb for OrderEvents {
    type Reply = usize;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<usize, Error> {
        // Held until the commit: whoever comes next sees these events, and gives higher numbers.
        tx.execute(Sql::EventLock, &[]).await?;
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::EventTake, &[limit.into()]).await?;
        let rows = rows.read(Line::read)?;
        if rows.is_empty() {
            return Ok(0);
        }
        let last = tx.query(Sql::EventLast, &[]).await?.first_int()?;
        let mut id = last.ok_or_else(|| Error::bug("the database has no last event"))?;
        let mut placed = Batch::with_capacity(8, rows.len());
        let mut taken = Batch::with_capacity(1, rows.len());
        for row in &rows {
            id += 1;
            taken.push([row.id.into()]);
            let [at, code] = [row.at.as_micros(), row.code].map(Param::Int);
            let [namespace, job, queue, kind] =
                [row.namespace_id, row.job, row.queue_id, row.kind_id].map(Param::from);
            placed.push([
                id.into(),
                at,
                code,
                namespace,
                job,
                queue,
                kind,
                row.data.as_deref().into(),
            ]);
        }
        tx.execute_each(Sql::EventPut, &placed).await?;
        tx.execute_each(Sql::EventTaken, &taken).await?;
        tx.execute(Sql::EventCount, &[id.into()]).await?;
        Ok(rows.len())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

/// Notices workers that are gone, and forgets old events; true when there may be more to forget.
#[derive(Debug)]
pub(crate) struct TendEvents {
    pub(crate) now: Timestamp,
}

impl Verb for TendEvents {
    type Reply = bool;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        if tx.effects().is_observed() {
            self.notice_workers(tx).await?;
        }
        let before = self.now - EVENTS_KEPT;
        let oldest = tx.query(Sql::EventOldest, &[TRIM_MAX.into()]).await?;
        let oldest = oldest.read(|row| Ok((row.int()?, Timestamp::from_micros(row.int()?))))?;
        // The last one stays: it says where those begin who come later.
        let others = &oldest[..oldest.len().saturating_sub(1)];
        let old = others.iter().take_while(|(_, at)| *at < before).last();
        if let Some((id, _)) = old {
            tx.execute(Sql::EventTrim, &[(*id).into()]).await?;
        }
        let is_full = i64::try_from(oldest.len()).is_ok_and(|count| count == TRIM_MAX);
        Ok(is_full && oldest.last().is_some_and(|(_, at)| *at < before))
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

impl TendEvents {
    async fn notice_workers<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let now = self.now.as_micros();
        let params = [now, (self.now - LOST_SINCE).as_micros(), LOST_MAX].map(Param::Int);
        let rows = tx.query(Sql::WorkerLapsed, &params).await?;
        for (id, name, namespace_id) in
            rows.read(|row| Ok((row.int()?, row.text()?, row.opt_int()?)))?
        {
            if tx.execute(Sql::WorkerLose, &[id.into(), now.into()]).await? == 1 {
                let data = worker_data(id, &name);
                tx.effects().note(|| Note::of(EventName::WorkerLost, namespace_id, &data));
            }
        }
        Ok(())
    }
}

/// A row of the tables of events.
struct Line {
    id: i64,
    at: Timestamp,
    code: i64,
    namespace_id: Option<i64>,
    job: Option<i64>,
    queue_id: Option<i64>,
    kind_id: Option<i64>,
    data: Option<String>,
}

impl Line {
    fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: row.int()?,
            at: Timestamp::from_micros(row.int()?),
            code: row.int()?,
            namespace_id: row.opt_int()?,
            job: row.opt_int()?,
            queue_id: row.opt_int()?,
            kind_id: row.opt_int()?,
            data: row.opt_text()?,
        })
    }
}

/// An event as observers get it.
#[derive(Debug)]
pub(crate) struct Happened {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    /// None: nothing was written down for a while before this.
    pub(crate) name: Option<EventName>,
    pub(crate) subject: Subject,
    /// JSON, of what is not a job.
    pub(crate) data: Option<String>,
}

/// What it happened to.
#[derive(Debug, Default)]
pub(crate) struct Subject {
    /// None: it concerns all namespaces.
    pub(crate) namespace: Option<Arc<str>>,
    pub(crate) job: Option<JobId>,
    pub(crate) queue: Option<Arc<str>>,
    pub(crate) kind: Option<Arc<str>>,
    /// The job as it stands now, without payload and result, unless it is gone.
    pub(crate) record: Option<JobRecord>,
}

/// Reads events after one, oldest first.
#[derive(Debug)]
pub(crate) struct NewsOf {
    pub(crate) after: i64,
    pub(crate) limit: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for NewsOf {
    type Reply = Vec<Happened>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<Happened>, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::EventRead, &[self.after.into(), limit.into()]).await?;
        tell(tx, &self.shared, rows.read(Line::read)?).await
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

/// Reads the latest events, oldest first.
#[derive(Debug)]
pub(crate) struct LatestEvents {
    pub(crate) limit: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for LatestEvents {
    type Reply = Vec<Happened>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<Happened>, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let mut rows = tx.query(Sql::EventLatest, &[limit.into()]).await?.read(Line::read)?;
        rows.reverse();
        tell(tx, &self.shared, rows).await
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

/// The events with what is known of their subjects.
async fn tell<T: Tx>(tx: &mut T, shared: &Shared, rows: Vec<Line>) -> Result<Vec<Happened>, Error> {
    let mut ids: Vec<i64> = rows.iter().filter_map(|row| row.job).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut records: HashMap<i64, JobRecord> = HashMap::new();
    if !ids.is_empty() {
        let ids = Batch::of_rows(1, ids.into_iter().map(Param::Int).collect());
        let found = tx.query_each(Sql::JobBrief, &ids).await?.read(JobRow::read)?;
        records = found.into_iter().map(|row| (row.record.id.as_i64(), row.record)).collect();
    }
    let of_gone = |row: &Line| row.queue_id.zip(row.kind_id);
    let gone: Vec<(i64, i64)> = rows
        .iter()
        .filter(|row| row.job.is_some_and(|job| !records.contains_key(&job)))
        .filter_map(of_gone)
        .collect();
    let mut pairs = shared.catalog.known(|pair| gone.contains(&(pair.queue_id, pair.kind_id)));
    let knows = |pair: &(i64, i64)| pairs.iter().any(|it| (it.queue_id, it.kind_id) == *pair);
    if !gone.iter().all(knows) {
        let wanted =
            |pair: &crate::store::catalog::Pair| gone.contains(&(pair.queue_id, pair.kind_id));
        pairs = shared.catalog.pairs(tx, wanted).await?;
    }
    let names = namespaces(tx, &rows).await?;
    let told = rows.into_iter().map(|row| {
        let mut subject = Subject { job: row.job.map(JobId::from_i64), ..Subject::default() };
        if let Some(record) = row.job.and_then(|job| records.get(&job)) {
            subject.namespace = Some(record.namespace.as_str().into());
            subject.queue = Some(record.queue.as_str().into());
            subject.kind = Some(record.kind.as_str().into());
            subject.record = Some(record.clone());
        } else if let Some((queue_id, kind_id)) = of_gone(&row) {
            let pair = pairs.iter().find(|it| (it.queue_id, it.kind_id) == (queue_id, kind_id));
            subject.namespace = pair.map(|pair| Arc::clone(&pair.namespace));
            subject.queue = pair.map(|pair| Arc::clone(&pair.queue));
            subject.kind = pair.map(|pair| Arc::clone(&pair.kind));
        } else if let Some(id) = row.namespace_id {
            // Of a namespace that is gone nobody is told.
            subject.namespace = Some(names.get(&id).map_or_else(|| "".into(), Arc::clone));
        } else if row.job.is_some() {
            subject.namespace = Some("".into());
        }
        let name = EventName::from_code(row.code).filter(|_| row.code != GAP);
        (row.code == GAP || name.is_some()).then_some(Happened {
            id: row.id,
            at: row.at,
            name,
            subject,
            data: row.data,
        })
    });
    // What a newer release writes is not known here.
    Ok(told.flatten().collect())
}

/// The names of namespaces by their ids, where an event needs one.
async fn namespaces<T: Tx>(tx: &mut T, rows: &[Line]) -> Result<HashMap<i64, Arc<str>>, Error> {
    if rows.iter().all(|row| row.namespace_id.is_none()) {
        return Ok(HashMap::new());
    }
    let rows = tx.query(Sql::NamespaceAll, &[]).await?;
    let names = rows.read(|row| Ok((row.text()?, row.int()?)))?;
    Ok(names.into_iter().map(|(name, id)| (id, name.into())).collect())
}
