//! Workers, on a server or in a database.

use reqwest::Method;
use windlass::protocol::{NamedPage, WorkerObject};
use windlass::{WorkerId, WorkerState};

use super::Target;
use super::database::object;
use crate::exit::Failure;
use crate::output::Object;

impl Target {
    pub(crate) async fn workers(&self, before: Option<WorkerId>) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                let cursor = before.map(|id| id.to_string()).unwrap_or_default();
                server.page("workers", &cursor).await
            }
            Self::Database(database) => {
                let queue = database.queue();
                let (workers, now) = (queue.workers(before).await?, queue.clock().now());
                let items = workers.iter().map(|worker| WorkerObject::new(worker, now));
                object(&NamedPage::new("workers", items.collect(), None))
            }
        }
    }

    pub(crate) async fn worker(&self, id: WorkerId) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.object(server.request(Method::GET, &format!("workers/{id}"))).await
            }
            Self::Database(database) => {
                let queue = database.queue();
                let worker = queue.registered_worker(id).await?;
                object(&WorkerObject::new(&worker, queue.clock().now()))
            }
        }
    }

    pub(crate) async fn ask_worker(
        &self,
        id: WorkerId,
        state: WorkerState,
    ) -> Result<Object, Failure> {
        match self {
            Self::Server(server) => {
                server.object(server.request(Method::POST, &format!("workers/{id}/{state}"))).await
            }
            Self::Database(database) => {
                let queue = database.queue();
                let worker = queue.ask_worker(id, state).await?;
                object(&WorkerObject::new(&worker, queue.clock().now()))
            }
        }
    }
}
