//! Edit: a job that waits or has ended gets another payload, place or time.

use std::sync::Arc;

use crate::Error;
use crate::core::{Counts, Event, Reason};
use crate::job::{Act, EventName, JobEdit, JobId, JobRecord, JobVersion, RunAt, Timestamp};
use crate::store::Shared;
use crate::store::driver::{Param, Tx, Verb, Waits};
use crate::store::effects::Measure;
use crate::store::ids::Ids;
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::verb::cancel::remove_from_room;
use crate::store::verb::enqueue::json_text;
use crate::store::verb::enter::{Entry, enter, first_place};
use crate::store::verb::locate;

/// Changes one job and returns it as it stands then.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) namespace: Arc<str>,
    pub(crate) job: JobId,
    /// The version that is meant; none means any.
    pub(crate) version: Option<JobVersion>,
    pub(crate) edit: JobEdit,
    /// The id of the queue it moves to, which was made known with the job's kind before.
    pub(crate) queue_id: Option<i64>,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Arc<Ids>,
}

/// Where a job goes.
#[derive(Debug, Clone, Copy)]
struct Place {
    queue_id: i64,
    kind_id: i64,
    priority: i64,
}

impl Verb for Edit {
    type Reply = JobRow;

    fn act(&self) -> Option<Act> {
        Some(Act::new(&self.namespace, "job.change", self.job.to_string()))
    }

    async fn landed<T: Tx>(&self, reply: &JobRow, tx: &mut T) -> Result<bool, Error> {
        let rows = tx.query(Sql::JobGet, &[self.job.as_i64().into()]).await?;
        let now = rows.first(JobRow::read)?.map(|row| row.record);
        Ok(now.as_ref().map(changeable) == Some(changeable(&reply.record)))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<JobRow, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let row = locate(tx, namespace_id, self.job).await?;
        row.expect(self.version)?;
        let place = self.place(&row);
        let run_at = self.edit.run_at.map(|at| at.resolve(self.now));
        match row.room {
            Room::Lease { .. } => {
                return Err(Error::conflict(format!(
                    "job {} is running: it can be changed when it waits or has ended",
                    self.job
                )));
            }
            Room::Ended { .. } if run_at.is_some() => {
                let state = row.record.state;
                return Err(Error::conflict(format!(
                    "job {} is {state}: it has no time to run (retry it with a delay)",
                    self.job
                )));
            }
            Room::Ended { .. } => {}
            Room::Ready { counts, .. } | Room::Throttled { counts } => {
                remove_from_room(tx, &row).await?;
                let later = self.delay_of_pending(run_at);
                self.enter(tx, (&row, place), counts, later).await?;
                // The slots it may hold are those of its old place.
                tx.effects().left(self.job);
            }
            Room::Delayed { run_at: old, counts } => {
                remove_from_room(tx, &row).await?;
                let reason = row.record.reason.unwrap_or(Reason::Scheduled);
                let at = run_at.unwrap_or(old);
                let is_later = run_at.is_none() || at > self.now;
                let later = is_later.then_some((at, reason));
                self.enter(tx, (&row, place), counts, later).await?;
            }
            Room::Blocked { run_at: old, .. } => {
                let run_at = run_at.or(old).map(Timestamp::as_micros);
                let params = [
                    self.job.as_i64().into(),
                    place.queue_id.into(),
                    place.priority.into(),
                    run_at.into(),
                ];
                if tx.execute(Sql::BlockedEdit, &params).await? == 0 {
                    return Err(Error::moved(format!("job {}", self.job)));
                }
            }
        }
        self.change(tx, &row, place).await?;
        let changed = locate(tx, namespace_id, self.job).await?;
        let effects = tx.effects();
        effects.count(row.queue_id, row.kind_id, Measure::In(row.record.state), -1);
        effects.count(place.queue_id, place.kind_id, Measure::In(changed.record.state), 1);
        if changed.record.state != row.record.state {
            effects.tell(EventName::of_state(changed.record.state), self.job, changed.pair());
        }
        Ok(changed)
    }

    fn waits(&self) -> Waits {
        Waits::of_jobs(std::iter::once(self.job))
    }
}

impl Edit {
    fn place(&self, row: &JobRow) -> Place {
        let priority = self.edit.priority.unwrap_or(row.record.priority);
        Place {
            queue_id: self.queue_id.unwrap_or(row.queue_id),
            kind_id: row.kind_id,
            priority: i64::from(priority.get()),
        }
    }

    /// A job that could run now waits from here on, if its time is ahead.
    fn delay_of_pending(&self, run_at: Option<Timestamp>) -> Option<(Timestamp, Reason)> {
        run_at.filter(|at| *at > self.now).map(|at| (at, Reason::Scheduled))
    }

    /// Puts the job into the delayed room until its time, or else lets it in, behind those that are there.
    async fn enter<T: Tx>(
        &self,
        tx: &mut T,
        (row, place): (&JobRow, Place),
        counts: Counts,
        later: Option<(Timestamp, Reason)>,
    ) -> Result<(), Error> {
        let id = self.job.as_i64().into();
        let [queue, kind, priority, epoch] =
            [place.queue_id, place.kind_id, place.priority, counts.epoch].map(Param::Int);
        let [attempt, crashes, snoozes] =
            [counts.attempt, counts.crashes, counts.snoozes].map(Param::from);
        match later {
            Some((at, reason)) => {
                let (at, reason) = (at.as_micros().into(), reason.code().into());
                let to = [at, id, reason, queue, kind, priority, epoch, attempt, crashes, snoozes];
                tx.execute(Sql::DelayedInsert, &to).await?;
                tx.effects().delayed();
            }
            None => {
                let settings = self.shared.settings.known();
                let (keys, priority) = (&row.record.keys, place.priority);
                let entry = Entry {
                    job: self.job.as_i64(),
                    queue_id: place.queue_id,
                    kind_id: place.kind_id,
                    priority,
                    seq: self.ids.next(self.now)?.as_i64(),
                    counts,
                    place: first_place(keys, row.namespace_id, priority, settings.as_deref()),
                };
                enter(tx, &[entry]).await?;
            }
        }
        Ok(())
    }

    async fn change<T: Tx>(&self, tx: &mut T, row: &JobRow, place: Place) -> Result<(), Error> {
        let (job, edit) = (&row.record, &self.edit);
        debug_assert!(
            edit.run_at.is_none() || job.state.after(Event::Reschedule).is_ok(),
            "{job:?}"
        );
        let tags = edit.tags.as_ref().unwrap_or(&job.tags);
        let tags = if tags.is_empty() { None } else { Some(json_text(tags)?) };
        let run_at = edit.run_at.map(|at| at.resolve(self.now));
        let params = [
            self.job.as_i64().into(),
            place.queue_id.into(),
            place.priority.into(),
            edit.max_attempts.unwrap_or(job.max_attempts).into(),
            run_at.map(Timestamp::as_micros).into(),
            tags.as_deref().into(),
            edit.payload.as_deref().unwrap_or(&job.payload).into(),
            self.now.as_micros().into(),
        ];
        match tx.execute(Sql::JobEdit, &params).await? {
            0 => Err(Error::moved(format!("job {}", self.job))),
            _ => Ok(()),
        }
    }
}

/// What an edit may change.
fn changeable(job: &JobRecord) -> JobEdit {
    JobEdit {
        payload: Some(job.payload.clone()),
        queue: Some(job.queue.clone()),
        priority: Some(job.priority),
        max_attempts: Some(job.max_attempts),
        run_at: job.scheduled_at.map(RunAt::At),
        tags: Some(job.tags.clone()),
    }
}
