//! How a SQL database stores jobs: checks them, makes sure of what must not wait inside the transaction, and
//! writes them.

use std::sync::Arc;

use super::driver::Driver;
use super::rows::JobRow;
use super::sql_store::SqlStore;
use super::types::{Known, ServingWorker, Stored};
use super::verb::{self, Prepared, tell_unserved};
use super::within::Work;
use crate::Error;
use crate::job::{JobId, JobRecord, NewJob, Timestamp};

impl<D: Driver> SqlStore<D> {
    /// Everything that an enqueue needs and that must not wait inside its transaction: a node number,
    /// and queues and kinds that exist.
    pub(super) async fn prepare_enqueue(
        &self,
        namespace: Arc<str>,
        jobs: Vec<Prepared>,
        atomic: bool,
        now: Timestamp,
    ) -> Result<verb::Enqueue, Error> {
        self.ids().ready(self.driver(), now).await?;
        let ids = jobs.iter().map(|_| self.ids().next(now)).collect::<Result<_, _>>()?;
        self.prepare_as(namespace, (jobs, ids), atomic, now).await
    }

    /// As [`prepare_enqueue`](Self::prepare_enqueue), with ids that were made before.
    pub(super) async fn prepare_as(
        &self,
        namespace: Arc<str>,
        (jobs, ids): (Vec<Prepared>, Vec<JobId>),
        atomic: bool,
        now: Timestamp,
    ) -> Result<verb::Enqueue, Error> {
        let (settings, namespace_id) = self.settings(&namespace, now).await?;
        self.make_known(namespace_id, jobs.iter().map(Prepared::names)).await?;
        let shared = self.shared();
        let pair = |names: (&str, &str)| shared.catalog.pair(namespace_id, names.0, names.1);
        let pairs = jobs.iter().map(|job| pair(job.names())).collect::<Result<_, _>>()?;
        let uniques = verb::uniques(namespace_id, &jobs)?;
        Ok(verb::Enqueue {
            jobs,
            namespace_id,
            atomic,
            now,
            settings,
            admits: true,
            uniques,
            pairs,
            ids,
        })
    }

    /// Makes sure that these queues, each with a kind, have ids and are where claims look.
    pub(super) async fn make_known<'a>(
        &self,
        namespace_id: i64,
        names: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Error> {
        let shared = self.shared();
        let unknown = shared.catalog.unknown(namespace_id, names);
        if !unknown.is_empty() {
            self.driver().write(verb::MakeKnown { namespace_id, unknown, shared }).await?;
        }
        Ok(())
    }

    /// Stores jobs. With `knows`, the answers have those that are known without a look at the database.
    pub(super) async fn store_jobs(
        &self,
        namespace: Arc<str>,
        jobs: Vec<NewJob>,
        atomic: bool,
        knows: bool,
    ) -> Result<Vec<Result<Known, Error>>, Error> {
        let (good, refused) = checked(jobs);
        if atomic && !refused.is_empty() {
            return Err(all_refused(refused));
        }
        let now = self.now();
        let mut replies = if good.is_empty() {
            Vec::new()
        } else {
            let verb = self.prepare_enqueue(Arc::clone(&namespace), good, atomic, now).await?;
            let records = if knows { self.records(&verb, &namespace).await } else { Vec::new() };
            let write = self.effect(verb);
            #[cfg(feature = "testing")]
            let write = self.driver().shared().faults.around(write);
            known(write.await?, records)
        };
        for (index, error) in refused {
            replies.insert(index, Err(error));
        }
        Ok(replies)
    }

    /// The jobs as they will be stored; none where nobody knows without a look.
    async fn records(&self, verb: &verb::Enqueue, namespace: &str) -> Vec<Option<Box<JobRecord>>> {
        // Whoever asked is told after another look then.
        let Ok(workers) = self.serving(verb.now).await else { return Vec::new() };
        verb.records(namespace, &workers)
    }

    /// A job that was just changed, as it is read: whether it is served is at most a moment old.
    pub(super) async fn told(&self, row: JobRow) -> JobRecord {
        let mut job = row.record;
        // Whoever cannot learn of the workers is told what stands in the database.
        if let Ok(workers) = self.serving(self.now()).await {
            tell_unserved(&mut job, row.namespace_id, &workers);
        }
        job
    }

    /// The live workers, at most a moment behind what other processes have changed.
    async fn serving(&self, now: Timestamp) -> Result<Arc<Vec<ServingWorker>>, Error> {
        let look = match self.shared().serving.recent(now) {
            Ok(workers) => return Ok(workers),
            Err(look) => look,
        };
        let workers = Arc::new(self.driver().read(verb::Serving { now }).await?);
        self.shared().serving.learn(look, now, &workers);
        Ok(workers)
    }

    /// Jobs for a transaction of the application.
    pub(super) async fn enlist_jobs(
        &self,
        namespace: Arc<str>,
        jobs: Vec<NewJob>,
    ) -> Result<Work, Error> {
        let (good, refused) = checked(jobs);
        if !refused.is_empty() {
            return Err(all_refused(refused));
        }
        let dialect = self.driver().dialect();
        let now = self.now();
        if dialect.is_embedded() {
            let (shared, ids) = (self.shared(), Arc::clone(self.ids()));
            let verb = verb::EnqueueHere { jobs: good, namespace, now, shared, ids };
            return Ok(Work::enqueue_here(dialect, verb).observed_by(&self.shared().watching));
        }
        let verb = self.prepare_enqueue(namespace, good, true, now).await?;
        Ok(Work::enqueue(dialect, verb).observed_by(&self.shared().watching))
    }
}

/// Puts what the new jobs are beside the answers.
fn known(
    replies: Vec<Result<Stored, Error>>,
    records: Vec<Option<Box<JobRecord>>>,
) -> Vec<Result<Known, Error>> {
    let records = records.into_iter().chain(std::iter::repeat_with(|| None));
    let each = replies.into_iter().zip(records).map(|(reply, record)| {
        let stored = reply?;
        Ok((stored, record.filter(|record| record.id == stored.id)))
    });
    each.collect()
}

/// The jobs that can be stored, and why the others cannot, each with its place.
fn checked(jobs: Vec<NewJob>) -> (Vec<Prepared>, Vec<(usize, Error)>) {
    let mut refused = Vec::new();
    let mut good = Vec::with_capacity(jobs.len());
    for (index, job) in jobs.into_iter().enumerate() {
        match Prepared::new(job) {
            Ok(prepared) => good.push(prepared),
            Err(error) => refused.push((index, error)),
        }
    }
    (good, refused)
}

/// One error out of those of several jobs, each under its place in the batch.
fn all_refused(refused: Vec<(usize, Error)>) -> Error {
    let mut all = Vec::new();
    for (index, error) in refused {
        match error {
            Error::Invalid(broken) => {
                let prefix = format!("/jobs/{index}");
                all.extend(broken.into_iter().map(|field| field.under(&prefix)));
            }
            other => return other,
        }
    }
    Error::Invalid(all)
}
