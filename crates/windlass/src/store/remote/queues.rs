//! Queues, types and namespaces behind a server, and the counts of a namespace.

use std::sync::Arc;

use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::wire::{CallError, unreadable};
use super::work::parsed;
use super::{RemoteStore, refused};
use crate::Error;
use crate::core::State;
use crate::job::{
    JobId, KindRecord, PauseOptions, PauseScope, QueueRecord, QueueSettings, Timestamp, check_name,
};
use crate::protocol::{read_kind_object, read_queue_object, read_queue_stats, settings_json};
use crate::store::{
    Counted, Expected, Pruned, PurgeBatch, Purged, QueuePage, QueueStore, Reply, ServingWorker,
};

/// Things on a page, as the API has them.
const PAGE_MAX: usize = 500;

#[derive(Debug, Deserialize)]
struct Queues {
    queues: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct Kinds {
    types: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct Namespaces {
    namespaces: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Deleted {
    deleted: usize,
}

#[derive(Debug, Deserialize)]
struct Whole {
    queue: Storage,
}

#[derive(Debug, Deserialize)]
struct Storage {
    storage_bytes: i64,
}

#[derive(Debug, Deserialize)]
struct Workers {
    workers: Vec<Worker>,
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Worker {
    name: String,
    queues: Vec<String>,
    types: Vec<String>,
    concurrency: i64,
    alive: bool,
}

/// A name as a part of a path. What cannot be one is not there.
fn part<'a>(what: &str, name: &'a str) -> Result<&'a str, Error> {
    // Dots alone would lead to another path.
    match check_name(name) {
        Ok(()) if !name.bytes().all(|byte| byte == b'.') => Ok(name),
        _ => Err(Error::not_found(format!("{what} `{name}`"))),
    }
}

fn queue_path(name: &str) -> Result<String, Error> {
    Ok(format!("queues/{}", part("queue", name)?))
}

fn at_version(request: RequestBuilder, version: Option<i64>) -> RequestBuilder {
    match version {
        Some(version) => request.header("If-Match", format!("\"{version}\"")),
        None => request,
    }
}

fn record(json: &RawValue) -> Result<QueueRecord, Error> {
    read_queue_object(json).map_err(|why| unreadable(&why))
}

impl RemoteStore {
    async fn read_queues(
        &self,
        namespace: &str,
        page: QueuePage,
    ) -> Result<Vec<QueueRecord>, Error> {
        if let Some(name) = &page.only {
            let request = self.wire.get(namespace, &queue_path(name)?);
            return Ok(vec![record(&self.wire.answer(request).await?)?]);
        }
        let reply: Queues = self.page(namespace, "queues", &page).await?;
        reply.queues.iter().map(|json| record(json)).collect()
    }

    async fn page<T: for<'a> Deserialize<'a>>(
        &self,
        namespace: &str,
        path: &str,
        page: &QueuePage,
    ) -> Result<T, Error> {
        let limit = page.limit.clamp(1, PAGE_MAX).to_string();
        let mut query = vec![("limit", limit)];
        query.extend((!page.after.is_empty()).then(|| ("cursor", page.after.clone())));
        parsed(&self.wire.answer(self.wire.get(namespace, path).query(&query)).await?)
    }

    async fn write_queue(
        &self,
        namespace: &str,
        name: &str,
        settings: &QueueSettings,
        expected: Expected,
    ) -> Result<QueueRecord, Error> {
        let mut body = settings_json(settings);
        let request = match expected {
            Expected::New => {
                body.retain(|_, value| !value.is_null());
                body.insert("name".to_owned(), name.into());
                self.wire.post(namespace, "queues", &body)
            }
            Expected::Any | Expected::Version(_) => {
                let request = self.wire.request(Method::PATCH, namespace, &queue_path(name)?);
                let version = match expected {
                    Expected::Version(version) => Some(version),
                    Expected::New | Expected::Any => None,
                };
                at_version(request.json(&body), version)
            }
        };
        record(&self.wire.answer(request).await?)
    }

    async fn purge_states(
        &self,
        namespace: &str,
        name: &str,
        states: &[State],
    ) -> Result<Purged, Error> {
        let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        let path = format!("{}/purge", queue_path(name)?);
        let request = self.wire.post(namespace, &path, &json!({ "states": words }));
        let reply: Deleted = parsed(&self.wire.answer(request).await?)?;
        // The server goes on until there is no more.
        Ok(Purged { deleted: reply.deleted, next: None::<JobId> })
    }

    /// Says whether it changed anything: whether there is a pause now, or was one that has ended.
    async fn steer(
        &self,
        namespace: &str,
        scope: &PauseScope,
        pause: Option<PauseOptions>,
    ) -> Result<bool, Error> {
        let (path, kind) = match scope {
            PauseScope::Queue(queue) => (queue_path(queue)?, None),
            PauseScope::KindInQueue { queue, kind } => (queue_path(queue)?, Some(kind)),
            PauseScope::Kind(kind) => (format!("types/{}", part("type", kind)?), None),
        };
        let mut body = match &pause {
            Some(PauseOptions { reason, until, by }) => {
                json!({ "reason": reason, "until": until, "by": by })
            }
            None => json!({}),
        };
        if let Some(kind) = kind {
            body["type"] = kind.as_str().into();
        }
        let changes = pause.is_some() || self.is_paused(namespace, scope).await?;
        let what = if pause.is_some() { "pause" } else { "resume" };
        let request = self.wire.post(namespace, &format!("{path}/{what}"), &body);
        self.wire.answer(request).await?;
        Ok(changes)
    }

    async fn is_paused(&self, namespace: &str, scope: &PauseScope) -> Result<bool, Error> {
        let one = async |name: &str| {
            record(&self.wire.answer(self.wire.get(namespace, &queue_path(name)?)).await?)
        };
        match scope {
            PauseScope::Queue(queue) => Ok(one(queue).await?.paused.is_some()),
            PauseScope::KindInQueue { queue, kind } => {
                Ok(one(queue).await?.paused_kinds.iter().any(|(paused, _)| paused == kind))
            }
            PauseScope::Kind(kind) => {
                let mut page = QueuePage { only: None, after: String::new(), limit: PAGE_MAX };
                loop {
                    let kinds = self.read_kinds(namespace, &page).await?;
                    if let Some(found) = kinds.iter().find(|known| known.name == *kind) {
                        return Ok(found.paused.is_some());
                    }
                    let Some(last) = kinds.last() else { return Ok(false) };
                    page.after.clone_from(&last.name);
                }
            }
        }
    }

    async fn read_kinds(
        &self,
        namespace: &str,
        page: &QueuePage,
    ) -> Result<Vec<KindRecord>, Error> {
        let reply: Kinds = self.page(namespace, "types", page).await?;
        let kinds = reply.types.iter().map(|json| read_kind_object(json));
        kinds.collect::<Result<_, _>>().map_err(|why| unreadable(&why))
    }

    /// The counts queue by queue, which is how the API has them.
    pub(super) async fn count(&self, namespace: &str) -> Result<Counted, Error> {
        let whole: Whole = parsed(&self.wire.answer(self.wire.get(namespace, "stats")).await?)?;
        let mut tallies = Vec::new();
        let mut page = QueuePage { only: None, after: String::new(), limit: PAGE_MAX };
        loop {
            let queues = self.read_queues(namespace, page.clone()).await?;
            let Some(last) = queues.last() else { break };
            page.after.clone_from(&last.name);
            for queue in &queues {
                let path = format!("{}/stats", queue_path(&queue.name)?);
                let reply = self.wire.answer(self.wire.get(namespace, &path)).await;
                match reply {
                    Ok(json) => {
                        tallies.extend(read_queue_stats(&json).map_err(|why| unreadable(&why))?);
                    }
                    // Deleted meanwhile.
                    Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let workers = self.live_workers(namespace).await?;
        Ok(Counted { tallies, storage_bytes: whole.queue.storage_bytes, workers })
    }

    async fn live_workers(&self, namespace: &str) -> Result<Vec<ServingWorker>, Error> {
        let mut live = Vec::new();
        let mut page = QueuePage { only: None, after: String::new(), limit: PAGE_MAX };
        loop {
            let reply: Workers = self.page(namespace, "workers", &page).await?;
            let alive = reply.workers.into_iter().filter(|worker| worker.alive);
            live.extend(alive.map(|worker| ServingWorker {
                namespace_id: None,
                name: worker.name,
                queues: worker.queues,
                kinds: worker.types,
                slots: worker.concurrency,
            }));
            match reply.next_cursor {
                Some(next) => page.after = next,
                None => return Ok(live),
            }
        }
    }
}

impl QueueStore for RemoteStore {
    fn queues(&self, namespace: &Arc<str>, page: QueuePage) -> Reply<'_, Vec<QueueRecord>> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.read_queues(&namespace, page).await })
    }

    fn put_queue(
        &self,
        namespace: &Arc<str>,
        name: &str,
        settings: QueueSettings,
        expected: Expected,
    ) -> Reply<'_, QueueRecord> {
        let (namespace, name) = (Arc::clone(namespace), name.to_owned());
        Box::pin(async move { self.write_queue(&namespace, &name, &settings, expected).await })
    }

    fn remove_queue(
        &self,
        namespace: &Arc<str>,
        name: &str,
        expected: Option<i64>,
    ) -> Reply<'_, ()> {
        let (namespace, name) = (Arc::clone(namespace), name.to_owned());
        Box::pin(async move {
            let request = self.wire.request(Method::DELETE, &namespace, &queue_path(&name)?);
            let sent = self.wire.send(at_version(request, expected)).await;
            sent.map(drop).map_err(CallError::error)
        })
    }

    fn purge(&self, namespace: &Arc<str>, name: &str, batch: PurgeBatch) -> Reply<'_, Purged> {
        let (namespace, name) = (Arc::clone(namespace), name.to_owned());
        Box::pin(async move { self.purge_states(&namespace, &name, &batch.states).await })
    }

    fn change_pause(
        &self,
        namespace: &Arc<str>,
        scope: PauseScope,
        pause: Option<PauseOptions>,
    ) -> Reply<'_, bool> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.steer(&namespace, &scope, pause).await })
    }

