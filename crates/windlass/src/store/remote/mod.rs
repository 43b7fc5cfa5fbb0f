//! The store behind a server: the verbs of clients and workers as requests of its API.
//!
//! Invariant: what a server does not offer is refused by name; nothing is done by halves.

mod bundles;
mod client;
mod jobs;
mod queues;
mod refused;
mod wire;
mod work;

pub use client::{ServerAccess, http_client};

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use self::wire::Wire;
use self::work::Held;
use super::{
    Beat, Claims, Counted, Fence, HandlerStore, ListQuery, Listed, LogNote, NewWorker, Part,
    ProgressNote, Promoted, Reply, Resolved, RetryOptions, Saved, Served, Settled, Shared, Store,
    Stored, WorkerKey, edges, within,
};
use crate::Error;
use crate::core::Settlement;
use crate::job::{AttemptRecord, Explanation, JobId, JobRecord, JobRef, LogLine, NewJob};
use crate::protocol::json_or_base64;
use crate::runtime::{Clock, Signals};

/// A server.
#[derive(Debug)]
pub(crate) struct RemoteStore {
    wire: Wire,
    clock: Clock,
    shared: Arc<Shared>,
    held: Held,
    /// The namespace of each worker registered here.
    workers: Mutex<HashMap<i64, Arc<str>>>,
    /// The storage is the server's, and so are its failures.
    failed: CancellationToken,
}

impl RemoteStore {
    pub(crate) fn open(url: &str, access: &ServerAccess, clock: Clock) -> Result<Self, Error> {
        Ok(Self {
            wire: Wire::open(url, access)?,
            clock,
            shared: Arc::default(),
            held: Held::default(),
            workers: Mutex::default(),
            failed: CancellationToken::new(),
        })
    }

    fn workers(&self) -> MutexGuard<'_, HashMap<i64, Arc<str>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn namespace_of(&self, worker: i64) -> Arc<str> {
        self.workers().get(&worker).cloned().unwrap_or_else(|| "default".into())
    }
}

fn refused<'a, T: 'a>(what: &'static str) -> Reply<'a, T> {
    Box::pin(async move { Err(Error::unsupported(what)) })
}

#[derive(Debug, Serialize)]
struct Checkpoint<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

impl HandlerStore for RemoteStore {
    fn save(&self, fence: &Fence, part: Part, item: Saved) -> Reply<'_, bool> {
        if part != Part::Checkpoint {
            return refused("a durable step");
        }
        let (job, held) = (fence.job, self.held.of(fence.job, Some(fence.epoch)));
        Box::pin(async move {
            let Some(held) = held else { return Ok(false) };
            let (data, data_base64) = json_or_base64(item.data.as_deref());
            let body = Checkpoint { token: &held.token, data, data_base64 };
            let path = format!("jobs/{job}/checkpoint");
            let request = self.wire.request(Method::PUT, &held.namespace, &path).json(&body);
            match self.wire.send(request).await {
                Err(error) if error.is_lease_lost() => Ok(false),
                Err(error) => Err(error.error()),
                Ok(_) => {
                    self.held.keep(job, item.data);
                    Ok(true)
                }
            }
        })
    }

    /// A handler's own checkpoint came with its claim.
    fn saved(&self, namespace: Option<&Arc<str>>, job: JobId, part: Part) -> Reply<'_, Vec<Saved>> {
        if part != Part::Checkpoint {
            return refused("a durable step");
        }
        if namespace.is_some() {
            return refused("the checkpoint of a job that is not held");
        }
        let data = self.held.of(job, None).and_then(|held| held.checkpoint);
        let saved = data.map(|data| Saved { data: Some(data), ..Saved::default() });
        Box::pin(std::future::ready(Ok(saved.into_iter().collect())))
    }

    fn add_lines(&self, _: &WorkerKey, notes: Vec<LogNote>) -> Reply<'_, ()> {
        Box::pin(self.log_lines(notes))
    }

    fn log(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Vec<LogLine>> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.read_log(&namespace, job).await })
    }

    fn signal(
        &self,
        namespace: &Arc<str>,
        job: JobId,
        name: &str,
        payload: Vec<u8>,
    ) -> Reply<'_, bool> {
        let (namespace, name) = (Arc::clone(namespace), name.to_owned());
        Box::pin(async move { self.give_signal(&namespace, job, (&name, &payload)).await })
    }
}

