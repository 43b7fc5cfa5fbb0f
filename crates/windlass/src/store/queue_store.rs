//! The verbs about queues and namespaces themselves: settings, pauses, retention.

use std::sync::Arc;

use super::driver::Driver;
use super::sql_store::SqlStore;
use super::types::{Expected, Pruned, PurgeBatch, Purged, QueuePage};
use super::{LimitStore as _, Reply, Store as _, verb};
use crate::core::State;
use crate::job::{KindRecord, PauseOptions, PauseScope, QueueRecord, QueueSettings, Timestamp};

/// As [`Store`](super::Store), for queues and namespaces.
pub(crate) trait QueueStore {
    fn queues(&self, namespace: &Arc<str>, page: QueuePage) -> Reply<'_, Vec<QueueRecord>>;
    /// Since when the first of the jobs of a queue that can run has been able to.
    fn oldest_pending(&self, namespace: &Arc<str>, name: &str) -> Reply<'_, Option<Timestamp>>;
    fn put_queue(
        &self,
        namespace: &Arc<str>,
        name: &str,
        settings: QueueSettings,
        expected: Expected,
    ) -> Reply<'_, QueueRecord>;
    /// Deletes a queue that holds no job.
    fn remove_queue(
        &self,
        namespace: &Arc<str>,
        name: &str,
        expected: Option<i64>,
    ) -> Reply<'_, ()>;
    fn purge(&self, namespace: &Arc<str>, name: &str, batch: PurgeBatch) -> Reply<'_, Purged>;

    /// Pauses, or with none ends a pause; says whether that changed anything.
    fn change_pause(
        &self,
        namespace: &Arc<str>,
        scope: PauseScope,
        pause: Option<PauseOptions>,
    ) -> Reply<'_, bool>;
    fn kinds(&self, namespace: &Arc<str>, page: QueuePage) -> Reply<'_, Vec<KindRecord>>;

    /// Deletes jobs that ended in `state` and are kept no longer, looking at `limit` of them.
    fn prune(&self, state: State, after: i64, limit: usize, by_day: bool) -> Reply<'_, Pruned>;
    /// Drops whole days, where the database keeps jobs by day and nobody uses them; none elsewhere.
    fn drop_days(&self) -> Reply<'_, Option<usize>>;

    fn namespaces(&self, page: QueuePage) -> Reply<'_, Vec<String>>;
    fn add_namespace(&self, name: &str) -> Reply<'_, ()>;
    /// Deletes a namespace that holds no queue.
    fn remove_namespace(&self, name: &str) -> Reply<'_, ()>;
}

impl<D: Driver> QueueStore for SqlStore<D> {
    fn queues(&self, namespace: &Arc<str>, page: QueuePage) -> Reply<'_, Vec<QueueRecord>> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.now(), self.shared());
        Box::pin(self.driver().read(verb::ListQueues { namespace, page, now, shared }))
    }

    fn oldest_pending(&self, namespace: &Arc<str>, name: &str) -> Reply<'_, Option<Timestamp>> {
        let (namespace, name, shared) = (Arc::clone(namespace), name.to_owned(), self.shared());
        Box::pin(self.driver().read(verb::OldestPending { namespace, name, shared }))
    }

    fn put_queue(
        &self,
        namespace: &Arc<str>,
        name: &str,
        settings: QueueSettings,
        expected: Expected,
    ) -> Reply<'_, QueueRecord> {
        let (namespace, name) = (Arc::clone(namespace), name.to_owned());
        let (now, shared) = (self.now(), self.shared());
        let verb = verb::PutQueue { namespace, name, settings, expected, now, shared };
        Box::pin(async move {
            let record = self.act(verb).await?;
            // What waits goes by what the queue says now.
            self.signals().ready.raise();
            self.readmit().await?;
            Ok(record)
        })
    }

    fn remove_queue(
        &self,
        namespace: &Arc<str>,
        name: &str,
        expected: Option<i64>,
    ) -> Reply<'_, ()> {
        let (namespace, name, shared) = (Arc::clone(namespace), name.to_owned(), self.shared());
        Box::pin(self.act(verb::RemoveQueue { namespace, name, expected, shared }))
    }

    fn purge(&self, namespace: &Arc<str>, name: &str, batch: PurgeBatch) -> Reply<'_, Purged> {
        let (namespace, queue) = (Arc::clone(namespace), name.to_owned());
        let (now, shared) = (self.now(), self.shared());
        Box::pin(self.act(verb::Purge { namespace, queue, batch, now, shared }))
    }

    fn change_pause(
        &self,
        namespace: &Arc<str>,
        scope: PauseScope,
        pause: Option<PauseOptions>,
    ) -> Reply<'_, bool> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.now(), self.shared());
        Box::pin(self.act(verb::ChangePause { namespace, scope, pause, now, shared }))
    }

    fn kinds(&self, namespace: &Arc<str>, page: QueuePage) -> Reply<'_, Vec<KindRecord>> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.now(), self.shared());
        let QueuePage { after, limit, .. } = page;
        Box::pin(self.driver().read(verb::ListKinds { namespace, after, limit, now, shared }))
    }

    fn prune(&self, state: State, after: i64, limit: usize, by_day: bool) -> Reply<'_, Pruned> {
        let (now, shared) = (self.now(), self.shared());
        Box::pin(self.driver().write(verb::Prune { state, after, limit, by_day, now, shared }))
    }

    fn drop_days(&self) -> Reply<'_, Option<usize>> {
        Box::pin(self.driver().drop_days(self.now()))
    }

    fn namespaces(&self, page: QueuePage) -> Reply<'_, Vec<String>> {
        Box::pin(self.driver().read(verb::ListNamespaces { page }))
    }

    fn add_namespace(&self, name: &str) -> Reply<'_, ()> {
        Box::pin(self.act(verb::AddNamespace { name: name.to_owned() }))
    }

    fn remove_namespace(&self, name: &str) -> Reply<'_, ()> {
        let (name, shared) = (name.to_owned(), self.shared());
        Box::pin(self.act(verb::RemoveNamespace { name, shared }))
    }
}
