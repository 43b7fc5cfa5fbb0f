//! Writes settlements: the one place where a lease ends and its job goes on.
//!
//! Invariant: every row written here follows from a lease row deleted in the same transaction.

use std::collections::{BTreeMap, HashMap};

use crate::core::{Event, Next, Reason, Settlement, State, cancelled};
use crate::job::{FailureClass, JobId, Timestamp};
use crate::store::driver::{Batch, Param, Tx};
use crate::store::effects::Measure;
use crate::store::line::{Held, rate_line};
use crate::store::rows::{JobRow, Room, read_unique};
use crate::store::statements::Sql;
use crate::store::verb::admit::insert_slots;
use crate::store::verb::saved::list;
use crate::store::verb::unique::release;
use crate::store::{Part, Settled};
use crate::{Error, sabotage};

/// A settlement with the holder of the lease it ends.
#[derive(Debug)]
pub(super) struct Fenced<'a> {
    pub(super) settlement: Settlement,
    pub(super) worker_id: i64,
    pub(super) worker: &'a str,
}

/// What was found under a lease that is now deleted.
struct Freed {
    queue_id: i64,
    kind_id: i64,
    priority: i64,
    cancelling: bool,
    cancel_reason: Option<String>,
    /// The slot that the lease held.
    slot: Option<(String, i64)>,
}

/// Job, epoch and worker: the fence.
type Fence = (i64, i64, i64);

/// Job and epoch: a lease.
type LeaseKey = (i64, i64);

/// Ends the leases that are still the ones named, and writes what follows.
pub(super) async fn apply<T: Tx>(
    tx: &mut T,
    items: Vec<Fenced<'_>>,
    now: Timestamp,
) -> Result<Vec<Settled>, Error> {
    let fences = fences(tx, &items).await?;
    let mut freed = take(tx, &fences).await?;
    let mut statuses = vec![Settled::Lost; items.len()];
    let mut accepted = Vec::with_capacity(items.len());
    let mut stale = Vec::new();
    for ((index, item), (job, epoch, _)) in items.into_iter().enumerate().zip(&fences) {
        match freed.remove(&(*job, *epoch)) {
            Some(lease) => {
                let item = heed_signal(tx, heed_cancel(item, &lease)).await?;
                statuses[index] = Settled::Applied(item.settlement.next.state());
                accepted.push((item, lease));
            }
            None => stale.push((index, item.settlement)),
        }
    }
    for (item, lease) in &accepted {
        count(tx, &item.settlement, (lease.queue_id, lease.kind_id));
        tx.effects().ran(lease.queue_id, &item.settlement, now);
    }
    write_history(tx, &accepted, now).await?;
    write_ended(tx, &accepted, now).await?;
    write_waiting(tx, &accepted).await?;
    free_slots(tx, &mut accepted, now).await?;
    slow_down(tx, &accepted).await?;
    let ended = accepted.iter().map(|(item, _)| &item.settlement);
    let ended = ended.filter(|settlement| matches!(settlement.next, Next::Ended { .. }));
    let held = ended.filter_map(|settlement| Some((settlement.unique.clone()?, settlement.job)));
    release(tx, held.collect()).await?;
    // After the writes: what is stale may repeat an item of this very batch.
    for (index, settlement) in stale {
        statuses[index] = echo(tx, &settlement).await?;
    }
    Ok(statuses)
}

/// As [`apply`], for leases that were read in this transaction: another one may have ended them since.
pub(super) async fn apply_all<T: Tx>(
    tx: &mut T,
    items: Vec<Fenced<'_>>,
    now: Timestamp,
) -> Result<(), Error> {
    let jobs: Vec<JobId> = items.iter().map(|item| item.settlement.job).collect();
    let statuses = apply(tx, items, now).await?;
    for (job, status) in jobs.iter().zip(statuses) {
        if !matches!(status, Settled::Applied(_)) {
            return Err(Error::moved(format!("job {job}")));
        }
    }
    Ok(())
}

