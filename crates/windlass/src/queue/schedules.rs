//! Schedules as things: made, changed, paused, run now, read.

use super::Queue;
use crate::job::{JobId, PauseOptions, Schedule, ScheduleRecord, TickRecord, check_name};
use crate::store::{Expected, QueuePage};
use crate::{Error, FieldError, Timestamp};

/// Schedules or ticks on a page.
const PAGE_MAX: usize = 500;

/// Not free as a name: `/schedules/preview` is something else.
const PREVIEW: &str = "preview";

impl Queue {
    /// Reads up to 500 schedules of this namespace, by name, after the name `after` (empty for the first).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn schedules(&self, after: &str) -> Result<Vec<ScheduleRecord>, Error> {
        let page = QueuePage { only: None, after: after.to_owned(), limit: PAGE_MAX };
        self.store().schedules(&self.namespace, page).await
    }

    /// Reads one schedule.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such schedule.
    pub async fn schedule(&self, name: &str) -> Result<ScheduleRecord, Error> {
        let page = QueuePage { only: Some(name.to_owned()), after: String::new(), limit: 1 };
        let mut found = self.store().schedules(&self.namespace, page).await?;
        found.pop().ok_or_else(|| Error::not_found(format!("schedule `{name}`")))
    }

    /// Makes a schedule. It ticks while any process works on the database (a worker, or `windlass serve`).
    ///
    /// # Errors
    /// [`Error::Conflict`] when it exists, [`Error::Invalid`] naming each broken rule, also when it needs code:
    /// such a schedule is declared with [`Worker::schedule`](crate::Worker::schedule).
    pub async fn create_schedule(
        &self,
        name: &str,
        schedule: Schedule,
    ) -> Result<ScheduleRecord, Error> {
        refuse_code(&schedule)?;
        self.put_schedule(name, schedule, Expected::New).await
    }

    /// Makes a schedule as [`Worker::schedule`](crate::Worker::schedule) does, or changes it to this, unless people
    /// have changed it since. A pause stays. What is no longer declared goes on until someone deletes it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each broken rule, also when it needs code, which only a worker can bring.
    pub async fn declare_schedule(
        &self,
        name: &str,
        schedule: Schedule,
    ) -> Result<ScheduleRecord, Error> {
        refuse_code(&schedule)?;
        check_schedule(name, &schedule)?;
        self.store().declare_schedule(&self.namespace, name, schedule).await
    }

    /// Replaces what a schedule is like; with `version`, only that of this version. Ticks that have passed
    /// stay what they were. From then on it is as people have it, and code that declares it changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] naming each broken rule, [`Error::Conflict`] with code
    /// `precondition_failed` when the version is another.
    pub async fn configure_schedule(
        &self,
        name: &str,
        schedule: Schedule,
        version: Option<i64>,
    ) -> Result<ScheduleRecord, Error> {
        let expected = version.map_or(Expected::Any, Expected::Version);
        self.put_schedule(name, schedule, expected).await
    }

    async fn put_schedule(
        &self,
        name: &str,
        schedule: Schedule,
        expected: Expected,
    ) -> Result<ScheduleRecord, Error> {
        check_schedule(name, &schedule)?;
        self.store().put_schedule(&self.namespace, name, schedule, expected).await
    }

    /// Deletes a schedule with its history; jobs it has made stay.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] with code `precondition_failed` when `version` is not its version.
    pub async fn delete_schedule(&self, name: &str, version: Option<i64>) -> Result<(), Error> {
        self.store().remove_schedule(&self.namespace, name, version).await
    }

    /// Pauses a schedule: no tick is fired by any process once this has returned, until someone resumes it
    /// or its end comes. Neither new releases nor changes of the schedule end a pause.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn pause_schedule(
        &self,
        name: &str,
        options: PauseOptions,
    ) -> Result<ScheduleRecord, Error> {
        options.check(self.clock().now())?;
        self.store().pause_schedule(&self.namespace, name, Some(options)).await
    }

    /// Ends the pause of a schedule. What became due meanwhile is up to its
    /// [`CatchUp`](crate::CatchUp).
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn resume_schedule(&self, name: &str) -> Result<ScheduleRecord, Error> {
        self.store().pause_schedule(&self.namespace, name, None).await
    }

    /// Runs the job of a schedule now, also while it is paused and whatever it says of overlaps; ticks to
    /// come are not changed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when code makes its jobs.
    pub async fn trigger_schedule(&self, name: &str) -> Result<JobId, Error> {
        self.store().trigger(&self.namespace, name).await
    }

    /// Reads up to `limit` (at most 500) ticks of the past, the latest first, before the tick `before`. The
    /// last 1000 are kept.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such schedule.
    pub async fn schedule_ticks(
        &self,
        name: &str,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<TickRecord>, Error> {
        self.store().ticks(&self.namespace, name, before, limit.min(PAGE_MAX)).await
    }
}

fn refuse_code(schedule: &Schedule) -> Result<(), Error> {
    if schedule.is_by_code() && (schedule.code.make.is_some() || schedule.code.next.is_some()) {
        let detail = "is made by code: declare the schedule with a worker";
        return Err(Error::invalid("/job", detail));
    }
    Ok(())
}

/// Checks name and schedule, and names each broken rule.
pub(crate) fn check_schedule(name: &str, schedule: &Schedule) -> Result<(), Error> {
    let mut broken = match schedule.check() {
        Err(Error::Invalid(broken)) => broken,
        Err(error) => return Err(error),
        Ok(()) => Vec::new(),
    };
    if let Err(detail) = check_name(name) {
        broken.insert(0, FieldError::new("/name", detail));
    }
    if name == PREVIEW {
        broken
            .insert(0, FieldError::new("/name", "is `preview`, which is the address of previews"));
    }
    if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
}
