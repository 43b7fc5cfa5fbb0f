//! Workers as things: found, listed, renewed together, asked to stop.

use std::sync::Arc;

use crate::Error;
use crate::job::{Act, JobId, Timestamp, WorkerId, WorkerRecord, WorkerState};
use crate::store::driver::{Batch, Lane, Row, Tx, Verb, Waits};
use crate::store::rows::{Room, read_json, read_millis};
use crate::store::statements::Sql;
use crate::store::verb::apply::HeldLease;
use crate::store::verb::locate;
use crate::store::{Fence, KnownWorker, Shared, WorkerKey, WorkerOrigin, WorkerPage};

/// Reads one worker.
#[derive(Debug)]
pub(crate) struct FindWorker {
    pub(crate) id: WorkerId,
}

impl Verb for FindWorker {
    type Reply = Option<KnownWorker>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Option<KnownWorker>, Error> {
        let id = self.id.as_i64();
        tx.query(Sql::WorkerGet, &[id.into()]).await?.first(|row| {
            let (nonce, namespace) = (row.int()?, row.opt_text()?);
            let name: Arc<str> = row.text()?.into();
            Ok(KnownWorker {
                key: WorkerKey { id, nonce, name },
                namespace,
                queues: lines(row)?,
                kinds: lines(row)?,
                lease: read_millis(row)?,
                expires_at: Timestamp::from_micros(row.int()?),
                origin: WorkerOrigin::from_code(row.int()?),
            })
        })
    }
}

/// Reads who holds a job of a namespace: worker and epoch.
#[derive(Debug)]
pub(crate) struct FindHolder {
    pub(crate) namespace: Arc<str>,
    pub(crate) job: JobId,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for FindHolder {
    type Reply = Option<(WorkerId, i64)>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        Ok(match locate(tx, namespace_id, self.job).await?.room {
            Room::Lease { worker_id, counts, .. } => {
                Some((WorkerId::from_i64(worker_id), counts.epoch))
            }
            Room::Ready { .. }
            | Room::Delayed { .. }
            | Room::Blocked { .. }
            | Room::Throttled { .. }
            | Room::Ended { .. } => None,
        })
    }
}

/// Reads workers that serve a namespace, the latest first.
#[derive(Debug)]
pub(crate) struct ListWorkers {
    pub(crate) namespace: Arc<str>,
    pub(crate) page: WorkerPage,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for ListWorkers {
    type Reply = Vec<WorkerRecord>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<WorkerRecord>, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        list(tx, (&self.namespace, namespace_id), self.page).await
    }
}

async fn list<T: Tx>(
    tx: &mut T,
    (namespace, namespace_id): (&str, i64),
    page: WorkerPage,
) -> Result<Vec<WorkerRecord>, Error> {
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let params = [namespace_id.into(), page.before.into(), limit.into()];
    let rows = tx.query(Sql::WorkerPage, &params).await?;
    rows.read(|row| {
        let id = WorkerId::from_i64(row.int()?);
        let namespace = row.opt_int()?.map(|_| namespace.to_owned());
        Ok(WorkerRecord {
            id,
            namespace,
            name: row.text()?,
            queues: lines(row)?,
            kinds: lines(row)?,
            concurrency: u64::try_from(row.int()?).unwrap_or_default(),
            lease: read_millis(row)?,
            started_at: Timestamp::from_micros(row.int()?),
            expires_at: Timestamp::from_micros(row.int()?),
            labels: read_json(row)?,
            version: row.opt_text()?,
            is_remote: WorkerOrigin::from_code(row.int()?) == WorkerOrigin::Remote,
            state: WorkerState::from_code(row.int()?),
            leases: u64::try_from(row.int()?).unwrap_or_default(),
        })
    })
}

/// Names as a worker's row holds them.
fn lines(row: &mut Row<'_>) -> Result<Vec<String>, Error> {
    Ok(row.text()?.lines().map(ToOwned::to_owned).collect())
}

/// Asks a worker to be quiet or to terminate; it learns it with its next heartbeat.
#[derive(Debug)]
pub(crate) struct AskWorker {
    pub(crate) namespace: Arc<str>,
    pub(crate) id: WorkerId,
    pub(crate) state: WorkerState,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for AskWorker {
    type Reply = WorkerRecord;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<WorkerRecord, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let page = WorkerPage { before: self.id.as_i64().saturating_add(1), limit: 1 };
        let found = list(tx, (&self.namespace, namespace_id), page).await?.pop();
        let Some(worker) = found.filter(|worker| worker.id == self.id) else {
            return Err(Error::not_found(format!("worker {}", self.id)));
        };
        let params = [self.id.as_i64().into(), self.state.code().into()];
        tx.execute(Sql::WorkerAsk, &params).await?;
        tx.effects().cancelling();
        Ok(WorkerRecord { state: self.state, ..worker })
    }

    fn act(&self) -> Option<Act> {
        let action = match self.state {
            WorkerState::Run => return None,
            WorkerState::Quiet => "worker.quiet",
            WorkerState::Terminate => "worker.terminate",
        };
        Some(Act::new(&self.namespace, action, self.id.to_string()))
    }
}

/// Renews workers, each for the length of its own lease, and says how many of them are still alive.
#[derive(Debug)]
pub(crate) struct RenewWorkers {
    /// Ids and nonces.
    pub(crate) workers: Vec<(i64, i64)>,
    pub(crate) now: Timestamp,
}

impl Verb for RenewWorkers {
    type Reply = u64;

    const LANE: Lane = Lane::Heartbeat;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<u64, Error> {
        let mut workers = self.workers.clone();
        workers.sort_unstable();
        let mut batch = Batch::with_capacity(3, workers.len());
        for (id, nonce) in workers {
            batch.push([id.into(), nonce.into(), self.now.as_micros().into()]);
        }
        tx.execute_each(Sql::WorkersRenew, &batch).await
    }

    fn weight(&self) -> usize {
        self.workers.len()
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// The number of the attempt that runs under a lease; none when the lease is gone.
#[derive(Debug)]
pub(crate) struct Holds {
    pub(crate) fence: Fence,
}

impl Verb for Holds {
    type Reply = Option<u32>;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Option<u32>, Error> {
        let lease = [self.fence.job.as_i64().into(), self.fence.epoch.into()];
        let lease = tx.query(Sql::LeaseGet, &lease).await?.first(HeldLease::read)?;
        let ours = lease.filter(|lease| lease.worker_id == self.fence.worker.id);
        Ok(ours.map(|lease| lease.run.counts.attempt))
    }
}