    fn kinds(&self, namespace: &Arc<str>, page: QueuePage) -> Reply<'_, Vec<KindRecord>> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.read_kinds(&namespace, &page).await })
    }

    fn namespaces(&self, page: QueuePage) -> Reply<'_, Vec<String>> {
        Box::pin(async move {
            let reply: Namespaces = self.page("default", "namespaces", &page).await?;
            Ok(reply.namespaces.into_iter().map(|named| named.name).collect())
        })
    }

    fn add_namespace(&self, name: &str) -> Reply<'_, ()> {
        let name = name.to_owned();
        Box::pin(async move {
            let request = self.wire.post("default", "namespaces", &json!({ "name": name }));
            self.wire.answer(request).await.map(drop)
        })
    }

    fn remove_namespace(&self, name: &str) -> Reply<'_, ()> {
        let name = name.to_owned();
        Box::pin(async move {
            let path = format!("namespaces/{}", part("namespace", &name)?);
            let request = self.wire.request(Method::DELETE, "default", &path);
            self.wire.send(request).await.map(drop).map_err(CallError::error)
        })
    }

    super::refused::refuses! {
        "the age of the first job of a queue":
        fn oldest_pending(&Arc<str>, &str) -> Option<Timestamp>;
        "upkeep":
        fn prune(State, i64, usize, bool) -> Pruned;
        fn drop_days() -> Option<usize>;
    }
}
