//! Workflows and batches, on a server or in a database.

use reqwest::Method;
use serde_json::value::RawValue;
use windlass::protocol::{
    BatchObject, ExplainObject, NamedPage, WorkflowObject, read_cancel_workflow, read_new_batch,
    read_retry_workflow, read_workflow,
};
use windlass::{BatchId, BundleState, JobFilter, JobId, Queue, WorkflowId};

use super::Target;
use super::database::{object, refused};
use crate::exit::{Exit, Failure};
use crate::output::Object;

/// Workflows or batches on a page.
const PAGE_MAX: usize = 499;

/// Which page of workflows or batches.
#[derive(Debug, Default)]
pub(crate) struct BundlePage {
    pub(crate) state: Option<BundleState>,
    pub(crate) before: Option<i64>,
}

/// What is done to one workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steering {
    Cancel,
    Retry,
}

impl BundlePage {
    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![("limit", PAGE_MAX.to_string())];
        query.extend(self.state.map(|state| ("state", state.to_string())));
        query.extend(self.before.map(|before| ("cursor", before.to_string())));
        query
    }
}

impl Target {
    pub(crate) async fn start_workflow(&self, body: &RawValue) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.object(server.post("workflows", body)).await,
            Self::Database(database) => {
                let flow = read_workflow(body.get().as_bytes(), None).map_err(|it| refused(&it))?;
                let started = database.queue().start(flow).await?;
                shown(database.queue(), started.id(), None).await
            }
        }
    }

    pub(crate) async fn workflows(&self, page: &BundlePage) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let request = server.request(Method::GET, "workflows").query(&page.query());
                server.object(request).await
            }
            Self::Database(database) => {
                let before = page.before.map(id::<WorkflowId>).transpose()?;
                let mut found =
                    database.queue().workflows(before, page.state, PAGE_MAX + 1).await?;
                let has_more = found.len() > PAGE_MAX;
                found.truncate(PAGE_MAX);
                let next = found.last().filter(|_| has_more).map(|last| last.id.to_string());
                let items: Vec<_> = found.iter().map(WorkflowObject::new).collect();
                object(&NamedPage::new("workflows", items, next))
            }
        }
    }

    pub(crate) async fn workflow(
        &self,
        id: WorkflowId,
        after: Option<JobId>,
    ) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let mut request = server.request(Method::GET, &format!("workflows/{id}"));
                request = request.query(&[("limit", "500")]);
                if let Some(after) = after {
                    request = request.query(&[("cursor", after.to_string())]);
                }
                server.object(request).await
            }
            Self::Database(database) => shown(database.queue(), id, after).await,
        }
    }

    /// Cancels a workflow, or runs again what failed of it.
    pub(crate) async fn steer_workflow(
        &self,
        id: WorkflowId,
        steering: Steering,
        body: &RawValue,
    ) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let action = match steering {
                    Steering::Cancel => "cancel",
                    Steering::Retry => "retry",
                };
                server.object(server.post(&format!("workflows/{id}/{action}"), body)).await
            }
            Self::Database(database) => {
                let (queue, body) = (database.queue(), body.get().as_bytes());
                match steering {
                    Steering::Cancel => {
                        let reason = read_cancel_workflow(body).map_err(|it| refused(&it))?;
                        queue.cancel_workflow(id, reason.as_deref()).await?;
                    }
                    Steering::Retry => {
                        let reset = read_retry_workflow(body).map_err(|it| refused(&it))?;
                        queue.retry_workflow(id, reset).await?;
                    }
                }
                shown(queue, id, None).await
            }
        }
    }

    pub(crate) async fn open_batch(&self, body: &RawValue) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.object(server.post("batches", body)).await,
            Self::Database(database) => {
                let batch =
                    read_new_batch(body.get().as_bytes(), None).map_err(|it| refused(&it))?;
                let opened = database.queue().open_batch(batch).await?;
                object(&BatchObject::from(&database.queue().batch(opened.id()).await?))
            }
        }
    }

    pub(crate) async fn batches(&self, page: &BundlePage) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let request = server.request(Method::GET, "batches").query(&page.query());
                server.object(request).await
            }
            Self::Database(database) => {
                let before = page.before.map(id::<BatchId>).transpose()?;
                let mut found = database.queue().batches(before, page.state, PAGE_MAX + 1).await?;
                let has_more = found.len() > PAGE_MAX;
                found.truncate(PAGE_MAX);
                let next = found.last().filter(|_| has_more).map(|last| last.id.to_string());
                let items: Vec<_> = found.iter().map(BatchObject::from).collect();
                object(&NamedPage::new("batches", items, next))
            }
        }
    }

    pub(crate) async fn batch(&self, id: BatchId) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.object(server.request(Method::GET, &format!("batches/{id}"))).await
            }
            Self::Database(database) => {
                object(&BatchObject::from(&database.queue().batch(id).await?))
            }
        }
    }

    pub(crate) async fn commit_batch(&self, id: BatchId) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let nothing = serde_json::json!({});
                server.object(server.post(&format!("batches/{id}/commit"), &nothing)).await
            }
            Self::Database(database) => {
                object(&BatchObject::from(&database.queue().commit_batch(id).await?))
            }
        }
    }

    pub(crate) async fn explain_batch(&self, id: BatchId) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.object(server.request(Method::GET, &format!("batches/{id}/explain"))).await
            }
            Self::Database(database) => {
                let blockers = database.queue().explain_batch(id).await?;
                object(&ExplainObject::from(blockers.as_slice()))
            }
        }
    }
}

async fn shown(queue: &Queue, id: WorkflowId, after: Option<JobId>) -> Result<Object, Failure> {
    let workflow = queue.workflow(id).await?;
    let mut filter = JobFilter::new().workflow(id).oldest_first().limit(500);
    if let Some(after) = after {
        filter = filter.after(after);
    }
    let page = queue.list(filter).await?;
    object(&WorkflowObject::with_nodes(&workflow, &page))
}

fn id<I: std::str::FromStr<Err = String>>(value: i64) -> Result<I, Failure> {
    value.to_string().parse().map_err(|detail: String| Failure::new(Exit::Usage, detail))
}
