//! The verbs by which people change jobs that are stored.

use std::sync::Arc;

use super::driver::Driver;
use super::sql_store::SqlStore;
use super::{Reply, Store as _, verb};
use crate::Error;
use crate::job::{JobEdit, JobId, JobRecord};

/// As [`Store`](super::Store), for changes by hand.
pub(crate) trait OperationStore {
    fn edit(&self, namespace: &Arc<str>, job: JobId, edit: JobEdit) -> Reply<'_, JobRecord>;
}

impl<D: Driver> OperationStore for SqlStore<D> {
    fn edit(&self, namespace: &Arc<str>, job: JobId, edit: JobEdit) -> Reply<'_, JobRecord> {
        let namespace = Arc::clone(namespace);
        Box::pin(async move {
            let now = self.now();
            self.ids().ready(self.driver(), now).await?;
            let queue_id = match &edit.queue {
                None => None,
                Some(queue) => {
                    let found = self.get(&namespace, vec![job]).await?.pop();
                    let found = found.ok_or_else(|| Error::not_found(format!("job {job}")))?;
                    Some(self.queue_id(&namespace, queue, &found.kind).await?)
                }
            };
            let (shared, ids) = (self.shared(), Arc::clone(self.ids()));
            let verb = verb::Edit { namespace, job, edit, queue_id, now, shared, ids };
            Ok(self.driver().write(verb).await?.record)
        })
    }
}

impl<D: Driver> SqlStore<D> {
    /// The id of a queue that may take jobs of this kind from here on.
    async fn queue_id(&self, namespace: &str, queue: &str, kind: &str) -> Result<i64, Error> {
        let namespace_id = self.namespace_id(namespace).await?;
        self.make_known(namespace_id, std::iter::once((queue, kind))).await?;
        Ok(self.shared().catalog.pair(namespace_id, queue, kind)?.0)
    }
}
