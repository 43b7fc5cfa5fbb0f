//! The verbs about schedules.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::driver::Driver;
use super::origin::Origin;
use super::sql_store::SqlStore;
use super::types::{Expected, QueuePage};
use super::verb::{self, Prepared, ScheduleRow};
use super::{QueueStore as _, Reply, Store as _};
use crate::Error;
use crate::core::schedule::due;
use crate::job::{
    JobId, NewJob, PauseOptions, Schedule, ScheduleRecord, ScheduleSource, TickOf, TickRecord,
    Timestamp,
};

/// Ticks of one schedule in a transaction, and the bytes that their payloads may have together: a
/// statement has to fit into a packet of MySQL.
const TICKS_MAX: usize = 100;
const TICK_BYTES_MAX: usize = 4 << 20;

/// What a process declares, by namespace and name.
pub(crate) type Declared = BTreeMap<(Arc<str>, String), Schedule>;

/// The answer to a round of firing.
#[derive(Debug)]
pub(crate) struct Fired {
    /// Schedules that were moved on, by this node or another.
    pub(crate) count: usize,
    /// When to look again.
    pub(crate) next: Option<Timestamp>,
}

/// As [`Store`](super::Store), for schedules.
pub(crate) trait ScheduleStore {
    fn schedules(&self, namespace: &Arc<str>, page: QueuePage) -> Reply<'_, Vec<ScheduleRecord>>;
    fn put_schedule(
        &self,
        namespace: &Arc<str>,
        name: &str,
        schedule: Schedule,
        expected: Expected,
    ) -> Reply<'_, ScheduleRecord>;
    /// Makes a schedule that code declares, or changes it unless people have.
    fn declare_schedule(
        &self,
        namespace: &Arc<str>,
        name: &str,
        schedule: Schedule,
    ) -> Reply<'_, ScheduleRecord>;
    fn remove_schedule(
        &self,
        namespace: &Arc<str>,
        name: &str,
        expected: Option<i64>,
    ) -> Reply<'_, ()>;
    /// Pauses, or with none ends the pause.
    fn pause_schedule(
        &self,
        namespace: &Arc<str>,
        name: &str,
        pause: Option<PauseOptions>,
    ) -> Reply<'_, ScheduleRecord>;
    fn ticks(
        &self,
        namespace: &Arc<str>,
        name: &str,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Reply<'_, Vec<TickRecord>>;
    /// Makes a job now.
    fn trigger(&self, namespace: &Arc<str>, name: &str) -> Reply<'_, JobId>;
    /// Fires what is due, of up to `limit` schedules.
    fn fire(&self, limit: usize, declared: &Arc<Declared>) -> Reply<'_, Fired>;
}

impl<D: Driver> ScheduleStore for SqlStore<D> {
    fn schedules(&self, namespace: &Arc<str>, page: QueuePage) -> Reply<'_, Vec<ScheduleRecord>> {
        let (namespace, now, shared) = (Arc::clone(namespace), self.now(), self.shared());
        Box::pin(async move {
            let rows = self.driver().read(verb::ListSchedules { namespace, page, shared }).await?;
            rows.into_iter().map(|row| row.record(now)).collect()
        })
    }

    fn put_schedule(
        &self,
        namespace: &Arc<str>,
        name: &str,
        schedule: Schedule,
        expected: Expected,
    ) -> Reply<'_, ScheduleRecord> {
        self.put((namespace, name), schedule, ScheduleSource::Api, expected)
    }

    fn declare_schedule(
        &self,
        namespace: &Arc<str>,
        name: &str,
        schedule: Schedule,
    ) -> Reply<'_, ScheduleRecord> {
        self.put((namespace, name), schedule, ScheduleSource::Code, Expected::Any)
    }

    fn remove_schedule(
        &self,
        namespace: &Arc<str>,
        name: &str,
        expected: Option<i64>,
    ) -> Reply<'_, ()> {
        let (namespace, name, shared) = (Arc::clone(namespace), name.to_owned(), self.shared());
        Box::pin(self.act(verb::RemoveSchedule { namespace, name, expected, shared }))
    }

    fn pause_schedule(
        &self,
        namespace: &Arc<str>,
        name: &str,
        pause: Option<PauseOptions>,
    ) -> Reply<'_, ScheduleRecord> {
        let (namespace, name) = (Arc::clone(namespace), name.to_owned());
        let (now, shared) = (self.now(), self.shared());
        Box::pin(self.act(verb::PauseSchedule { namespace, name, pause, now, shared }))
    }

    fn ticks(
        &self,
        namespace: &Arc<str>,
        name: &str,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Reply<'_, Vec<TickRecord>> {
        let (namespace, name, shared) = (Arc::clone(namespace), name.to_owned(), self.shared());
        Box::pin(self.driver().read(verb::ListTicks { namespace, name, before, limit, shared }))
    }

    fn trigger(&self, namespace: &Arc<str>, name: &str) -> Reply<'_, JobId> {
        let (namespace, name) = (Arc::clone(namespace), name.to_owned());
        Box::pin(async move {
            let latest = self.ticks(&namespace, &name, None, 1).await?;
            let page = QueuePage { only: Some(name.clone()), after: String::new(), limit: 1 };
            let (of, shared) = (Arc::clone(&namespace), self.shared());
            let list = verb::ListSchedules { namespace: of, page, shared };
            let row = self.driver().read(list).await?.pop();
            let row = row.ok_or_else(|| Error::not_found(format!("schedule `{name}`")))?;
            let Some(job) = row.schedule()?.job else {
                return Err(Error::conflict(format!(
                    "the jobs of schedule `{name}` are made by code: it cannot be run from here"
                )));
            };
            // Not at an instant that has a tick.
            let after = latest.first().map(|last| last.tick.as_micros() + 1);
            let tick = self.now().max(Timestamp::from_micros(after.unwrap_or_default()));
            let run = self.run_of(&row, tick, job).await?;
            self.act(verb::Trigger { row, tick, run }).await
        })
    }

    fn fire(&self, limit: usize, declared: &Arc<Declared>) -> Reply<'_, Fired> {
        let declared = Arc::clone(declared);
        Box::pin(async move {
            let by_code = declared.iter().filter(|(_, schedule)| schedule.is_by_code());
            let names = by_code.map(|(key, _)| key.clone()).collect();
            let (now, mut count, mut failed) = (self.now(), 0, None);
            let found = verb::DueSchedules { now, limit, declared: names };
            let found = self.driver().read(found).await?;
            for row in found.due {
                let name = row.name.clone();
                match self.fire_one(row, now, &declared).await {
                    // Another node fires it, or someone changes it: the next round sees.
                    Err(error) if error.is_moved() => count += 1,
                    Err(error) => {
                        tracing::error!(schedule = %name, %error, "cannot fire a schedule");
                        failed = Some(error);
                    }
                    Ok(has_fired) => count += usize::from(has_fired),
                }
            }
            match failed {
                Some(error) => Err(error),
                None => Ok(Fired { count, next: found.next }),
            }
        })
    }
}