async fn fences<T: Tx>(tx: &mut T, items: &[Fenced<'_>]) -> Result<Vec<Fence>, Error> {
    let mut fences = Vec::with_capacity(items.len());
    for item in items {
        let job = item.settlement.job.as_i64();
        let mut fence = (job, item.settlement.epoch, item.worker_id);
        if sabotage::on("no_fence")
            && let Some(row) = tx.query(Sql::JobGet, &[job.into()]).await?.first(JobRow::read)?
            && let Room::Lease { worker_id, counts, .. } = row.room
        {
            fence = (job, counts.epoch, worker_id);
        }
        fences.push(fence);
    }
    Ok(fences)
}

async fn take<T: Tx>(tx: &mut T, fences: &[Fence]) -> Result<HashMap<LeaseKey, Freed>, Error> {
    let mut leases = Batch::with_capacity(3, fences.len());
    // One order for everyone, so that two batches with jobs in common wait and never deadlock.
    let mut fences = fences.to_vec();
    fences.sort_unstable();
    for (job, epoch, worker) in &fences {
        leases.push([(*job).into(), (*epoch).into(), (*worker).into()]);
    }
    let rows = tx.query_each(Sql::SettleTake, &leases).await?;
    let freed = rows.read(|row| {
        let key = (row.int()?, row.int()?);
        let freed = Freed {
            queue_id: row.int()?,
            kind_id: row.int()?,
            priority: row.int()?,
            cancelling: row.opt_int()?.is_some(),
            cancel_reason: row.opt_text()?,
            slot: row.opt_text()?.zip(row.opt_int()?),
        };
        Ok((key, freed))
    })?;
    Ok(freed.into_iter().collect())
}

fn heed_cancel<'a>(item: Fenced<'a>, lease: &Freed) -> Fenced<'a> {
    if !lease.cancelling || sabotage::on("cancel_forgotten") {
        return item;
    }
    let own = match &item.settlement.next {
        Next::Ended { detail, .. } => detail.clone(),
        Next::Ready | Next::Delayed { .. } => None,
    };
    let detail = own.or_else(|| lease.cancel_reason.clone());
    Fenced { settlement: cancelled(item.settlement, detail), ..item }
}

/// A job that is to wait for a signal that has come meanwhile does not wait. The lease was taken before
/// this look, so no signal can slip in between it and the next room.
async fn heed_signal<'a, T: Tx>(tx: &mut T, item: Fenced<'a>) -> Result<Fenced<'a>, Error> {
    let settlement = &item.settlement;
    let (Some(name), Next::Delayed { .. }) = (&settlement.signal, &settlement.next) else {
        return Ok(item);
    };
    let signals = list(tx, settlement.job, Part::Signal).await?;
    if !signals.iter().any(|signal| signal.name == *name) {
        return Ok(item);
    }
    let settlement = Settlement { event: Event::Release, next: Next::Ready, ..item.settlement };
    Ok(Fenced { settlement, ..item })
}

/// What to answer when the lease is gone. Whoever takes a lease over raises the epoch, so a row that
/// stands at the settlement's own epoch was written by an earlier report of it.
async fn echo<T: Tx>(tx: &mut T, settlement: &Settlement) -> Result<Settled, Error> {
    let rows = tx.query(Sql::JobGet, &[settlement.job.as_i64().into()]).await?;
    let Some(row) = rows.first(JobRow::read)? else {
        return Ok(Settled::Lost);
    };
    let completes = settlement.event == Event::Complete;
    let contradicts = completes != (row.record.state == State::Completed);
    if !contradicts && row.room.counts().epoch == settlement.counts.epoch {
        return Ok(Settled::AlreadyApplied(row.record.state));
    }
    tx.effects().count(row.queue_id, row.kind_id, Measure::StaleSettles, 1);
    Ok(Settled::Lost)
}

