//! Fire: ticks whose time has come become jobs.
//!
//! Any node may run it at any time: whoever takes the turn of a schedule fires, in one transaction with the
//! jobs and the rows of the ticks, whose primary key refuses a second one.

use std::sync::Arc;
use std::time::Duration;

use super::cancel::leave_room;
use super::delete::cut_off;
use super::enqueue::Enqueue;
use super::schedules::ScheduleRow;
use crate::core::schedule::decide;
use crate::core::{Event, Reason, Settlement, State};
use crate::job::{Act, EventName, JobId, Overlap, SCHEDULE_TICKS_KEPT, TickEnd, Timestamp};
use crate::store::driver::{Lane, Tx, Verb, Waits};
use crate::store::notes::Note;
use crate::store::rows::{JobRow, Room};
use crate::store::statements::Sql;
use crate::{Error, crash_point, sabotage};

/// How often to look whether what a tick waits for has ended.
const BUFFER_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads the schedules that someone has to look at: those that anyone can fire, and some that only the
/// caller can.
#[derive(Debug)]
pub(crate) struct DueSchedules {
    pub(crate) now: Timestamp,
    pub(crate) limit: usize,
    /// Namespace and name of what the caller declares.
    pub(crate) declared: Vec<(Arc<str>, String)>,
}

/// What there is to fire, and when to look again.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) due: Vec<ScheduleRow>,
    pub(crate) next: Option<Timestamp>,
}

impl Verb for DueSchedules {
    type Reply = Found;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Found, Error> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let rows = tx.query(Sql::ScheduleDue, &[self.now.as_micros().into(), limit.into()]).await?;
        let mut due = rows.read(ScheduleRow::read)?;
        let next = tx.query(Sql::ScheduleNext, &[]).await?.first_int()?;
        let mut next = next.map(Timestamp::from_micros);
        for (namespace, name) in &self.declared {
            let Some(row) = ScheduleRow::find(tx, namespace, name).await? else { continue };
            match row.next_at() {
                Some(at) if row.is_by_code()? => {
                    next = Some(next.map_or(at, |next| next.min(at)));
                    if at <= self.now {
                        due.push(row);
                    }
                }
                _ => {}
            }
        }
        Ok(Found { due, next })
    }
}

/// Fires ticks of one schedule, as it was read.
#[derive(Debug)]
pub(crate) struct Fire {
    pub(crate) row: ScheduleRow,
    pub(crate) overlap: Overlap,
    /// Its jobs have nowhere to go: all ticks are skipped.
    pub(crate) is_idle: bool,
    /// The ticks whose time has come.
    pub(crate) due: Vec<Timestamp>,
    /// The job of each of them, and of the tick that has been waiting.
    pub(crate) runs: Vec<(Timestamp, Enqueue)>,
    pub(crate) next_tick: Option<Timestamp>,
    /// When that one is due.
    pub(crate) next_due: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

impl Verb for Fire {
    /// The last tick that became a job.
    type Reply = Option<(Timestamp, JobId)>;

    const LANE: Lane = Lane::Enqueue;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
        let id = self.row.id;
        self.row.take_turn(tx).await?;
        if self.is_idle {
            for tick in self.row.buffered_tick.iter().chain(&self.due) {
                self.keep(tx, *tick, TickEnd::Skipped, None).await?;
            }
            self.move_on(tx, None).await?;
            return Ok(None);
        }
        let live = match self.overlap {
            _ if sabotage::on("overlap_ignored") => Vec::new(),
            Overlap::Allow => Vec::new(),
            Overlap::Skip | Overlap::Buffer | Overlap::Cancel => {
                tx.query(Sql::TickLive, &[id.into()]).await?.ints()?
            }
        };
        let decision = decide(self.overlap, self.row.buffered_tick, &self.due, !live.is_empty());
        if self.overlap == Overlap::Cancel && !decision.fire.is_empty() {
            for job in live {
                self.displace(tx, job).await?;
            }
        }
        for tick in &decision.skip {
            self.keep(tx, *tick, TickEnd::Skipped, None).await?;
        }
        let mut last = None;
        for tick in &decision.fire {
            let Some((_, run)) = self.runs.iter().find(|(of, _)| of == tick) else {
                return Err(Error::bug("a tick is to be fired without its job"));
            };
            if let Some(job) = fire(tx, (id, *tick), TickEnd::Fired, run).await? {
                tell(tx, &self.row, *tick, (run, job, false));
                last = Some((*tick, job));
            }
        }
        crash_point!("fire");
        self.move_on(tx, decision.buffer).await?;
        Ok(last)
    }

    async fn landed<T: Tx>(&self, reply: &Self::Reply, tx: &mut T) -> Result<bool, Error> {
        let Some((tick, job)) = reply else { return Ok(false) };
        has_landed(tx, (self.row.id, *tick), *job).await
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.runs.iter().map(|(_, run)| run.weight()).sum()
    }
}

impl Fire {
    async fn keep<T: Tx>(
        &self,
        tx: &mut T,
        tick: Timestamp,
        end: TickEnd,
        job: Option<JobId>,
    ) -> Result<(), Error> {
        if is_kept(tx, (self.row.id, tick)).await? {
            return Ok(());
        }
        insert(tx, (self.row.id, tick), end, (self.now, job)).await
    }