impl<D: Driver> SqlStore<D> {
    fn put(
        &self,
        (namespace, name): (&Arc<str>, &str),
        schedule: Schedule,
        source: ScheduleSource,
        expected: Expected,
    ) -> Reply<'_, ScheduleRecord> {
        let (namespace, name) = (Arc::clone(namespace), name.to_owned());
        Box::pin(async move {
            let (now, shared) = (self.now(), self.shared());
            let id = self.next_id(now).await?.as_i64();
            let verb =
                verb::PutSchedule { id, namespace, name, schedule, source, expected, now, shared };
            self.act(verb).await
        })
    }

    /// Fires what is due of one schedule, unless that is up to other processes.
    async fn fire_one(
        &self,
        row: ScheduleRow,
        now: Timestamp,
        declared: &Declared,
    ) -> Result<bool, Error> {
        let mut schedule = row.schedule()?;
        if schedule.is_by_code()
            && let Some(known) = declared.get(&(row.namespace.as_str().into(), row.name.clone()))
        {
            schedule.code = known.code.clone();
        }
        let Some(table) = schedule.timetable(&row.name, row.created_at)? else { return Ok(false) };
        let bytes = schedule.job.as_ref().map_or(0, |job| job.payload.len()).max(1);
        let limit = (TICK_BYTES_MAX / bytes).clamp(1, TICKS_MAX);
        let first = row.next_tick.filter(|tick| table.due_at(*tick) <= now);
        let found = first.map(|first| due(&table, first, now, schedule.catch_up, limit));
        let (due, next_tick) = match found {
            Some(found) => (found.ticks, found.next),
            None => (Vec::new(), row.next_tick),
        };
        let is_idle = self.is_idle(&row, &schedule).await?;
        let mut runs = Vec::with_capacity(due.len() + 1);
        let ticks = row.buffered_tick.into_iter().chain(due.iter().copied());
        for tick in ticks.filter(|_| !is_idle) {
            runs.push((tick, self.run_of(&row, tick, schedule.job_of_tick(tick)?).await?));
        }
        let next_due = next_tick.map(|tick| table.due_at(tick));
        let overlap = schedule.overlap;
        let verb = verb::Fire { row, overlap, is_idle, due, runs, next_tick, next_due, now };
        self.driver().write(verb).await?;
        Ok(true)
    }

    /// Whether the schedule needs a queue that is not there.
    async fn is_idle(&self, row: &ScheduleRow, schedule: &Schedule) -> Result<bool, Error> {
        let Some(queue) = schedule.needed_queue() else { return Ok(false) };
        let page = QueuePage { only: Some(queue.to_owned()), after: String::new(), limit: 1 };
        Ok(self.queues(&row.namespace.as_str().into(), page).await?.is_empty())
    }

    /// What stores the job of a tick.
    async fn run_of(
        &self,
        row: &ScheduleRow,
        tick: Timestamp,
        job: NewJob,
    ) -> Result<verb::Enqueue, Error> {
        let of = TickOf { schedule: row.name.clone(), tick };
        let origin = Origin { schedule: Some(of), ..Origin::default() };
        let prepared = vec![Prepared::of(job, origin)?];
        let namespace = row.namespace.as_str().into();
        let enqueue = self.prepare_enqueue(namespace, prepared, true, self.clock().now()).await?;
        // Whoever made the schedule was told that its ticks become jobs: a full queue refuses none.
        Ok(verb::Enqueue { admits: false, ..enqueue })
    }
}