impl Store for RemoteStore {
    fn enqueue(
        &self,
        namespace: &Arc<str>,
        jobs: Vec<NewJob>,
        atomic: bool,
    ) -> Reply<'_, Vec<Result<Stored, Error>>> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.store_jobs(&namespace, &jobs, atomic).await })
    }

    fn enlist_enqueue(&self, _: &Arc<str>, _: Vec<NewJob>) -> Reply<'_, within::Work> {
        refused("a job inside a transaction of the application")
    }

    fn enlist_settle(&self, _: &WorkerKey, _: Settlement) -> Result<within::Work, Error> {
        Err(Error::unsupported("a completion inside a transaction of the application"))
    }

    fn register(&self, worker: NewWorker) -> Reply<'_, i64> {
        Box::pin(self.register_worker(worker))
    }

    fn claim(
        &self,
        worker: &WorkerKey,
        served: &Arc<Served>,
        limit: usize,
        _: usize,
    ) -> Reply<'_, Claims> {
        let (worker, served) = (worker.clone(), Arc::clone(served));
        Box::pin(async move { self.claim_jobs(&worker, &served, limit).await })
    }

    fn settle(&self, worker: &WorkerKey, items: Vec<Settlement>) -> Reply<'_, Vec<Settled>> {
        let worker = worker.clone();
        Box::pin(async move { self.report_all(&worker, &items).await })
    }

    fn heartbeat(&self, worker: &WorkerKey, _: Option<Duration>) -> Reply<'_, Beat> {
        let worker = worker.clone();
        Box::pin(async move { self.beat(&worker).await })
    }

    fn progress(&self, worker: &WorkerKey, notes: Vec<ProgressNote>) -> Reply<'_, ()> {
        let worker = worker.clone();
        Box::pin(async move { self.tell_progress(&worker, notes).await })
    }

    fn leave(&self, worker: &WorkerKey, only: Option<Vec<(JobId, i64)>>) -> Reply<'_, usize> {
        let worker = worker.clone();
        Box::pin(async move { self.give_back(&worker, only).await })
    }

    fn cancel(
        &self,
        namespace: &Arc<str>,
        job: JobRef,
        reason: Option<String>,
        force: bool,
    ) -> Reply<'_, JobRecord> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.cancel_job(&namespace, job, (reason, force)).await })
    }

    fn retry(
        &self,
        namespace: &Arc<str>,
        job: JobRef,
        options: RetryOptions,
    ) -> Reply<'_, JobRecord> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.retry_job(&namespace, job, &options).await })
    }

    fn delete(&self, namespace: &Arc<str>, job: JobRef, force: bool) -> Reply<'_, ()> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.delete_job(&namespace, job, force).await })
    }

    fn get(&self, namespace: &Arc<str>, jobs: Vec<JobId>) -> Reply<'_, Vec<JobRecord>> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.read_jobs(&namespace, &jobs).await })
    }

    fn list(&self, namespace: &Arc<str>, query: ListQuery) -> Reply<'_, Listed> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.read_page(&namespace, &query).await })
    }

    fn attempts(&self, namespace: &Arc<str>, job: JobId) -> Reply<'_, Vec<AttemptRecord>> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.read_attempts(&namespace, job).await })
    }

    fn stats(&self, namespace: &Arc<str>) -> Reply<'_, Counted> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.count(&namespace).await })
    }

    fn await_end(
        &self,
        namespace: &Arc<str>,
        job: JobId,
        at_most: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.wait_at_server(Arc::clone(namespace), job, at_most))
    }

    refused::refuses! {
        "upkeep":
        fn promote(usize) -> Promoted;
        fn has_lapsed() -> bool;
        fn rescue(usize) -> usize;
        fn expire(usize) -> usize;
        fn resolve(Vec<JobId>, i64, usize) -> Resolved;
        fn relay(usize) -> usize;
        fn fold(usize) -> usize;
        "the explanation of a job":
        fn explain(&Arc<str>, JobId) -> Explanation;
        fn dependents(&Arc<str>, JobId) -> Vec<JobId>;
        "a check of the database":
        fn verify() -> Vec<String>;
    }

    fn edges(&self) -> &edges::Edges {
        &self.shared.edges
    }

    fn slots(&self) -> &edges::Edges {
        &self.shared.slots
    }

    fn lines(&self) -> &edges::Lines {
        &self.shared.lines
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn is_watched(&self) -> bool {
        false
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn signals(&self) -> &Signals {
        &self.shared.signals
    }

    #[cfg(feature = "testing")]
    fn faults(&self) -> &super::TestFaults {
        &self.shared.faults
    }

    fn failed(&self) -> &CancellationToken {
        &self.failed
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}