fn count<T: Tx>(tx: &mut T, settlement: &Settlement, pair: (i64, i64)) {
    let state = settlement.next.state();
    let effects = tx.effects();
    effects.stopped();
    if settlement.has_keys && !matches!(settlement.next, Next::Ready) {
        effects.left(settlement.job);
    }
    if !sabotage::on("count_forgotten") {
        effects.moved(settlement.job, pair, State::Running, state);
    }
    let mut add = |measure| effects.count(pair.0, pair.1, measure, 1);
    match &settlement.failure {
        Some(failure) if failure.class == FailureClass::Crash => add(Measure::Crashes),
        Some(_) => add(Measure::FailedAttempts),
        None => {}
    }
    if state == State::Retrying {
        add(Measure::Retries);
    }
    if state.is_terminal() {
        add(Measure::of_end(state));
        effects.ended(settlement.job);
    }
}

async fn write_history<T: Tx>(
    tx: &mut T,
    accepted: &[(Fenced<'_>, Freed)],
    now: Timestamp,
) -> Result<(), Error> {
    let classes: Vec<String> = accepted
        .iter()
        .filter_map(|(item, _)| item.settlement.failure.as_ref())
        .map(|failure| failure.class.to_string())
        .collect();
    let failed = accepted.iter().filter(|(item, _)| item.settlement.failure.is_some());
    let mut attempts = Batch::with_capacity(9, classes.len());
    for ((item, _), class) in failed.zip(&classes) {
        let settlement = &item.settlement;
        let Some(failure) = &settlement.failure else { continue };
        // A crash does not count, and yet it was the attempt with this number that crashed.
        let attempt = settlement.counts.attempt + u32::from(failure.class == FailureClass::Crash);
        attempts.push([
            settlement.job.as_i64().into(),
            settlement.epoch.into(),
            attempt.into(),
            item.worker.into(),
            settlement.started_at.map(Timestamp::as_micros).into(),
            now.as_micros().into(),
            class.as_str().into(),
            failure.message.as_str().into(),
            failure.backtrace.as_deref().into(),
        ]);
    }
    if !attempts.is_empty() {
        tx.execute_each(Sql::AttemptInsert, &attempts).await?;
    }
    Ok(())
}

async fn write_ended<T: Tx>(
    tx: &mut T,
    accepted: &[(Fenced<'_>, Freed)],
    now: Timestamp,
) -> Result<(), Error> {
    let mut outcomes = Batch::with_capacity(13, accepted.len());
    for (item, _) in accepted {
        let settlement = &item.settlement;
        let Next::Ended { state, reason, result, detail } = &settlement.next else { continue };
        let counts = settlement.counts;
        outcomes.push([
            settlement.job.as_i64().into(),
            state.code().into(),
            reason.map(Reason::code).into(),
            counts.epoch.into(),
            counts.attempt.into(),
            counts.crashes.into(),
            counts.snoozes.into(),
            item.worker_id.into(),
            item.worker.into(),
            settlement.started_at.map(Timestamp::as_micros).into(),
            now.as_micros().into(),
            detail.as_deref().into(),
            result.as_deref().into(),
        ]);
    }
    if !outcomes.is_empty() {
        tx.execute_each(Sql::OutcomeInsert, &outcomes).await?;
    }
    Ok(())
}

async fn write_waiting<T: Tx>(tx: &mut T, accepted: &[(Fenced<'_>, Freed)]) -> Result<(), Error> {
    let mut ready = Batch::with_capacity(9, 0);
    let mut delayed = Batch::with_capacity(10, 0);
    for (item, lease) in accepted {
        let settlement = &item.settlement;
        let id = Param::Int(settlement.job.as_i64());
        let (queue, kind) = (lease.queue_id.into(), lease.kind_id.into());
        let counts = settlement.counts;
        let [epoch, attempt, crashes, snoozes] = [
            counts.epoch.into(),
            counts.attempt.into(),
            counts.crashes.into(),
            counts.snoozes.into(),
        ];
        match &settlement.next {
            // The id as seq: what comes back unused keeps its place in the line.
            Next::Ready => {
                let lane = (lease.queue_id, lease.kind_id, lease.priority);
                tx.effects().returned(lane, settlement.job.as_i64());
                let class = lease.priority.into();
                ready.push([queue, kind, class, id, id, epoch, attempt, crashes, snoozes]);
            }
            Next::Delayed { run_at, reason } => {
                delayed.push([
                    run_at.as_micros().into(),
                    id,
                    reason.code().into(),
                    queue,
                    kind,
                    lease.priority.into(),
                    epoch,
                    attempt,
                    crashes,
                    snoozes,
                ]);
            }
            Next::Ended { .. } => {}
        }
    }
    if !ready.is_empty() {
        tx.execute_each(Sql::ReadyInsert, &ready).await?;
    }
    if !delayed.is_empty() {
        tx.execute_each(Sql::DelayedInsert, &delayed).await?;
        tx.effects().delayed();
    }
    Ok(())
}

/// What comes back unused holds its slot until its next lease; other slots are free.
async fn free_slots<T: Tx>(
    tx: &mut T,
    accepted: &mut [(Fenced<'_>, Freed)],
    now: Timestamp,
) -> Result<(), Error> {
    let mut kept = Vec::new();
    for (Fenced { settlement, .. }, lease) in accepted {
        let Some((line, n)) = lease.slot.take() else { continue };
        let job = settlement.job.as_i64();
        match settlement.next {
            // Where there is no limit the number is the job.
            Next::Ready if n != job => kept.push((line, n, job)),
            _ => tx.effects().freed(line),
        }
    }
    if kept.is_empty() {
        return Ok(());
    }
    tx.effects().keyed();
    let kept = kept.iter().map(|(line, n, job)| (line.as_str(), *n, *job, Held::Ready));
    insert_slots(tx, kept, now).await
}

/// Shuts the lines of rate keys that were said to be used too fast.
async fn slow_down<T: Tx>(tx: &mut T, accepted: &[(Fenced<'_>, Freed)]) -> Result<(), Error> {
    let mut shut: BTreeMap<String, i64> = BTreeMap::new();
    for (Fenced { settlement, .. }, _) in accepted {
        let (Some(key), Next::Delayed { run_at, .. }) = (&settlement.slow, &settlement.next) else {
            continue;
        };
        let rows = tx.query(Sql::JobNamespace, &[settlement.job.as_i64().into()]).await?;
        let Some(namespace_id) = rows.first_int()? else { continue };
        let until = shut.entry(rate_line(namespace_id, key)).or_default();
        *until = run_at.as_micros().max(*until);
    }
    let mut buckets = Batch::with_capacity(4, shut.len());
    for (line, until) in &shut {
        let until = Param::Int(*until);
        buckets.push([line.as_str().into(), Param::Int(0), until, until]);
    }
    if !buckets.is_empty() {
        tx.execute_each(Sql::BucketPut, &buckets).await?;
    }
    Ok(())
}

/// Reads the rows of `rescue_find` and `lease_of_worker`.
#[derive(Debug)]
pub(super) struct HeldLease {
    pub(super) run: crate::core::Run,
    pub(super) worker_id: i64,
    pub(super) worker: String,
    pub(super) cancel_by: Option<Timestamp>,
}

impl HeldLease {
    pub(super) fn read(row: &mut crate::store::driver::Row<'_>) -> Result<Self, Error> {
        let job = JobId::from_i64(row.int()?);
        let worker_id = row.int()?;
        let worker = row.opt_text()?.unwrap_or_else(|| format!("#{worker_id}"));
        let counts = crate::core::Counts {
            epoch: row.int()?,
            attempt: row.count()?,
            crashes: row.count()?,
            snoozes: row.count()?,
        };
        let started_at = Timestamp::from_micros(row.int()?);
        let cancel_by = crate::store::rows::instant(row)?;
        let run = crate::core::Run {
            job,
            counts,
            max_attempts: row.count()?,
            max_crashes: row.count()?,
            backoff: crate::job::Backoff::default(),
            start_by: None,
            deadline: crate::store::rows::instant(row)?,
            started_at,
            unique: read_unique(row)?,
            // Not read: whoever looks finds that out.
            has_keys: true,
        };
        Ok(Self { run, worker_id, worker, cancel_by })
    }
}
