//! The verb of jobs that come from another database.

use std::sync::Arc;

use super::driver::Driver;
use super::sql_store::SqlStore;
use super::verb::{self, Restored, Transferred};
use super::{Reply, Store as _};
use crate::job::JobId;

/// Milliseconds of a day, as ids count them.
const MS_PER_DAY: i64 = 24 * 3600 * 1000;

/// As [`Store`](super::Store), for jobs that come from another database.
pub(crate) trait TransferStore {
    /// Stores jobs as they stood there, in ascending order of their ids; one answer per job.
    fn restore(
        &self,
        namespace: &Arc<str>,
        import: &str,
        jobs: Vec<Transferred>,
    ) -> Reply<'_, Vec<Restored>>;
}

impl<D: Driver> TransferStore for SqlStore<D> {
    fn restore(
        &self,
        namespace: &Arc<str>,
        import: &str,
        jobs: Vec<Transferred>,
    ) -> Reply<'_, Vec<Restored>> {
        let (namespace, import) = (Arc::clone(namespace), format!("import.{import}"));
        Box::pin(async move {
            let now = self.clock().now();
            let (settings, namespace_id) = self.settings(&namespace, now).await?;
            let names = jobs.iter().map(|job| (&*job.record.queue, &*job.record.kind));
            self.make_known(namespace_id, names.clone()).await?;
            let mut days: Vec<i64> = jobs.iter().map(|job| day(job.record.id)).collect();
            days.dedup();
            for day in days {
                self.driver().make_days(day).await?;
            }
            let shared = self.shared();
            let pair = |(queue, kind)| shared.catalog.pair(namespace_id, queue, kind);
            let pairs = names.map(pair).collect::<Result<_, _>>()?;
            self.driver()
                .write(verb::Restore { namespace_id, import, jobs, pairs, settings, now })
                .await
        })
    }
}

/// The day on which an id was made, counted as the tables of days are.
fn day(job: JobId) -> i64 {
    JobId::ms_at(job.made_at()) / MS_PER_DAY
}
