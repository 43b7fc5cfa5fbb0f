//! Workers as things: listed, read, asked to stop.

use super::Queue;
use crate::Error;
use crate::job::{WorkerId, WorkerRecord, WorkerState};
use crate::store::WorkerPage;

/// Workers on a page.
const PAGE_MAX: usize = 500;

impl Queue {
    /// Reads up to 500 workers that serve this namespace, the latest first, registered before `before` (none
    /// for the first page): those in processes like this one and those that speak HTTP. One that fell silent
    /// is shown for an hour.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn workers(&self, before: Option<WorkerId>) -> Result<Vec<WorkerRecord>, Error> {
        let before = before.map_or(i64::MAX, WorkerId::as_i64);
        self.store().workers(&self.namespace, WorkerPage { before, limit: PAGE_MAX }).await
    }

    /// Reads one worker.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no such worker serves this namespace.
    pub async fn registered_worker(&self, id: WorkerId) -> Result<WorkerRecord, Error> {
        let page = WorkerPage { before: id.as_i64().saturating_add(1), limit: 1 };
        let found = self.store().workers(&self.namespace, page).await?.pop();
        let found = found.filter(|worker| worker.id == id);
        found.ok_or_else(|| Error::not_found(format!("worker {id}")))
    }

    /// Asks a worker to be quiet or to terminate, and returns it. It learns that with its next heartbeat: a third
    /// of its lease at most, 10 s by default. A process that has registered anew has forgotten it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no such worker serves this namespace.
    pub async fn ask_worker(
        &self,
        id: WorkerId,
        state: WorkerState,
    ) -> Result<WorkerRecord, Error> {
        self.store().ask_worker(&self.namespace, id, state).await
    }
}
