//! Cancel: a waiting job ends at once; a running one is asked to stop, or cut off by force.

use std::sync::Arc;
use std::time::Duration;

use crate::core::{Event, Next, Reason, Settlement, State};
use crate::job::{Act, JobId, JobVersion, Timestamp};
use crate::store::Shared;
use crate::store::driver::{Param, Tx, Verb, Waits};
use crate::store::effects::Measure;
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::store::verb::unique::release;
use crate::store::verb::{apply, locate};
use crate::{Error, JobRecord};

/// How long a running job may take to heed a request to stop before it is cut off.
const CANCEL_GRACE: Duration = Duration::from_secs(30);

/// Cancels one job and returns it as it stands then.
#[derive(Debug)]
pub(crate) struct Cancel {
    pub(crate) namespace: Arc<str>,
    pub(crate) job: JobId,
    /// The version that is meant; none means any.
    pub(crate) version: Option<JobVersion>,
    pub(crate) reason: Option<String>,
    pub(crate) force: bool,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for Cancel {
    type Reply = JobRecord;

    fn act(&self) -> Option<Act> {
        let act = Act::new(&self.namespace, "job.cancel", self.job.to_string());
        let reason = self.reason.as_deref().unwrap_or_default();
        Some(act.detail(if self.force { format!("by force: {reason}") } else { reason.to_owned() }))
    }

    async fn landed<T: Tx>(&self, reply: &JobRecord, tx: &mut T) -> Result<bool, Error> {
        let rows = tx.query(Sql::JobGet, &[self.job.as_i64().into()]).await?;
        let now = rows.first(JobRow::read)?.map(|row| row.record);
        // A worker that was asked to stop may have heeded it meanwhile.
        let heeded =
            |now: &JobRecord| now.state == State::Cancelled && now.reason == Some(Reason::Request);
        let stands = |now: &JobRecord| now.state == reply.state && now.reason == reply.reason;
        Ok(now.is_some_and(|now| stands(&now) || heeded(&now)))
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<JobRecord, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let row = locate(tx, namespace_id, self.job).await?;
        row.expect(self.version)?;
        match row.room {
            Room::Ended { .. } => {
                let state = row.record.state;
                return Err(Error::conflict(format!(
                    "job {} has already ended: {state}",
                    self.job
                )));
            }
            Room::Ready { .. }
            | Room::Delayed { .. }
            | Room::Blocked { .. }
            | Room::Throttled { .. } => {
                leave_room(tx, &row, &settlement(&row, self.reason.as_deref()), self.now).await?;
            }
            Room::Lease { .. } if !self.force => {
                ask_to_stop(tx, &row, self.reason.as_deref(), self.now).await?;
            }
            Room::Lease { worker_id, .. } => self.cut_off(tx, &row, worker_id).await?,
        }
        Ok(locate(tx, namespace_id, self.job).await?.record)
    }

    fn waits(&self) -> Waits {
        Waits::of_jobs(std::iter::once(self.job))
    }
}

impl Cancel {
    /// Ends the lease now: the epoch grows, so that whatever the worker reports is refused.
    async fn cut_off<T: Tx>(&self, tx: &mut T, row: &JobRow, worker_id: i64) -> Result<(), Error> {
        let mut settlement = settlement(row, self.reason.as_deref());
        settlement.counts.epoch += 1;
        settlement.started_at = row.record.started_at;
        settlement.unique = row.unique().map(str::to_owned);
        let worker = row.record.worker.as_deref().unwrap_or_default();
        let fenced = apply::Fenced { settlement, worker_id, worker };
        apply::apply_all(tx, vec![fenced], self.now).await?;
        tx.effects().cancelling();
        Ok(())
    }
}

/// How a job ends that someone asked to cancel.
pub(super) fn settlement(row: &JobRow, reason: Option<&str>) -> Settlement {
    let end = (State::Cancelled, Reason::Request);
    let counts = row.room.counts();
    let mut settlement = Settlement::of_waiting(row.record.id, counts, Event::Cancel, end);
    if let Next::Ended { detail, .. } = &mut settlement.next {
        *detail = reason.map(str::to_owned);
    }
    settlement
}

/// Asks the worker of a running job to stop it.
pub(super) async fn ask_to_stop<T: Tx>(
    tx: &mut T,
    row: &JobRow,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let job = row.record.id;
    let Room::Lease { counts, cancelling, .. } = row.room else {
        return Err(Error::bug(format!("job {job} does not run")));
    };
    let cancel_by = (now + CANCEL_GRACE).as_micros();
    let params = [job.as_i64().into(), counts.epoch.into(), cancel_by.into(), reason.into()];
    let asked = tx.execute(Sql::LeaseCancel, &params).await?;
    if asked == 0 && !cancelling {
        return Err(Error::moved(format!("job {job}")));
    }
    tx.effects().cancelling();
    Ok(())
}

/// Ends a job that waits in the ready or delayed room.
pub(super) async fn leave_room<T: Tx>(
    tx: &mut T,
    row: &JobRow,
    settlement: &Settlement,
    now: Timestamp,
) -> Result<(), Error> {
    remove_from_room(tx, row).await?;
    let Next::Ended { state, reason, detail, .. } = &settlement.next else {
        return Err(Error::bug("a waiting job can only end"));
    };
    debug_assert_eq!(row.record.state.after(settlement.event), Ok(*state));
    let counts = settlement.counts;
    let outcome = [
        row.record.id.as_i64().into(),
        state.code().into(),
        reason.map(Reason::code).into(),
        counts.epoch.into(),
        counts.attempt.into(),
        counts.crashes.into(),
        counts.snoozes.into(),
        Param::Null,
        Param::Null,
        Param::Null,
        now.as_micros().into(),
        detail.as_deref().into(),
        Param::Null,
    ];
    tx.execute(Sql::OutcomeInsert, &outcome).await?;
    let held = row.unique().map(|digest| (digest.to_owned(), row.record.id));
    release(tx, held.into_iter().collect()).await?;
    let effects = tx.effects();
    effects.moved(row.record.id, row.pair(), row.record.state, *state);
    effects.count(row.queue_id, row.kind_id, Measure::of_end(*state), 1);
    effects.ended(row.record.id);
    Ok(())
}

/// Deletes a waiting or ended job's row, if it is still where it was read.
pub(super) async fn remove_from_room<T: Tx>(tx: &mut T, row: &JobRow) -> Result<(), Error> {
    let job = row.record.id.as_i64();
    if !row.record.keys.is_empty() {
        tx.effects().left(row.record.id);
    }
    let gone = match row.room {
        Room::Ready { seq, .. } => {
            let priority = i64::from(row.record.priority.get());
            let params =
                [row.queue_id.into(), row.kind_id.into(), priority.into(), seq.into(), job.into()];
            tx.execute(Sql::ReadyRemove, &params).await?
        }
        Room::Delayed { run_at, counts } => {
            let params = [run_at.as_micros().into(), job.into(), counts.epoch.into()];
            tx.execute(Sql::DelayedRemove, &params).await?
        }
        Room::Ended { counts } => {
            tx.execute(Sql::OutcomeRemove, &[job.into(), counts.epoch.into()]).await?
        }
        Room::Blocked { .. } => {
            tx.execute(Sql::DependencyForget, &[job.into()]).await?;
            tx.execute(Sql::BlockedRemove, &[job.into()]).await?
        }
        Room::Throttled { counts } => {
            tx.execute(Sql::ThrottledRemove, &[job.into(), counts.epoch.into()]).await?
        }
        Room::Lease { .. } => 0,
    };
    if gone == 1 { Ok(()) } else { Err(Error::moved(format!("job {job}"))) }
}
