//! The verbs about workers that are somewhere else: found, handed jobs, heard, asked to stop.

use std::sync::Arc;

use super::driver::Driver;
use super::sql_store::SqlStore;
use super::types::{
    Claims, KnownWorker, Report, Served, Settled, TakenBy, Taker, WorkerKey, WorkerPage,
};
use super::verb::{self, Prepared};
use super::{Fence, Reply};
use crate::core::random_i64;
use crate::job::{JobId, WorkerId, WorkerRecord, WorkerState};

/// As [`Store`](super::Store), for workers that are somewhere else.
pub(crate) trait WorkerStore {
    fn find_worker(&self, id: WorkerId) -> Reply<'_, Option<KnownWorker>>;
    /// Who holds a job, and under which epoch; none when nobody does.
    fn find_holder(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Option<(WorkerId, i64)>>;
    fn workers(&self, namespace: &Arc<str>, page: WorkerPage) -> Reply<'_, Vec<WorkerRecord>>;
    fn ask_worker(
        &self,
        namespace: &Arc<str>,
        id: WorkerId,
        state: WorkerState,
    ) -> Reply<'_, WorkerRecord>;
    /// Renews workers, by id and nonce, and says how many of them are still alive.
    fn renew_workers(&self, workers: Vec<(i64, i64)>) -> Reply<'_, u64>;
    /// Gives jobs to each in turn, until there are no more: answers those that there was something to look for.
    fn hand_out(
        &self,
        takers: Vec<Taker>,
        served: &Arc<Served>,
        turn: usize,
    ) -> Reply<'_, Vec<(WorkerKey, Claims)>>;
    /// Settles attempts of one worker; `may_pass` when it may have been made for these jobs alone.
    fn report(
        &self,
        namespace: &Arc<str>,
        worker: &WorkerKey,
        items: Vec<Report>,
        may_pass: bool,
    ) -> Reply<'_, Vec<Settled>>;
    /// The number of the attempt that runs under a lease; none when the lease is gone.
    fn holds(&self, fence: &Fence) -> Reply<'_, Option<u32>>;
    fn checkpoints(&self, jobs: Vec<JobId>) -> Reply<'_, Vec<(JobId, Vec<u8>)>>;
}

impl<D: Driver> WorkerStore for SqlStore<D> {
    fn find_worker(&self, id: WorkerId) -> Reply<'_, Option<KnownWorker>> {
        Box::pin(self.driver().read(verb::FindWorker { id }))
    }

    fn find_holder(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Option<(WorkerId, i64)>> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(self.driver().read(verb::FindHolder { namespace, job, shared }))
    }

    fn workers(&self, namespace: &Arc<str>, page: WorkerPage) -> Reply<'_, Vec<WorkerRecord>> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(self.driver().read(verb::ListWorkers { namespace, page, shared }))
    }

    fn ask_worker(
        &self,
        namespace: &Arc<str>,
        id: WorkerId,
        state: WorkerState,
    ) -> Reply<'_, WorkerRecord> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(self.act(verb::AskWorker { namespace, id, state, shared }))
    }

    fn renew_workers(&self, workers: Vec<(i64, i64)>) -> Reply<'_, u64> {
        let now = self.now();
        Box::pin(self.driver().write(verb::RenewWorkers { workers, now }))
    }

    fn hand_out(
        &self,
        takers: Vec<Taker>,
        served: &Arc<Served>,
        turn: usize,
    ) -> Reply<'_, Vec<(WorkerKey, Claims)>> {
        let served = Arc::clone(served);
        Box::pin(async move {
            let now = self.now();
            let mut claims = Vec::with_capacity(takers.len());
            for Taker { by, limit } in takers {
                let (worker, register) = match by {
                    TakenBy::Registered(worker) => (worker, None),
                    TakenBy::Passing(mut worker) => {
                        let id = self.next_id(now).await?.as_i64();
                        worker.nonce = random_i64()?;
                        let name = worker.name.as_str().into();
                        let key = WorkerKey { id, nonce: worker.nonce, name };
                        (key, Some(verb::Register { id, worker, now }))
                    }
                };
                let (served, shared) = (Arc::clone(&served), self.shared());
                claims.push((register, verb::Claim { worker, served, limit, turn, now, shared }));
            }
            self.driver().write(verb::HandOut { takers: claims }).await
        })
    }

    fn report(
        &self,
        namespace: &Arc<str>,
        worker: &WorkerKey,
        items: Vec<Report>,
        may_pass: bool,
    ) -> Reply<'_, Vec<Settled>> {
        let (namespace, worker, now) = (Arc::clone(namespace), worker.clone(), self.now());
        Box::pin(async move {
            let mut follow_ups = Vec::new();
            for (place, item) in items.iter().enumerate() {
                if item.follow_ups.is_empty() {
                    continue;
                }
                let jobs = item.follow_ups.iter().cloned().map(Prepared::new);
                let jobs = jobs.collect::<Result<_, _>>()?;
                let enqueue = self.prepare_enqueue(Arc::clone(&namespace), jobs, true, now).await?;
                follow_ups.push((place, enqueue));
            }
            let shared = self.shared();
            let verb =
                verb::ReportAll { namespace, worker, items, follow_ups, may_pass, now, shared };
            self.driver().write(verb).await
        })
    }

    fn holds(&self, fence: &Fence) -> Reply<'_, Option<u32>> {
        Box::pin(self.driver().read(verb::Holds { fence: fence.clone() }))
    }

    fn checkpoints(&self, jobs: Vec<JobId>) -> Reply<'_, Vec<(JobId, Vec<u8>)>> {
        Box::pin(self.driver().read(verb::ReadCheckpoints { jobs }))
    }
}
