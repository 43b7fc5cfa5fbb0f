//! Reading: one job, its attempts, lists, counts.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Error;
use crate::core::{Reason, State};
use crate::job::{AttemptRecord, JobId, JobRecord, Timestamp};
use crate::store::driver::{Batch, Tx, Verb};
use crate::store::rows::{JobRow, Room, instant};
use crate::store::statements::Sql;
use crate::store::verb::locate;
use crate::store::{Counted, ServingWorker, Shared, Tally};

/// Weight of a read that may come past many rows.
pub(super) const READ_WEIGHT: usize = 1000;

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
        let mut rows = rows(tx, Sql::JobGet, &ids, self.now).await?;
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

/// Reads the workers that are alive.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) now: Timestamp,
}

impl Verb for Serving {
    type Reply = Vec<ServingWorker>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<ServingWorker>, Error> {
        workers(tx, self.now).await
    }
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

/// Reads jobs by id with `sql`, in that order; unknown ones are left out.
pub(super) async fn rows<T: Tx>(
    tx: &mut T,
    sql: Sql,
    ids: &[i64],
    now: Timestamp,
) -> Result<Vec<JobRow>, Error> {
    let mut batch = Batch::with_capacity(1, ids.len());
    for id in ids {
        batch.push([(*id).into()]);
    }
    let mut rows = tx.query_each(sql, &batch).await?.read(JobRow::read)?;
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
    for row in rows {
        tell_unserved(&mut row.record, row.namespace_id, &workers);
    }
    Ok(())
}

/// A job that is ready says so when none of these workers serves its kind.
pub(crate) fn tell_unserved(job: &mut JobRecord, namespace_id: i64, workers: &[ServingWorker]) {
    let is_served = || workers.iter().any(|worker| serves(worker, namespace_id, job));
    if job.reason == Some(Reason::Ready) && !is_served() {
        job.reason = Some(Reason::NoWorker);
    }
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

/// Whether a worker serves the kind of a job.
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

/// True when `name` is among `names`, or nothing is asked for.
pub(super) fn named(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|wanted| wanted == name)
}
