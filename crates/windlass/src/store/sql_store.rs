//! The store over any SQL database: makes verbs, hands them to the driver.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::driver::Driver;
use super::ids::Ids;
use super::list_query::ListQuery;
use super::settings::Settings;
use super::types::{
    Beat, Claims, Counted, Known, Listed, NewWorker, ProgressNote, Promoted, RetryOptions, Served,
    Settled, Stored, WorkerKey,
};
use super::verb::{self, Prepared};
use super::within::Work;
use super::{Reply, Shared, Store};
use crate::Error;
use crate::core::Settlement;
use crate::job::{AttemptRecord, Explanation, JobId, JobRecord, JobRef, NewJob, Timestamp};
use crate::runtime::{Clock, Signals};

/// How often a wait for the end of a job looks again although nothing was announced.
const WAIT_POLL: Duration = Duration::from_secs(1);

/// [`Store`] over a driver.
#[derive(Debug)]
pub(crate) struct SqlStore<D> {
    driver: D,
    clock: Clock,
    ids: Arc<Ids>,
}

impl<D: Driver> SqlStore<D> {
    pub(crate) fn new(driver: D, clock: Clock) -> Result<Self, Error> {
        let holder = crate::core::random_i64()?;
        driver.shared().watching.start(&clock);
        Ok(Self { driver, clock, ids: Arc::new(Ids::new(holder)) })
    }

    /// The id of a namespace, at most a moment behind what other processes have changed.
    pub(super) async fn namespace_id(&self, namespace: &str) -> Result<i64, Error> {
        Ok(self.settings(namespace, self.now()).await?.1)
    }

    /// Settings, at most a moment behind what other processes have changed, and the id of a namespace.
    pub(super) async fn settings(
        &self,
        namespace: &str,
        now: Timestamp,
    ) -> Result<(Arc<Settings>, i64), Error> {
        let shared = self.shared();
        if let Some(settings) = shared.settings.recent(now)
            && let Some(id) = settings.namespace(namespace)
        {
            return Ok((settings, id));
        }
        let settings = self.driver.read(verb::ReadSettings { shared: Arc::clone(&shared) }).await?;
        shared.settings.learn(&settings);
        match settings.namespace(namespace) {
            Some(id) => Ok((settings, id)),
            None => Err(Error::not_found(format!("namespace `{namespace}`"))),
        }
    }

    /// Relays letters of one namespace; returns those it has to refuse.
    async fn relay_some(
        &self,
        namespace: Arc<str>,
        letters: Vec<(i64, Prepared)>,
    ) -> Result<Vec<(i64, String)>, Error> {
        let (ids, jobs): (Vec<i64>, Vec<Prepared>) = letters.into_iter().unzip();
        let prepared = self.prepare_enqueue(namespace, jobs, false, self.clock.now()).await;
        let enqueue = match prepared {
            // The application's commit has accepted them: a full queue refuses them no more.
            Ok(enqueue) => verb::Enqueue { admits: false, ..enqueue },
            Err(error @ Error::NotFound { .. }) => {
                return Ok(ids.into_iter().map(|id| (id, error.to_string())).collect());
            }
            Err(error) => return Err(error),
        };
        match self.driver.write(verb::Relay { ids, enqueue }).await {
            // Another node relays the same rows.
            Err(error) if error.is_moved() => Ok(Vec::new()),
            done => done.map(|_| Vec::new()),
        }
    }

    /// An id for something new.
    pub(super) async fn next_id(&self, now: Timestamp) -> Result<JobId, Error> {
        self.ids.ready(&self.driver, now).await?;
        self.ids.next(now)
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(self.driver.shared())
    }

    pub(super) const fn driver(&self) -> &D {
        &self.driver
    }