    /// The schedule waits for its next tick, and forgets very old ones.
    async fn move_on<T: Tx>(&self, tx: &mut T, buffer: Option<Timestamp>) -> Result<(), Error> {
        let id = self.row.id;
        let look = buffer.map(|_| self.now + BUFFER_LOOK_EVERY);
        let next_at = look.into_iter().chain(self.next_due).min();
        let last_tick = self.due.last().copied().or(self.row.last_tick);
        let [next_tick, next_at, buffer, last_tick] =
            [self.next_tick, next_at, buffer, last_tick].map(|at| at.map(Timestamp::as_micros));
        let params = [id.into(), next_tick.into(), next_at.into(), buffer.into(), last_tick.into()];
        tx.execute(Sql::ScheduleFired, &params).await?;
        let kept = i64::try_from(SCHEDULE_TICKS_KEPT).unwrap_or(i64::MAX);
        if let Some(edge) = tx.query(Sql::TickEdge, &[id.into(), kept.into()]).await?.first_int()? {
            tx.execute(Sql::TickTrim, &[id.into(), edge.into()]).await?;
        }
        Ok(())
    }

    /// Ends a job that a later tick takes the place of.
    async fn displace<T: Tx>(&self, tx: &mut T, job: i64) -> Result<(), Error> {
        let rows = tx.query(Sql::JobGet, &[job.into()]).await?;
        let Some(row) = rows.first(JobRow::read)? else { return Ok(()) };
        match row.room {
            Room::Ended { .. } => Ok(()),
            Room::Lease { worker_id, counts, .. } => {
                cut_off(tx, &row, (worker_id, counts), Reason::Overlap, self.now).await
            }
            Room::Ready { .. }
            | Room::Delayed { .. }
            | Room::Blocked { .. }
            | Room::Throttled { .. } => {
                let end = (State::Cancelled, Reason::Overlap);
                let counts = row.room.counts();
                let settlement = Settlement::of_waiting(row.record.id, counts, Event::Cancel, end);
                leave_room(tx, &row, &settlement, self.now).await
            }
        }
    }
}

/// Makes a job at once, whatever the schedule says.
#[derive(Debug)]
pub(crate) struct Trigger {
    pub(crate) row: ScheduleRow,
    pub(crate) tick: Timestamp,
    pub(crate) run: Enqueue,
}

impl Verb for Trigger {
    type Reply = JobId;

    fn act(&self) -> Option<Act> {
        let namespace = self.row.namespace.as_str().into();
        Some(Act::new(&namespace, "schedule.trigger", &*self.row.name))
    }

    const LANE: Lane = Lane::Enqueue;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<JobId, Error> {
        self.row.take_turn(tx).await?;
        let fired = fire(tx, (self.row.id, self.tick), TickEnd::Triggered, &self.run).await?;
        let job = fired.ok_or_else(|| Error::moved(format!("schedule `{}`", self.row.name)))?;
        tell(tx, &self.row, self.tick, (&self.run, job, true));
        Ok(job)
    }

    async fn landed<T: Tx>(&self, job: &JobId, tx: &mut T) -> Result<bool, Error> {
        has_landed(tx, (self.row.id, self.tick), *job).await
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}

/// Tells observers of a tick that became a job, on time or because someone asked for it.
fn tell<T: Tx>(
    tx: &mut T,
    row: &ScheduleRow,
    tick: Timestamp,
    (run, job, is_triggered): (&Enqueue, JobId, bool),
) {
    tx.effects().note(|| {
        let (schedule, job_id) = (&row.name, job.to_string());
        let data = serde_json::json!({
            "schedule": schedule, "tick": tick, "triggered": is_triggered, "job_id": job_id,
        });
        Note::of(EventName::ScheduleFired, Some(run.namespace_id), &data).leading_to(job)
    });
}

/// A schedule's id and a tick.
type TickKey = (i64, Timestamp);

/// Stores the job of a tick together with the tick, unless that is there already.
async fn fire<T: Tx>(
    tx: &mut T,
    key: TickKey,
    end: TickEnd,
    run: &Enqueue,
) -> Result<Option<JobId>, Error> {
    if is_kept(tx, key).await? {
        return Ok(None);
    }
    let stored = run.run(tx).await?.into_iter().next();
    let job = stored.ok_or_else(|| Error::bug("a tick has no job"))??.id;
    insert(tx, key, end, (run.now, Some(job))).await?;
    Ok(Some(job))
}

async fn insert<T: Tx>(
    tx: &mut T,
    (schedule, tick): TickKey,
    end: TickEnd,
    (at, job): (Timestamp, Option<JobId>),
) -> Result<(), Error> {
    let params = [
        schedule.into(),
        tick.as_micros().into(),
        end.code().into(),
        at.as_micros().into(),
        job.map(JobId::as_i64).into(),
    ];
    tx.execute(Sql::TickInsert, &params).await?;
    Ok(())
}

async fn is_kept<T: Tx>(tx: &mut T, (schedule, tick): TickKey) -> Result<bool, Error> {
    Ok(!tx.query(Sql::TickGet, &[schedule.into(), tick.as_micros().into()]).await?.is_empty())
}

async fn has_landed<T: Tx>(
    tx: &mut T,
    (schedule, tick): TickKey,
    job: JobId,
) -> Result<bool, Error> {
    let rows = tx.query(Sql::TickGet, &[schedule.into(), tick.as_micros().into()]).await?;
    let kept = rows.first(|row| Ok((row.int()?, row.opt_int()?)))?;
    Ok(kept.is_some_and(|(_, of)| of == Some(job.as_i64())))
}
