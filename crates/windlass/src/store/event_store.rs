//! The verbs about events.

use std::sync::Arc;

use super::driver::Driver;
use super::sql_store::SqlStore;
use super::verb::{self, Happened};
use super::{Reply, Shared};

/// Events brought into order in one transaction.
const ORDER_MAX: usize = 1000;

/// As [`Store`](super::Store), for events.
pub(crate) trait EventStore {
    /// Says whether there is such a namespace, by what is remembered of them.
    fn find_namespace(&self, namespace: &Arc<str>) -> Reply<'_, ()>;
    /// Has transitions written down for an hour from now; true when they were not before.
    fn watch(&self) -> Reply<'_, bool>;
    /// Brings what was written down into its final order; true when there may be more.
    fn order_events(&self) -> Reply<'_, bool>;
    /// Notices lost workers and forgets old events; true when there may be more.
    fn tend_events(&self) -> Reply<'_, bool>;
    /// The events after one, oldest first.
    fn events(&self, after: i64, limit: usize) -> Reply<'_, Vec<Happened>>;
    /// The latest events, oldest first.
    fn latest_events(&self, limit: usize) -> Reply<'_, Vec<Happened>>;
    /// What this process remembers of the database.
    fn remembered(&self) -> Arc<Shared>;
}

impl<D: Driver> EventStore for SqlStore<D> {
    fn find_namespace(&self, namespace: &Arc<str>) -> Reply<'_, ()> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move { self.namespace_id(&namespace).await.map(drop) })
    }

    fn watch(&self) -> Reply<'_, bool> {
        Box::pin(self.driver().write(verb::WatchFor { now: self.now() }))
    }

    fn order_events(&self) -> Reply<'_, bool> {
        Box::pin(async move {
            if !D::FOLDS {
                return Ok(false);
            }
            let verb = verb::OrderEvents { limit: ORDER_MAX };
            Ok(self.driver().write(verb).await? == ORDER_MAX)
        })
    }

    fn tend_events(&self) -> Reply<'_, bool> {
        Box::pin(self.driver().write(verb::TendEvents { now: self.now() }))
    }

    fn events(&self, after: i64, limit: usize) -> Reply<'_, Vec<Happened>> {
        Box::pin(self.driver().read(verb::NewsOf { after, limit, shared: self.shared() }))
    }

    fn latest_events(&self, limit: usize) -> Reply<'_, Vec<Happened>> {
        Box::pin(self.driver().read(verb::LatestEvents { limit, shared: self.shared() }))
    }

    fn remembered(&self) -> Arc<Shared> {
        self.shared()
    }
}
