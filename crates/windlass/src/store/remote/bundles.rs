//! Workflows and batches behind a server.

use std::sync::Arc;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::wire::{CallError, unreadable};
use super::work::parsed;
use super::{RemoteStore, refused};
use crate::Error;
use crate::job::{BatchId, Flow, JobId, NewBatch, WorkflowId};
use crate::protocol::{new_batch_json, read_batch_object, read_workflow_object, workflow_json};
use crate::store::bundle_store::Gathered;
use crate::store::verb::{Made, ParentOf, Place};
use crate::store::{BundleRow, BundleStore, Reply, RetryOptions, Scope, Sort, Which, edges};

/// The most that the API has on a page.
const PAGE_MAX: usize = 499;

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(alias = "workflows", alias = "batches")]
    items: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct Id {
    id: String,
}

impl RemoteStore {
    async fn make(&self, namespace: &str, path: &str, body: &RawValue) -> Result<Made, Error> {
        let sent = self.wire.send(self.wire.post(namespace, path, body)).await;
        let response = sent.map_err(CallError::error)?;
        let is_new = response.status() == StatusCode::CREATED;
        let body = response.bytes().await.map_err(|error| unreadable(&error.to_string()))?;
        let made: Id =
            serde_json::from_slice(&body).map_err(|error| unreadable(&error.to_string()))?;
        let id = made.id.parse().map_err(|_| unreadable("an id that is no number"))?;
        Ok(Made { id, is_new })
    }

    async fn read_bundles(
        &self,
        namespace: &str,
        sort: Sort,
        which: Which,
    ) -> Result<Vec<BundleRow>, Error> {
        let path = match sort {
            Sort::Workflow => "workflows",
            Sort::Batch => "batches",
        };
        let rows = match which {
            Which::One(id) => {
                let mut request = self.wire.get(namespace, &format!("{path}/{id}"));
                if sort == Sort::Workflow {
                    // Its nodes are not asked for.
                    request = request.query(&[("limit", "1")]);
                }
                vec![self.wire.answer(request).await?]
            }
            Which::Page { before, state, limit } => {
                let mut query = vec![("limit", limit.clamp(1, PAGE_MAX).to_string())];
                query.extend((before < i64::MAX).then(|| ("cursor", before.to_string())));
                query.extend(state.map(|state| ("state", state.to_string())));
                let request = self.wire.get(namespace, path).query(&query);
                parsed::<Page>(&self.wire.answer(request).await?)?.items
            }
        };
        let read = |json: &RawValue| match sort {
            Sort::Workflow => read_workflow_object(json),
            Sort::Batch => read_batch_object(json),
        };
        rows.iter().map(|json| read(json)).collect::<Result<_, _>>().map_err(|why| unreadable(&why))
    }

    async fn ask_bundle(
        &self,
        namespace: &str,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<(), Error> {
        self.wire.answer(self.wire.post(namespace, path, body)).await.map(drop)
    }
}

impl BundleStore for RemoteStore {
    fn start(&self, namespace: &Arc<str>, flow: Flow) -> Reply<'_, Made> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            flow.check()?;
            let body = workflow_json(&flow, self.clock.now())?;
            self.make(&namespace, "workflows", &body).await
        })
    }

    fn open_batch(&self, namespace: &Arc<str>, batch: NewBatch) -> Reply<'_, Made> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            batch.check()?;
            self.make(&namespace, "batches", &new_batch_json(&batch)?).await
        })
    }

    fn commit_batch(&self, namespace: &Arc<str>, batch: BatchId) -> Reply<'_, ()> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            self.ask_bundle(&namespace, &format!("batches/{batch}/commit"), &json!({})).await
        })
    }

    fn bundles(&self, namespace: &Arc<str>, sort: Sort, which: Which) -> Reply<'_, Vec<BundleRow>> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.read_bundles(&namespace, sort, which).await })
    }

    fn cancel_workflow(
        &self,
        namespace: &Arc<str>,
        workflow: WorkflowId,
        reason: Option<String>,
    ) -> Reply<'_, ()> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            let path = format!("workflows/{workflow}/cancel");
            self.ask_bundle(&namespace, &path, &json!({ "reason": reason })).await
        })
    }

    /// What follows from the retry of one node, the server has done together with it. Of a whole workflow it does not
    /// say how many nodes run again; where none can, it refuses.
    fn reopen(
        &self,
        namespace: &Arc<str>,
        workflow: WorkflowId,
        (_, node): (Scope, Option<JobId>),
        options: RetryOptions,
    ) -> Reply<'_, usize> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            if node.is_some() {
                return Ok(0);
            }
            let path = format!("workflows/{workflow}/retry");
            let body = json!({ "reset_attempts": options.reset_attempts });
            self.ask_bundle(&namespace, &path, &body).await.map(|()| 1)
        })
    }

    fn members(&self) -> &edges::Edges {
        &self.shared.members
    }

    super::refused::refuses! {
        "upkeep":
        fn gather(Vec<JobId>, Place, usize) -> Gathered;
        "what the parents of a job returned":
        fn parents(JobId) -> Vec<ParentOf>;
    }
}
