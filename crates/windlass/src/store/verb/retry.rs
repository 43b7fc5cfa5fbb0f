//! Retry by hand: an ended job gets another life; a waiting one runs now.

use std::sync::Arc;

use crate::Error;
use crate::core::{Counts, Event, Reason, State};
use crate::job::{Act, Dependency, EventName, JobId, JobVersion, Timestamp};
use crate::store::driver::{Batch, Param, Tx, Verb, Waits};
use crate::store::ids::Ids;
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::verb::bundle::reopen;
use crate::store::verb::cancel::remove_from_room;
use crate::store::verb::enqueue::edge;
use crate::store::verb::enter::{Entry, enter, first_place};
use crate::store::verb::locate;
use crate::store::verb::reopen::{Scope, parents_of, waits_for};
use crate::store::verb::unique::{refuse_held, take_again};
use crate::store::{RetryOptions, Shared};

/// Retries one job and returns it as it stands then.
#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) namespace: Arc<str>,
    pub(crate) job: JobId,
    /// The version that is meant; none means any.
    pub(crate) version: Option<JobVersion>,
    pub(crate) options: RetryOptions,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Arc<Ids>,
}

impl Verb for Retry {
    type Reply = JobRow;

    fn act(&self) -> Option<Act> {
        Some(Act::new(&self.namespace, "job.retry", self.job.to_string()))
    }

    /// A worker may have run the job meanwhile: an epoch beyond the one it had before says so.
    async fn landed<T: Tx>(&self, reply: &JobRow, tx: &mut T) -> Result<bool, Error> {
        let rows = tx.query(Sql::JobGet, &[self.job.as_i64().into()]).await?;
        let Some(now) = rows.first(JobRow::read)? else { return Ok(false) };
        let (then, since) = (reply.room.counts().epoch, now.room.counts().epoch);
        let stands = now.record.state == reply.record.state
            && now.record.scheduled_at == reply.record.scheduled_at;
        Ok(since > then || (since == then && stands))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<JobRow, Error> {
        tx.query(Sql::EndedLock, &[]).await?;
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let row = locate(tx, namespace_id, self.job).await?;
        row.expect(self.version)?;
        match row.room {
            Room::Ready { .. }
            | Room::Lease { .. }
            | Room::Blocked { .. }
            | Room::Throttled { .. } => {
                let state = row.record.state;
                return Err(Error::conflict(format!(
                    "job {} is {state}: nothing to retry",
                    self.job
                )));
            }
            Room::Delayed { counts, .. } => self.run_now(tx, &row, counts).await?,
            Room::Ended { counts } => {
                self.revive(tx, &row, counts, &[]).await?;
            }
        }
        locate(tx, namespace_id, self.job).await
    }

    fn waits(&self) -> Waits {
        Waits::of_jobs(std::iter::once(self.job))
    }
}

impl Retry {
    /// As [`run`](Verb::run), for one of many: a node of a workflow that ended because of others waits for those
    /// again, whether they were retried a moment ago or long before. Returns the job as it stood.
    pub(super) async fn run_in_turn<T: Tx>(&self, tx: &mut T) -> Result<JobRow, Error> {
        tx.query(Sql::EndedLock, &[]).await?;
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let row = locate(tx, namespace_id, self.job).await?;
        let is_held_up = row.record.reason == Some(Reason::Dependency);
        match row.room {
            Room::Ended { counts } if is_held_up && row.record.workflow_id.is_some() => {
                let known = parents_of(tx, std::slice::from_ref(&row)).await?;
                let waits_for = waits_for(&row, &known, Scope::Descendants).map_err(|parent| {
                    let job = self.job;
                    Error::conflict(format!(
                        "job {job} would end again at once because of job {parent}, which it depends on: retry that one"
                    ))
                })?;
                self.revive(tx, &row, counts, &waits_for).await?;
            }
            _ => drop(self.run(tx).await?),
        }
        Ok(row)
    }

    pub(super) async fn run_now<T: Tx>(
        &self,
        tx: &mut T,
        row: &JobRow,
        counts: Counts,
    ) -> Result<(), Error> {
        debug_assert_eq!(row.record.state.after(Event::RunNow), Ok(State::Pending));
        remove_from_room(tx, row).await?;
        let job = &row.record;
        self.update_job(tx, row, job.max_attempts, (job.start_by, job.deadline)).await?;
        self.wait(tx, row, counts).await
    }