    pub(super) const fn ids(&self) -> &Arc<Ids> {
        &self.ids
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl<D: Driver> Store for SqlStore<D> {
    fn enqueue(
        &self,
        namespace: &Arc<str>,
        jobs: Vec<NewJob>,
        atomic: bool,
    ) -> Reply<'_, Vec<Result<Stored, Error>>> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            let known = self.store_jobs(namespace, jobs, atomic, false).await?;
            Ok(known.into_iter().map(|reply| reply.map(|(stored, _)| stored)).collect())
        })
    }

    fn enqueue_known(
        &self,
        namespace: &Arc<str>,
        jobs: Vec<NewJob>,
        atomic: bool,
    ) -> Reply<'_, Vec<Result<Known, Error>>> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.store_jobs(namespace, jobs, atomic, true).await })
    }

    fn enlist_enqueue(&self, namespace: &Arc<str>, jobs: Vec<NewJob>) -> Reply<'_, Work> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.enlist_jobs(namespace, jobs).await })
    }

    fn enlist_settle(&self, worker: &WorkerKey, item: Settlement) -> Result<Work, Error> {
        let (items, follow_ups) = (vec![item], Vec::new());
        let (worker, now) = (worker.clone(), self.clock.now());
        let verb = verb::Settle { worker, items, follow_ups, now };
        Ok(Work::settle(self.driver.dialect(), verb).observed_by(&self.shared().watching))
    }

    fn register(&self, worker: NewWorker) -> Reply<'_, i64> {
        Box::pin(async move {
            let now = self.clock.now();
            let id = self.next_id(now).await?.as_i64();
            let registered = self.driver.write(verb::Register { id, worker, now }).await;
            self.driver.shared().serving.forget();
            registered
        })
    }

    fn claim(
        &self,
        worker: &WorkerKey,
        served: &Arc<Served>,
        limit: usize,
        turn: usize,
    ) -> Reply<'_, Claims> {
        Box::pin(self.driver.write(verb::Claim {
            worker: worker.clone(),
            served: Arc::clone(served),
            limit,
            turn,
            now: self.clock.now(),
            shared: self.shared(),
        }))
    }

    fn settle(&self, worker: &WorkerKey, items: Vec<Settlement>) -> Reply<'_, Vec<Settled>> {
        let (worker, now) = (worker.clone(), self.clock.now());
        Box::pin(async move {
            let mut follow_ups = Vec::new();
            for (place, item) in items.iter().enumerate() {
                let Some(asked) = item.follow_ups.clone() else { continue };
                let jobs = asked.jobs.into_iter().map(Prepared::new).collect::<Result<_, _>>()?;
                let enqueue = self.prepare_enqueue(asked.namespace, jobs, true, now).await?;
                follow_ups.push((place, enqueue));
            }
            self.driver.write(verb::Settle { worker, items, follow_ups, now }).await
        })
    }

    fn heartbeat(&self, worker: &WorkerKey, renew: Option<Duration>) -> Reply<'_, Beat> {
        let now = self.clock.now();
        let renew_until = renew.map(|lease| now + lease);
        let verb = verb::Heartbeat { worker: worker.clone(), renew_until, now };
        if renew.is_some() {
            Box::pin(self.driver.write(verb))
        } else {
            Box::pin(self.driver.read(verb))
        }
    }

    fn progress(&self, worker: &WorkerKey, notes: Vec<ProgressNote>) -> Reply<'_, ()> {
        let verb = verb::Progress { worker: worker.clone(), notes, now: self.clock.now() };
        Box::pin(self.driver.write(verb))
    }

    fn leave(&self, worker: &WorkerKey, only: Option<Vec<(JobId, i64)>>) -> Reply<'_, usize> {
        let verb = verb::Leave { worker: worker.clone(), only, now: self.clock.now() };
        Box::pin(async move {
            let left = self.driver.write(verb).await;
            self.driver.shared().serving.forget();
            left
        })
    }

    fn promote(&self, limit: usize) -> Reply<'_, Promoted> {
        Box::pin(async move {
            let now = self.clock.now();
            self.ids.ready(&self.driver, now).await?;
            let (ids, shared) = (Arc::clone(&self.ids), self.shared());
            self.driver.write(verb::Promote { limit, now, ids, shared }).await
        })
    }

    fn has_lapsed(&self) -> Reply<'_, bool> {
        Box::pin(self.driver.read(verb::HasLapsed { now: self.clock.now() }))
    }

    fn rescue(&self, limit: usize) -> Reply<'_, usize> {
        Box::pin(self.driver.write(verb::Rescue { limit, now: self.clock.now() }))
    }

    fn expire(&self, limit: usize) -> Reply<'_, usize> {
        Box::pin(self.driver.write(verb::Expire { limit, now: self.clock.now() }))
    }

    fn resolve(&self, parents: Vec<JobId>, after: i64, limit: usize) -> Reply<'_, super::Resolved> {
        let now = self.clock.now();
        let shared = self.shared();
        Box::pin(self.driver.write(verb::Resolve { parents, after, limit, now, shared }))
    }

    fn explain(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Explanation> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.clock.now(), self.shared());
        Box::pin(self.driver.read(verb::Explain { namespace, job, now, shared }))
    }

    fn dependents(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Vec<JobId>> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(self.driver.read(verb::Dependents { namespace, job, shared }))
    }

    fn edges(&self) -> &super::edges::Edges {
        &self.driver.shared().edges
    }

    fn slots(&self) -> &super::edges::Edges {
        &self.driver.shared().slots
    }

    fn lines(&self) -> &super::edges::Lines {
        &self.driver.shared().lines
    }

    fn relay(&self, limit: usize) -> Reply<'_, usize> {
        Box::pin(async move {
            let letters = self.driver.read(verb::Peek { limit }).await?;
            let count = letters.len();
            let mut refused = Vec::new();
            let mut good: BTreeMap<Arc<str>, Vec<(i64, Prepared)>> = BTreeMap::new();
            for verb::Letter { id, namespace, job } in letters {
                match job.and_then(|job| Prepared::new(job).map_err(|error| error.to_string())) {
                    Ok(prepared) => good.entry(namespace).or_default().push((id, prepared)),
                    Err(reason) => refused.push((id, reason)),
                }
            }
            for (namespace, letters) in good {
                refused.extend(self.relay_some(namespace, letters).await?);
            }
            if !refused.is_empty() {
                self.driver.write(verb::Refuse { letters: refused }).await?;
            }
            Ok(count)
        })
    }

    fn fold(&self, limit: usize) -> Reply<'_, usize> {
        Box::pin(async move {
            if !D::FOLDS {
                return Ok(0);
            }
            self.driver.write(verb::Fold { limit }).await
        })
    }

    fn cancel(
        &self,
        namespace: &Arc<str>,
        job: JobRef,
        reason: Option<String>,
        force: bool,
    ) -> Reply<'_, JobRecord> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.clock.now(), self.shared());
        let JobRef { id: job, version } = job;
        let verb = verb::Cancel { namespace, job, version, reason, force, now, shared };
        Box::pin(self.act(verb))
    }

    fn retry(
        &self,
        namespace: &Arc<str>,
        job: JobRef,
        options: RetryOptions,
    ) -> Reply<'_, JobRecord> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            let now = self.clock.now();
            self.ids.ready(&self.driver, now).await?;
            let (shared, ids) = (self.shared(), Arc::clone(&self.ids));
            let JobRef { id: job, version } = job;
            let verb = verb::Retry { namespace, job, version, options, now, shared, ids };
            Ok(self.told(self.act(verb).await?).await)
        })
    }

    fn delete(&self, namespace: &Arc<str>, job: JobRef, force: bool) -> Reply<'_, ()> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.clock.now(), self.shared());
        let JobRef { id: job, version } = job;
        Box::pin(self.act(verb::Delete { namespace, job, version, force, now, shared }))
    }

    fn get(&self, namespace: &Arc<str>, jobs: Vec<JobId>) -> Reply<'_, Vec<JobRecord>> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.clock.now(), self.shared());
        Box::pin(self.driver.read(verb::Get { namespace, jobs, now, shared }))
    }

    fn attempts(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Vec<AttemptRecord>> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(self.driver.read(verb::Attempts { namespace, job, shared }))
    }

    fn list(&self, namespace: &Arc<str>, query: ListQuery) -> Reply<'_, Listed> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.clock.now(), self.shared());
        let clock = self.clock.clone();
        Box::pin(self.driver.read(verb::List { namespace, query, now, clock, shared }))
    }

    fn stats(&self, namespace: &Arc<str>) -> Reply<'_, Counted> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.clock.now(), self.shared());
        Box::pin(self.driver.read(verb::Stats { namespace, now, shared }))
    }

    fn verify(&self) -> Reply<'_, Vec<String>> {
        Box::pin(async move {
            let mut found = self.driver.check_files().await?;
            found.extend(
                self.driver
                    .read(verb::Verify { now: self.clock.now(), shared: self.shared() })
                    .await?,
            );
            Ok(found)
        })
    }

    fn await_end(
        &self,
        _: &Arc<str>,
        _: JobId,
        at_most: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.clock.sleep(at_most.min(WAIT_POLL)))
    }

    fn is_watched(&self) -> bool {
        D::IS_WATCHED
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn signals(&self) -> &Signals {
        &self.driver.shared().signals
    }

    #[cfg(feature = "testing")]
    fn faults(&self) -> &super::TestFaults {
        &self.driver.shared().faults
    }

    fn failed(&self) -> &CancellationToken {
        self.driver.failed()
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            self.ids.release(&self.driver).await;
            self.driver.close().await;
        })
    }
}
