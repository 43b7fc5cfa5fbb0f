//! Reading: one job, its attempts, lists, counts.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Error;
use crate::core::{Reason, State};
use crate::job::{AttemptRecord, JobId, JobRecord, Timestamp};
use crate::store::driver::{Batch, Tx, Verb};
use crate::store::list::ListFilter;
use crate::store::rows::{JobRow, Room, instant};
use crate::store::statements::Sql;
use crate::store::verb::locate;
use crate::store::{Counted, Found, ListQuery, Listed, ServingWorker, Shared, Tally};

/// Jobs that are looked at one by one in a step, and in all for one page, where statements cannot answer
/// a condition.
const SIEVE_PAGE: usize = 500;
const SIEVE_MAX: usize = 20_000;

/// Weight of a read that may come past many rows.
const READ_WEIGHT: usize = 1000;

/// Reads jobs by id, in the order asked for; unknown ones are left out.
#[derive(Debug)]
pub(crate) struct Get {
    pub(crate) namespace: Arc<str>,
    pub(crate) jobs: Vec<JobId>,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for Get {
    type Reply = Vec<JobRecord>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<JobRecord>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let ids: Vec<i64> = self.jobs.iter().map(|job| job.as_i64()).collect();
        let mut rows = rows(tx, &ids, self.now).await?;
        rows.retain(|row| row.namespace_id == namespace_id);
        for row in rows.iter_mut().filter(|row| matches!(row.room, Room::Blocked { .. })) {
            let id = row.record.id.as_i64();
            let parents = tx.query(Sql::DependencyParents, &[id.into()]).await?.ints()?;
            row.record.blocked_by = parents.into_iter().map(JobId::from_i64).collect();
        }
        Ok(rows.into_iter().map(|row| row.record).collect())
    }
}

/// Reads the attempts of one job: the kept ones, then the running or final one.
#[derive(Debug)]
pub(crate) struct Attempts {
    pub(crate) namespace: Arc<str>,
    pub(crate) job: JobId,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for Attempts {
    type Reply = Vec<AttemptRecord>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<AttemptRecord>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let row = locate(tx, namespace_id, self.job).await?;
        let rows = tx.query(Sql::AttemptList, &[self.job.as_i64().into()]).await?;
        let mut attempts = rows.read(|row| {
            Ok(AttemptRecord {
                attempt: row.count()?,
                epoch: row.int()?,
                worker: row.opt_text()?,
                started_at: instant(row)?,
                finished_at: instant(row)?,
                class: row.text()?,
                message: row.opt_text()?,
                backtrace: row.opt_text()?,
            })
        })?;
        let job = row.record;
        let epoch = row.room.counts().epoch;
        let told = attempts.last().is_some_and(|last| last.epoch == epoch);
        let ended = matches!(job.state, State::Completed | State::Cancelled);
        if job.started_at.is_some() && !told && (ended || job.state == State::Running) {
            attempts.push(AttemptRecord {
                attempt: job.attempt,
                epoch,
                worker: job.worker,
                started_at: job.started_at,
                finished_at: job.completed_at,
                class: job.state.as_str().to_owned(),
                message: None,
                backtrace: None,
            });
        }
        Ok(attempts)
    }
}