    /// Gives an ended job another life, which waits for these jobs. What it is a member of is open again.
    pub(super) async fn revive<T: Tx>(
        &self,
        tx: &mut T,
        row: &JobRow,
        old: Counts,
        parents: &[Dependency],
    ) -> Result<(), Error> {
        // A refusal comes before anything is written: other jobs may share the transaction.
        refuse_held(tx, row, self.now).await?;
        reopen(tx, self.job, &row.bundles()).await?;
        // Whoever moves a job takes its room first: a delete does so too.
        remove_from_room(tx, row).await?;
        take_again(tx, row, self.now).await?;
        self.keep_outcome(tx, row, old).await?;
        let attempt = if self.options.reset_attempts { 0 } else { old.attempt };
        // One more attempt than were used, if they were used up.
        let max_attempts = row.record.max_attempts.max(attempt.saturating_add(1));
        self.update_job(tx, row, max_attempts, (None, self.deadline(row))).await?;
        if let Some(deadline) = self.deadline(row) {
            let params = [deadline.as_micros().into(), self.job.as_i64().into()];
            tx.execute(Sql::ExpiryInsert, &params).await?;
        }
        let counts = Counts { epoch: old.epoch + 1, attempt, crashes: 0, snoozes: old.snoozes };
        if parents.is_empty() {
            self.wait(tx, row, counts).await
        } else {
            self.block(tx, row, counts, parents).await
        }
    }

    /// Puts the job into the blocked room.
    async fn block<T: Tx>(
        &self,
        tx: &mut T,
        row: &JobRow,
        counts: Counts,
        parents: &[Dependency],
    ) -> Result<(), Error> {
        let id = self.job.as_i64();
        let pending = i64::try_from(parents.len()).unwrap_or(i64::MAX);
        let [epoch, attempt, crashes, snoozes] = counts.columns().map(Param::Int);
        let [pending, queue, kind, priority] =
            [pending, row.queue_id, row.kind_id, self.priority(row)].map(Param::Int);
        let blocked = [
            id.into(),
            pending,
            Param::Null,
            queue,
            kind,
            priority,
            epoch,
            attempt,
            crashes,
            snoozes,
        ];
        tx.execute(Sql::BlockedReturn, &blocked).await?;
        let mut edges = Batch::with_capacity(4, parents.len());
        for on in parents {
            edges.push(edge(on, self.job));
        }
        tx.execute_each(Sql::DependencyInsert, &edges).await?;
        let effects = tx.effects();
        effects.blocked();
        effects.counted(row.pair(), row.record.state, State::Pending);
        effects.tell(EventName::JobRetried, self.job, row.pair());
        Ok(())
    }

    /// The old end stays visible in the history.
    async fn keep_outcome<T: Tx>(
        &self,
        tx: &mut T,
        row: &JobRow,
        old: Counts,
    ) -> Result<(), Error> {
        let job = &row.record;
        let attempt = [
            job.id.as_i64().into(),
            old.epoch.into(),
            old.attempt.into(),
            job.worker.as_deref().into(),
            job.started_at.map(Timestamp::as_micros).into(),
            job.completed_at.map(Timestamp::as_micros).into(),
            job.state.as_str().into(),
            job.last_error.as_deref().into(),
            Param::Null,
        ];
        tx.execute(Sql::AttemptInsert, &attempt).await?;
        Ok(())
    }

    async fn update_job<T: Tx>(
        &self,
        tx: &mut T,
        row: &JobRow,
        max_attempts: u32,
        (start_by, deadline): (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<(), Error> {
        let params = [
            self.job.as_i64().into(),
            self.priority(row).into(),
            max_attempts.into(),
            start_by.map(Timestamp::as_micros).into(),
            deadline.map(Timestamp::as_micros).into(),
            self.now.as_micros().into(),
        ];
        tx.execute(Sql::JobUpdate, &params).await?;
        Ok(())
    }

    /// Puts the job into the ready room, or into the delayed room when a delay was asked for.
    async fn wait<T: Tx>(&self, tx: &mut T, row: &JobRow, counts: Counts) -> Result<(), Error> {
        let [id, queue, kind, priority] =
            [self.job.as_i64(), row.queue_id, row.kind_id, self.priority(row)].map(Param::Int);
        let [epoch, attempt, crashes, snoozes] = counts.columns().map(Param::Int);
        let to = if self.options.delay.is_zero() {
            let (seq, priority) = (self.ids.next(self.now)?.as_i64(), self.priority(row));
            let settings = self.shared.settings.known();
            let settings = settings.as_deref();
            let keys = &row.record.keys;
            let place = first_place(keys, row.namespace_id, priority, settings);
            let entry = Entry { priority, counts, place, ..Entry::of(row, seq, None) };
            enter(tx, &[entry]).await?;
            State::Pending
        } else {
            let at = (self.now + self.options.delay).as_micros().into();
            let reason = Reason::Scheduled.code().into();
            let delayed = [at, id, reason, queue, kind, priority, epoch, attempt, crashes, snoozes];
            tx.execute(Sql::DelayedInsert, &delayed).await?;
            tx.effects().delayed();
            State::Delayed
        };
        let effects = tx.effects();
        effects.counted(row.pair(), row.record.state, to);
        effects.tell(EventName::JobRetried, self.job, row.pair());
        Ok(())
    }

    /// A deadline that has passed would end the new life at once: it is dropped.
    fn deadline(&self, row: &JobRow) -> Option<Timestamp> {
        row.record.deadline.filter(|deadline| *deadline > self.now)
    }

    fn priority(&self, row: &JobRow) -> i64 {
        i64::from(self.options.priority.unwrap_or(row.record.priority).get())
    }
}
