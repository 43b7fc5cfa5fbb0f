//! The verbs of what comes from another database.

use std::sync::Arc;

use super::driver::Driver;
use super::sql_store::SqlStore;
use super::verb::{self, Restored, Transferred};
use super::{Expected, LimitStore as _, Reply, Store as _};
use crate::job::{JobId, PauseOptions, PauseScope, QueueSettings, Schedule, ScheduleSource};

/// Milliseconds of a day, as ids count them.
const MS_PER_DAY: i64 = 24 * 3600 * 1000;

/// As [`Store`](super::Store), for what comes from another database.
pub(crate) trait TransferStore {
    /// Stores jobs as they stood there, in ascending order of their ids; one answer per job.
    fn restore(
        &self,
        namespace: &Arc<str>,
        import: &str,
        jobs: Vec<Transferred>,
    ) -> Reply<'_, Vec<Restored>>;
    /// Makes a queue that is not there, paused from its first moment on.
    fn bring_queue(
        &self,
        namespace: &Arc<str>,
        name: &str,
        settings: QueueSettings,
        pause: Option<PauseOptions>,
    ) -> Reply<'_, ()>;
    /// Makes a schedule that is not there, paused from its first moment on.
    fn bring_schedule(
        &self,
        namespace: &Arc<str>,
        name: &str,
        schedule: Schedule,
        pause: Option<PauseOptions>,
    ) -> Reply<'_, ()>;
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

    fn bring_queue(
        &self,
        namespace: &Arc<str>,
        name: &str,
        settings: QueueSettings,
        pause: Option<PauseOptions>,
    ) -> Reply<'_, ()> {
        let (now, expected) = (self.now(), Expected::New);
        let pause = pause.map(|pause| verb::ChangePause {
            namespace: Arc::clone(namespace),
            scope: PauseScope::Queue(name.to_owned()),
            pause: Some(pause),
            now,
            shared: self.shared(),
        });
        let (namespace, name, shared) = (Arc::clone(namespace), name.to_owned(), self.shared());
        let make = verb::PutQueue { namespace, name, settings, expected, now, shared };
        Box::pin(async move {
            self.act(verb::Paused { make, pause }).await?;
            self.readmit().await
        })
    }

    fn bring_schedule(
        &self,
        namespace: &Arc<str>,
        name: &str,
        schedule: Schedule,
        pause: Option<PauseOptions>,
    ) -> Reply<'_, ()> {
        let (now, expected, source) = (self.now(), Expected::New, ScheduleSource::Api);
        let pause = pause.map(|pause| verb::PauseSchedule {
            namespace: Arc::clone(namespace),
            name: name.to_owned(),
            pause: Some(pause),
            now,
            shared: self.shared(),
        });
        let (namespace, name, shared) = (Arc::clone(namespace), name.to_owned(), self.shared());
        Box::pin(async move {
            let id = self.next_id(now).await?.as_i64();
            let make =
                verb::PutSchedule { id, namespace, name, schedule, source, expected, now, shared };
            self.act(verb::Paused { make, pause }).await.map(drop)
        })
    }
}

/// The day on which an id was made, counted as the tables of days are.
fn day(job: JobId) -> i64 {
    JobId::ms_at(job.made_at()) / MS_PER_DAY
}
