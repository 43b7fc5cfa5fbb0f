//! Workers: they register, renew all their leases at once, tell progress, and leave.

use crate::Error;
use crate::core::settle;
use crate::job::{Ending, EventName, JobId, Timestamp, WORKERS_MAX, WorkerState};
use crate::store::driver::{Batch, Lane, Row, Tx, Verb, Waits};
use crate::store::notes::Note;
use crate::store::statements::Sql;
use crate::store::verb::apply::{Fenced, HeldLease, apply};
use crate::store::verb::enqueue::json_text;
use crate::store::{Beat, HeldBy, NewWorker, ProgressNote, WorkerKey, WorkerOrigin};

/// Leases released in one transaction of [`Leave`].
const RELEASE_MAX: i64 = 1000;

/// Registers a worker process.
#[derive(Debug)]
pub(crate) struct Register {
    pub(crate) id: i64,
    pub(crate) worker: NewWorker,
    pub(crate) now: Timestamp,
}

impl Verb for Register {
    type Reply = i64;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<i64, Error> {
        let worker = &self.worker;
        if worker.origin == WorkerOrigin::Remote {
            refuse_too_many(tx).await?;
        }
        let namespace_id = match &worker.namespace {
            None => None,
            Some(name) => {
                let rows = tx.query(Sql::NamespaceGet, &[name.as_str().into()]).await?;
                let id = rows.first_int()?;
                Some(id.ok_or_else(|| Error::not_found(format!("namespace `{name}`")))?)
            }
        };
        let lease_ms = i64::try_from(worker.lease.as_millis()).unwrap_or(i64::MAX);
        let slots = i64::try_from(worker.slots).unwrap_or(i64::MAX);
        let (queues, kinds) = (worker.queues.join("\n"), worker.kinds.join("\n"));
        let labels = (!worker.labels.is_empty()).then(|| json_text(&worker.labels)).transpose()?;
        let params = [
            self.id.into(),
            worker.nonce.into(),
            namespace_id.into(),
            worker.name.as_str().into(),
            queues.as_str().into(),
            kinds.as_str().into(),
            slots.into(),
            lease_ms.into(),
            self.now.as_micros().into(),
            (self.now + worker.lease).as_micros().into(),
            labels.as_deref().into(),
            worker.version.as_deref().into(),
            worker.origin.code().into(),
        ];
        tx.execute(Sql::WorkerInsert, &params).await?;
        tx.effects().note(|| {
            let data = worker_data(self.id, &worker.name);
            Note::of(EventName::WorkerJoined, namespace_id, &data)
        });
        Ok(self.id)
    }

    async fn landed<T: Tx>(&self, id: &i64, tx: &mut T) -> Result<bool, Error> {
        Ok(!tx.query(Sql::WorkerNonce, &[(*id).into()]).await?.is_empty())
    }
}

/// An endless loop of registrations must not fill the database.
async fn refuse_too_many<T: Tx>(tx: &mut T) -> Result<(), Error> {
    let most = i64::try_from(WORKERS_MAX).unwrap_or(i64::MAX);
    match tx.query(Sql::WorkerCount, &[most.into()]).await?.first_int()? {
        Some(known) if known >= most => Err(Error::Full {
            message: format!(
                "there are {most} workers already (one that is silent goes within an hour)"
            ),
        }),
        _ => Ok(()),
    }
}

/// Renews a worker, and with it every lease it holds.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    pub(crate) worker: WorkerKey,
    /// None only asks what the database knows.
    pub(crate) renew_until: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

impl Verb for Heartbeat {
    type Reply = Beat;

    const LANE: Lane = Lane::Heartbeat;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Beat, Error> {
        let worker = &self.worker;
        let alive = match self.renew_until {
            Some(until) => {
                let params = [
                    worker.id.into(),
                    worker.nonce.into(),
                    self.now.as_micros().into(),
                    until.as_micros().into(),
                ];
                tx.execute(Sql::WorkerRenew, &params).await? == 1
            }
            None => true,
        };
        let rows = tx.query(Sql::LeaseHeld, &[worker.id.into()]).await?;
        let mut beat = Beat { alive, asked: WorkerState::Run, leases: Vec::new() };
        for (asked, lease) in rows.read(read_held)? {
            beat.asked = asked;
            beat.leases.extend(lease);
        }
        Ok(beat)
    }
}

