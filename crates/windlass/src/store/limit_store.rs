//! The verbs about limits.

use std::sync::Arc;

use super::driver::Driver;
use super::sql_store::SqlStore;
use super::types::{Admitted, QueuePage, Sweep};
use super::{Reply, Store as _, verb};
use crate::Error;
use crate::job::{JobId, Limit, LimitRecord};

/// Slots and lines that one part of a look at everything covers.
const SWEEP_MAX: usize = 500;

/// As [`Store`](super::Store), for limits.
pub(crate) trait LimitStore {
    fn limits(&self, namespace: &Arc<str>, page: QueuePage) -> Reply<'_, Vec<LimitRecord>>;
    /// Makes or changes a limit, and applies it to what waits.
    fn put_limit(
        &self,
        namespace: &Arc<str>,
        name: &str,
        limit: Limit,
        expected: Option<i64>,
    ) -> Reply<'_, LimitRecord>;
    /// Removes a limit, and lets in what waited for it.
    fn remove_limit(
        &self,
        namespace: &Arc<str>,
        name: &str,
        expected: Option<i64>,
    ) -> Reply<'_, ()>;
    /// Looks at every slot and line once, after a change of what limits them.
    fn readmit(&self) -> Reply<'_, ()>;

    /// Lets jobs into ready as far as limits allow: those that nobody has looked at, and those that wait in
    /// these lines, in lines where these jobs held slots, and where the look at everything has come.
    fn admit(
        &self,
        left: Vec<JobId>,
        lines: Vec<String>,
        sweep: Option<Sweep>,
        limit: usize,
    ) -> Reply<'_, Admitted>;
}

impl<D: Driver> LimitStore for SqlStore<D> {
    fn limits(&self, namespace: &Arc<str>, page: QueuePage) -> Reply<'_, Vec<LimitRecord>> {
        let (namespace, shared) = (Arc::clone(namespace), self.shared());
        Box::pin(self.driver().read(verb::ListLimits { namespace, page, shared }))
    }

    fn put_limit(
        &self,
        namespace: &Arc<str>,
        name: &str,
        limit: Limit,
        expected: Option<i64>,
    ) -> Reply<'_, LimitRecord> {
        let (namespace, name, shared) = (Arc::clone(namespace), name.to_owned(), self.shared());
        Box::pin(async move {
            let verb = verb::PutLimit { namespace, name, limit, expected, shared };
            let record = self.act(verb).await?;
            self.readmit().await?;
            Ok(record)
        })
    }

    fn remove_limit(
        &self,
        namespace: &Arc<str>,
        name: &str,
        expected: Option<i64>,
    ) -> Reply<'_, ()> {
        let (namespace, name, shared) = (Arc::clone(namespace), name.to_owned(), self.shared());
        Box::pin(async move {
            self.act(verb::RemoveLimit { namespace, name, expected, shared }).await?;
            self.readmit().await
        })
    }

    fn readmit(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            let mut sweep = Some(Sweep::all());
            while sweep.is_some() {
                let look = self.shared().slots.look();
                let admitted = self.admit(Vec::new(), Vec::new(), sweep, SWEEP_MAX).await?;
                sweep = admitted.sweep;
                self.shared().slots.looked(look, admitted.any);
            }
            // The rest is for whoever does the upkeep.
            self.signals().admitting.raise();
            Ok::<(), Error>(())
        })
    }

    fn admit(
        &self,
        left: Vec<JobId>,
        lines: Vec<String>,
        sweep: Option<Sweep>,
        limit: usize,
    ) -> Reply<'_, Admitted> {
        Box::pin(async move {
            let now = self.now();
            self.ids().ready(self.driver(), now).await?;
            let (ids, shared) = (Arc::clone(self.ids()), self.shared());
            let verb = verb::Admit { left, lines, sweep, limit, now, ids, shared };
            self.driver().write(verb).await
        })
    }
}