/// Reads a page of jobs.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) namespace: Arc<str>,
    pub(crate) query: ListQuery,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for List {
    type Reply = Listed;

    fn weight(&self) -> usize {
        READ_WEIGHT
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Listed, Error> {
        let limit = self.query.limit;
        if !self.query.is_sieved() {
            let ids = find(tx, &self.shared, &self.namespace, &self.query).await?;
            let rows = rows(tx, &ids, self.now).await?;
            let jobs = rows.into_iter().map(|row| row.record).collect();
            return Ok(Listed { jobs, stopped_at: None });
        }
        let (mut jobs, mut looked_at) = (Vec::new(), 0);
        let mut query = ListQuery { limit: SIEVE_PAGE, ..self.query.clone() };
        loop {
            let ids = find(tx, &self.shared, &self.namespace, &query).await?;
            let rows = rows(tx, &ids, self.now).await?;
            let passed = rows.into_iter().map(|row| row.record).filter(|job| query.passes(job));
            jobs.extend(passed);
            looked_at += ids.len();
            query.cursor = ids.last().copied().map(JobId::from_i64);
            if ids.len() < SIEVE_PAGE || jobs.len() >= limit {
                jobs.truncate(limit);
                return Ok(Listed { jobs, stopped_at: None });
            }
            if looked_at >= SIEVE_MAX {
                return Ok(Listed { jobs, stopped_at: query.cursor });
            }
        }
    }
}

/// Reads a page of the ids of jobs.
#[derive(Debug)]
pub(crate) struct Find(pub(crate) List);

impl Verb for Find {
    type Reply = Found;

    fn weight(&self) -> usize {
        READ_WEIGHT
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Found, Error> {
        let List { namespace, query, shared, .. } = &self.0;
        if query.is_sieved() {
            let listed = self.0.run(tx).await?;
            let jobs: Vec<JobId> = listed.jobs.iter().map(|job| job.id).collect();
            let last = jobs.last().copied().filter(|_| jobs.len() == query.limit);
            return Ok(Found { next: listed.stopped_at.or(last), jobs });
        }
        let ids = find(tx, shared, namespace, query).await?;
        let jobs: Vec<JobId> = ids.into_iter().map(JobId::from_i64).collect();
        let next = jobs.last().copied().filter(|_| jobs.len() == query.limit);
        Ok(Found { jobs, next })
    }
}

/// The ids of a page of jobs, in its order, by the conditions that statements can answer.
async fn find<T: Tx>(
    tx: &mut T,
    shared: &Shared,
    namespace: &str,
    query: &ListQuery,
) -> Result<Vec<i64>, Error> {
    let namespace_id = shared.catalog.namespace(tx, namespace).await?;
    let pairs = shared.catalog.pairs(tx, |pair| {
        pair.namespace_id == namespace_id
            && named(&query.queues, &pair.queue)
            && named(&query.kinds, &pair.kind)
    });
    let pairs = pairs.await?;
    let mut ids = Vec::new();
    for (sql, mut filter) in sources(query) {
        filter.one_of("j.queue_id", distinct(pairs.iter().map(|pair| pair.queue_id)));
        if !query.kinds.is_empty() {
            filter.one_of("j.kind_id", distinct(pairs.iter().map(|pair| pair.kind_id)));
        }
        query.restrict(&mut filter);
        let rows = tx.query_list(sql, &filter).await?;
        ids.extend(rows.ints()?);
    }
    ids.sort_unstable();
    ids.dedup();
    if !query.ascending {
        ids.reverse();
    }
    ids.truncate(query.limit);
    Ok(ids)
}

/// Reads the maintained counts of a namespace.
#[derive(Debug)]
pub(crate) struct Stats {
    pub(crate) namespace: Arc<str>,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for Stats {
    type Reply = Counted;

    fn weight(&self) -> usize {
        READ_WEIGHT
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Counted, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let rows = tx.query(Sql::TallyRead, &[namespace_id.into()]).await?;
        let tallies = rows.read(|row| {
            Ok(Tally { queue: row.text()?, kind: row.text()?, measure: row.int()?, n: row.int()? })
        })?;
        let rows = tx.query(Sql::StorageBytes, &[]).await?;
        let storage_bytes = rows.first_int()?.unwrap_or(0);
        let workers = workers(tx, self.now).await?;
        let serves =
            |worker: &ServingWorker| worker.namespace_id.is_none_or(|id| id == namespace_id);
        let workers = workers.into_iter().filter(serves).collect();
        Ok(Counted { tallies, storage_bytes, workers })
    }
}

/// Reads jobs by id, in that order; unknown ones are left out.
async fn rows<T: Tx>(tx: &mut T, ids: &[i64], now: Timestamp) -> Result<Vec<JobRow>, Error> {
    let mut batch = Batch::with_capacity(1, ids.len());
    for id in ids {
        batch.push([(*id).into()]);
    }
    let mut rows = tx.query_each(Sql::JobGet, &batch).await?.read(JobRow::read)?;
    mark_unserved(tx, &mut rows, now).await?;
    let mut places: HashMap<i64, usize> = HashMap::new();
    for (place, id) in ids.iter().enumerate() {
        places.entry(*id).or_insert(place);
    }
    rows.sort_by_key(|row| places.get(&row.record.id.as_i64()).copied());
    Ok(rows)
}

/// Pending jobs whose kind no live worker serves say so.
async fn mark_unserved<T: Tx>(
    tx: &mut T,
    rows: &mut [JobRow],
    now: Timestamp,
) -> Result<(), Error> {
    if !rows.iter().any(|row| matches!(row.room, Room::Ready { .. })) {
        return Ok(());
    }
    let workers = workers(tx, now).await?;
    for row in rows.iter_mut().filter(|row| matches!(row.room, Room::Ready { .. })) {
        let job = &mut row.record;
        if !workers.iter().any(|worker| serves(worker, row.namespace_id, job)) {
            job.reason = Some(Reason::NoWorker);
        }
    }
    Ok(())
}

/// Whether a live worker serves the kind of a job.
pub(super) async fn is_served<T: Tx>(
    tx: &mut T,
    row: &JobRow,
    now: Timestamp,
) -> Result<bool, Error> {
    let workers = workers(tx, now).await?;
    Ok(workers.iter().any(|worker| serves(worker, row.namespace_id, &row.record)))
}

fn serves(worker: &ServingWorker, namespace_id: i64, job: &JobRecord) -> bool {
    worker.namespace_id.is_none_or(|id| id == namespace_id)
        && named(&worker.queues, &job.queue)
        && named(&worker.kinds, &job.kind)
}

async fn workers<T: Tx>(tx: &mut T, now: Timestamp) -> Result<Vec<ServingWorker>, Error> {
    let lines = |text: String| text.lines().map(ToOwned::to_owned).collect();
    let rows = tx.query(Sql::WorkerList, &[now.as_micros().into()]).await?;
    rows.read(|row| {
        row.int()?;
        Ok(ServingWorker {
            namespace_id: row.opt_int()?,
            name: row.text()?,
            queues: lines(row.text()?),
            kinds: lines(row.text()?),
            slots: row.int()?,
        })
    })
}

/// The statements that together find the states asked for, each with its part of the filter.
fn sources(query: &ListQuery) -> Vec<(Sql, ListFilter)> {
    if let Some(bundle) = query.bundle {
        let mut filter = ListFilter::over("j.id");
        filter.one_of("j.bundle_id", [bundle]);
        if !query.states.is_empty() {
            filter.one_of("j.state", query.states.iter().map(|state| state.code()));
        }
        return vec![(Sql::ListMember, filter)];
    }
    if query.states.is_empty() {
        return vec![(Sql::ListAll, ListFilter::over("j.id"))];
    }
    let mut sources = Vec::new();
    for state in &query.states {
        match state {
            State::Pending => {
                sources.push((Sql::ListReady, ListFilter::over("r.job_id")));
                sources.push((Sql::ListBlocked, ListFilter::over("b.job_id")));
                sources.push((Sql::ListThrottled, ListFilter::over("t.job_id")));
            }
            State::Running => sources.push((Sql::ListRunning, ListFilter::over("l.job_id"))),
            State::Delayed | State::Retrying => {
                let mut filter = ListFilter::over("d.job_id");
                let reasons = Reason::ALL.iter().filter(|reason| reason.is_waiting());
                let reasons = reasons.filter(|reason| reason.waiting_state() == *state);
                filter.one_of("d.reason", reasons.map(|reason| reason.code()));
                sources.push((Sql::ListDelayed, filter));
            }
            State::Completed | State::Failed | State::DeadLetter | State::Cancelled => {
                let mut filter = ListFilter::over("o.job_id");
                filter.one_of("o.state", [state.code()]);
                sources.push((Sql::ListEnded, filter));
            }
        }
    }
    sources
}

/// True when `name` is among `names`, or nothing is asked for.
fn named(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|wanted| wanted == name)
}

fn distinct(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