/// What the worker is asked, and a lease if it holds any.
fn read_held(row: &mut Row<'_>) -> Result<(WorkerState, Option<HeldBy>), Error> {
    let asked = WorkerState::from_code(row.int()?);
    let (job, epoch) = (row.opt_int()?, row.opt_int()?);
    let cancelling = row.opt_int()?.is_some();
    let (Some(job), Some(epoch), Some(claimed_at)) = (job, epoch, row.opt_int()?) else {
        return Ok((asked, None));
    };
    let (job, claimed_at) = (JobId::from_i64(job), Timestamp::from_micros(claimed_at));
    Ok((asked, Some(HeldBy { job, epoch, cancelling, claimed_at })))
}

/// Keeps the progress of running jobs, each only while its lease stands.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) worker: WorkerKey,
    pub(crate) notes: Vec<ProgressNote>,
    pub(crate) now: Timestamp,
}

impl Verb for Progress {
    type Reply = ();

    const LANE: Lane = Lane::Settle;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let mut batch = Batch::with_capacity(6, self.notes.len());
        let mut notes: Vec<&ProgressNote> = self.notes.iter().collect();
        notes.sort_by_key(|note| note.job);
        for note in notes {
            batch.push([
                note.job.as_i64().into(),
                note.epoch.into(),
                self.worker.id.into(),
                note.thousandths.into(),
                note.message.as_deref().into(),
                self.now.as_micros().into(),
            ]);
        }
        let kept = tx.execute_each(Sql::ProgressPut, &batch).await?;
        for note in self.notes.iter().filter(|_| kept > 0) {
            tx.effects().note(|| Note::of_job_alone(EventName::JobProgress, note.job));
        }
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::of_jobs(self.notes.iter().map(|note| note.job))
    }
}

/// Gives back what a worker still holds, uncounted.
#[derive(Debug)]
pub(crate) struct Leave {
    pub(crate) worker: WorkerKey,
    /// These leases only, by job and epoch; none means all, and that the worker is to be forgotten.
    pub(crate) only: Option<Vec<(JobId, i64)>>,
    pub(crate) now: Timestamp,
}

impl Verb for Leave {
    type Reply = usize;

    const LANE: Lane = Lane::Settle;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<usize, Error> {
        let rows = tx.query(Sql::WorkerNonce, &[self.worker.id.into()]).await?;
        if rows.first_int()?.is_some_and(|nonce| nonce != self.worker.nonce) {
            return Ok(0);
        }
        match &self.only {
            Some(leases) => self.release_some(tx, leases).await,
            None => self.release_all(tx).await,
        }
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

impl Leave {
    async fn release_some<T: Tx>(
        &self,
        tx: &mut T,
        leases: &[(JobId, i64)],
    ) -> Result<usize, Error> {
        let mut batch = Batch::with_capacity(2, leases.len());
        for (job, epoch) in leases {
            batch.push([job.as_i64().into(), (*epoch).into()]);
        }
        let held = tx.query_each(Sql::LeaseGet, &batch).await?.read(HeldLease::read)?;
        self.release(tx, &held).await
    }

    async fn release_all<T: Tx>(&self, tx: &mut T) -> Result<usize, Error> {
        let mut released = 0;
        loop {
            let params = [self.worker.id.into(), RELEASE_MAX.into()];
            let rows = tx.query(Sql::LeaseOfWorker, &params).await?;
            let held = rows.read(HeldLease::read)?;
            if held.is_empty() {
                break;
            }
            released += self.release(tx, &held).await?;
        }
        let params = [self.worker.id.into(), self.worker.nonce.into()];
        if tx.effects().is_observed() {
            self.tell(tx).await?;
        }
        tx.execute(Sql::WorkerRemove, &params).await?;
        Ok(released)
    }

    /// Tells observers that it goes, unless it is gone.
    async fn tell<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        let rows = tx.query(Sql::WorkerNamespace, &[self.worker.id.into()]).await?;
        if let Some(namespace_id) = rows.first(|row: &mut Row<'_>| Row::opt_int(row))? {
            let data = worker_data(self.worker.id, &self.worker.name);
            tx.effects().note(|| Note::of(EventName::WorkerLeft, namespace_id, &data));
        }
        Ok(())
    }

    async fn release<T: Tx>(&self, tx: &mut T, held: &[HeldLease]) -> Result<usize, Error> {
        let items = held.iter().map(|lease| Fenced {
            settlement: settle(&lease.run, Ending::Release, self.now, 0.0),
            worker_id: self.worker.id,
            worker: &lease.worker,
        });
        Ok(apply(tx, items.collect(), self.now).await?.len())
    }
}

/// What observers are told of a worker.
pub(super) fn worker_data(id: i64, name: &str) -> serde_json::Value {
    serde_json::json!({ "worker_id": id.to_string(), "worker": name })
}
