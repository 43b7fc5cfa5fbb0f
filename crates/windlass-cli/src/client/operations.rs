//! Changes of jobs by hand, on a server or in a database.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use windlass::protocol::{
    DeadGroupsObject, DryRunObject, JobObject, NamedPage, OperationObject, read_edit,
    read_operation,
};
use windlass::{JobId, OperationId};

use super::database::{object, refused};
use super::queues::bytes;
use super::schedules::body;
use super::{EditRequest, Target};
use crate::exit::Failure;
use crate::output::Object;

/// How often to look how far an operation has come.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Target {
    pub(crate) async fn edit(&self, job: JobId, request: &EditRequest) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let edit = server.request(Method::PATCH, &format!("jobs/{job}"));
                server.object(edit.json(request)).await
            }
            Self::Database(database) => {
                let body = body(request)?;
                let edit = read_edit(body.get().as_bytes()).map_err(|it| refused(&it))?;
                object(&JobObject(&database.queue().edit(job, edit).await?))
            }
        }
    }

    /// Begins an operation, or with `dry_run` says what it would be done to.
    pub(crate) async fn operate(&self, body: &Value) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.call(Method::POST, "operations", Some(body)).await,
            Self::Database(database) => {
                let request = read_operation(&bytes(body)).map_err(|it| refused(&it))?;
                let queue = database.queue();
                if request.dry_run {
                    let preview = queue.preview_operation(&request.operation).await?;
                    return object(&DryRunObject::from(&preview));
                }
                let begun = queue.start_operation(request.operation).await?;
                object(&OperationObject::from(&begun))
            }
        }
    }

    pub(crate) async fn operation(&self, id: OperationId) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.call(Method::GET, &format!("operations/{id}"), None).await
            }
            Self::Database(database) => {
                object(&OperationObject::from(&database.queue().operation(id).await?))
            }
        }
    }

    pub(crate) async fn operations(&self, before: Option<OperationId>) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let cursor = before.map(|id| id.to_string()).unwrap_or_default();
                server.page("operations", &cursor).await
            }
            Self::Database(database) => {
                let found = database.queue().operations(before).await?;
                let items: Vec<_> = found.iter().map(OperationObject::from).collect();
                object(&NamedPage::new("operations", items, None))
            }
        }
    }

    pub(crate) async fn cancel_operation(&self, id: OperationId) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.call(Method::POST, &format!("operations/{id}/cancel"), None).await
            }
            Self::Database(database) => {
                object(&OperationObject::from(&database.queue().cancel_operation(id).await?))
            }
        }
    }

    /// Waits until an operation has ended; in a database it is carried out here. `look` is shown how far
    /// it has come.
    pub(crate) async fn finish_operation(
        &self,
        id: OperationId,
        mut look: impl FnMut(&Object),
    ) -> Result<Object, Failure> {
        let carried_out = async {
            match self {
                Self::Server(_) => std::future::pending().await,
                Self::Database(database) => database.queue().carry_out(id).await.map(drop),
            }
        };
        tokio::pin!(carried_out);
        loop {
            let now = self.operation(id).await?;
            look(&now);
            if matches!(now.text("state").as_str(), "completed" | "cancelled") {
                return Ok(now);
            }
            tokio::select! {
                done = &mut carried_out => {
                    done?;
                    return self.operation(id).await;
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    pub(crate) async fn dead_groups(&self) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => server.call(Method::GET, "dead/groups", None).await,
            Self::Database(database) => {
                object(&DeadGroupsObject::from(&database.queue().dead_groups().await?))
            }
        }
    }
}

/// The id of an operation in an answer.
pub(crate) fn operation_id(operation: &Object) -> Result<OperationId, Failure> {
    operation.text("id").parse().map_err(|why: String| {
        Failure::new(crate::exit::Exit::Failure, format!("the answer has no id: {why}"))
    })
}
