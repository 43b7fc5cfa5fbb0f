//! Reads the rows of `job_get.sql` and `job_look.sql`: everything known of a job, and the room it stands in.

use std::collections::BTreeMap;
use std::time::Duration;

use super::driver::Row;
use super::origin::Origin;
use crate::Error;
use crate::core::{Counts, Reason, State};
use crate::job::{Backoff, Held, JobId, JobRecord, JobVersion, Keys, Priority, Timestamp};

/// A job, with what the verbs need beyond the public record.
#[derive(Debug)]
pub(crate) struct JobRow {
    pub(crate) record: JobRecord,
    pub(crate) namespace_id: i64,
    pub(crate) queue_id: i64,
    pub(crate) kind_id: i64,
    pub(crate) room: Room,
}

/// Where a job stands, with the key of its row there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Ready {
        seq: i64,
        counts: Counts,
    },
    Lease {
        worker_id: i64,
        counts: Counts,
        cancelling: bool,
    },
    Delayed {
        run_at: Timestamp,
        counts: Counts,
    },
    Ended {
        counts: Counts,
    },
    /// Waits for others, and to run no earlier than this.
    Blocked {
        run_at: Option<Timestamp>,
        counts: Counts,
    },
    /// Waits to be let into ready.
    Throttled {
        counts: Counts,
    },
}

impl Room {
    pub(crate) const fn counts(self) -> Counts {
        match self {
            Self::Ready { counts, .. }
            | Self::Lease { counts, .. }
            | Self::Delayed { counts, .. }
            | Self::Throttled { counts }
            | Self::Ended { counts }
            | Self::Blocked { counts, .. } => counts,
        }
    }
}

impl JobRow {
    /// Reads one row of `job_get.sql`, in the order of its columns.
    pub(crate) fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        let (mut job, ids) = read_job(row)?;
        let ended = read_ended(row, &mut job)?;
        let leased = read_leased(row, &mut job, ended.is_some())?;
        let delayed = read_delayed(row, &mut job)?;
        let ready = read_ready(row, &mut job)?;
        let blocked = read_blocked(row, &mut job)?;
        let throttled = read_throttled(row, &mut job)?;
        read_extras(row, &mut job)?;
        let room = ended.or(leased).or(delayed).or(ready).or(blocked).or(throttled);
        let room = room.ok_or_else(|| {
            Error::bug(format!("job {} is in no room (run `windlass doctor --deep`)", job.id))
        })?;
        let counts = room.counts();
        job.attempt = counts.attempt;
        job.crashes = counts.crashes;
        job.snoozes = counts.snoozes;
        Ok(Self { record: job, namespace_id: ids.0, queue_id: ids.1, kind_id: ids.2, room })
    }

    /// Refuses a change that was meant for another version of the job.
    pub(crate) fn expect(&self, version: Option<JobVersion>) -> Result<(), Error> {
        let now = version.map(|_| self.record.version());
        match (version, now) {
            (Some(wanted), Some(now)) if wanted != now => Err(Error::Conflict {
                code: "precondition_failed",
                message: format!(
                    "job {} has changed: it has version {now}, not {wanted}",
                    self.record.id
                ),
            }),
            _ => Ok(()),
        }
    }

    /// The unique key that its end gives back.
    pub(crate) fn unique(&self) -> Option<&str> {
        self.record.uniqueness.as_ref().and_then(Held::until_end)
    }

    /// Where it comes from and belongs.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            schedule: self.record.schedule.clone(),
            workflow: self.record.workflow_id,
            node: self.record.node.clone(),
            batch: self.record.batch_id,
            callback_of: self.record.callback_of,
        }
    }

    pub(crate) const fn pair(&self) -> (i64, i64) {
        (self.queue_id, self.kind_id)
    }

    /// The workflow and the batch it is a member of, in the order in which they are locked.
    pub(crate) fn bundles(&self) -> Vec<i64> {
        let (workflow, batch) = (self.record.workflow_id, self.record.batch_id);
        Origin { workflow, batch, ..Origin::default() }.bundles()
    }
}

/// Ids of namespace, queue and kind.
type Ids = (i64, i64, i64);

fn read_job(row: &mut Row<'_>) -> Result<(JobRecord, Ids), Error> {
    let id = JobId::from_i64(row.int()?);
    let namespace_id = row.int()?;
    let namespace = row.text()?;
    let queue_id = row.int()?;
    let queue = row.text()?;
    let kind_id = row.int()?;
    let kind = row.text()?;
    let priority = Priority::new(row.int()?).map_err(Error::bug)?;
    let max_attempts = row.count()?;
    let max_crashes = row.count()?;
    let timeout = read_millis(row)?;
    let created_at = Timestamp::from_micros(row.int()?);
    let mut job = JobRecord {
        kind,
        namespace,
        queue,
        priority,
        max_attempts,
        max_crashes,
        timeout,
        scheduled_at: instant(row)?,
        start_by: instant(row)?,
        deadline: instant(row)?,
        backoff: read_backoff(row)?,
        idempotency_key: row.opt_text()?,
        correlation_id: row.opt_text()?,
        tags: read_json(row)?,
        metadata: read_json(row)?,
        // Nothing where it is not read.
        payload: row.opt_bytes()?.unwrap_or_default(),
        uniqueness: read_json(row)?,
        depends_on: read_json(row)?,
        ..blank(id, created_at)
    };
    take_reserved(&mut job);
    Ok((job, (namespace_id, queue_id, kind_id)))
}

/// A job of which nothing is known but this.
pub(crate) fn blank(id: JobId, created_at: Timestamp) -> JobRecord {
    JobRecord {
        id,
        kind: String::new(),
        state: State::Pending,
        reason: None,
        namespace: String::new(),
        queue: String::new(),
        priority: Priority::NORMAL,
        attempt: 0,
        max_attempts: 0,
        crashes: 0,
        max_crashes: 0,
        snoozes: 0,
        progress: 0.0,
        progress_message: None,
        timeout: Duration::ZERO,
        worker: None,
        lease_expires_at: None,
        created_at,
        updated_at: created_at,
        scheduled_at: None,
        start_by: None,
        deadline: None,
        backoff: Backoff::default(),
        schedule: None,
        workflow_id: None,
        node: None,
        batch_id: None,
        callback_of: None,
        idempotency_key: None,
        correlation_id: None,
        tags: BTreeMap::new(),
        metadata: BTreeMap::new(),
        payload: Vec::new(),
        keys: Keys::default(),
        uniqueness: None,
        depends_on: Vec::new(),
        blocked_by: Vec::new(),
        started_at: None,
        completed_at: None,
        last_error: None,
        error_class: None,
        result: None,
    }
}

/// Takes what is written under reserved names out of a job's metadata, and puts it where it belongs.
pub(crate) fn take_reserved(job: &mut JobRecord) {
    let origin = Origin::take(&mut job.metadata);
    (job.schedule, job.workflow_id, job.node) = (origin.schedule, origin.workflow, origin.node);
    (job.batch_id, job.callback_of) = (origin.batch, origin.callback_of);
    job.keys = Keys::take(&mut job.metadata);
}

fn read_ended(row: &mut Row<'_>, job: &mut JobRecord) -> Result<Option<Room>, Error> {
    let state = row.opt_int()?;
    let reason = row.opt_int()?;
    let counts = read_counts(row)?;
    let worker = row.opt_text()?;
    let started_at = instant(row)?;
    let finished_at = instant(row)?;
    let detail = row.opt_text()?;
    let result = row.opt_bytes()?;
    let (Some(state), Some(counts), Some(finished_at)) = (state, counts, finished_at) else {
        return Ok(None);
    };
    job.state = State::from_code(state)
        .filter(|state| state.is_terminal())
        .ok_or_else(|| Error::bug(format!("job {} ended in unknown state {state}", job.id)))?;
    job.reason = read_reason(reason)?;
    job.worker = worker;
    job.started_at = started_at;
    job.completed_at = Some(finished_at);
    job.updated_at = finished_at;
    job.last_error = detail;
    job.result = result;
    Ok(Some(Room::Ended { counts }))
}

fn read_leased(row: &mut Row<'_>, job: &mut JobRecord, ended: bool) -> Result<Option<Room>, Error> {
    let counts = read_counts(row)?;
    let worker_id = row.opt_int()?;
    let worker = row.opt_text()?;
    let expires_at = instant(row)?;
    let claimed_at = instant(row)?;
    let cancelling = row.opt_int()?.is_some();
    let cancel_reason = row.opt_text()?;
    let (Some(counts), Some(worker_id), false) = (counts, worker_id, ended) else {
        return Ok(None);
    };
    job.state = State::Running;
    job.reason = cancelling.then_some(Reason::Cancelling);
    job.worker = worker;
    job.lease_expires_at = expires_at;
    job.started_at = claimed_at;
    job.updated_at = claimed_at.unwrap_or(job.updated_at);
    job.last_error = cancel_reason;
    Ok(Some(Room::Lease { worker_id, counts, cancelling }))
}

fn read_delayed(row: &mut Row<'_>, job: &mut JobRecord) -> Result<Option<Room>, Error> {
    let run_at = instant(row)?;
    let reason = read_reason(row.opt_int()?)?;
    let counts = read_counts(row)?;
    let (Some(run_at), Some(reason), Some(counts)) = (run_at, reason, counts) else {
        return Ok(None);
    };
    job.state = reason.waiting_state();
    job.reason = Some(reason);
    job.scheduled_at = Some(run_at);
    Ok(Some(Room::Delayed { run_at, counts }))
}

fn read_ready(row: &mut Row<'_>, job: &mut JobRecord) -> Result<Option<Room>, Error> {
    let seq = row.opt_int()?;
    let counts = read_counts(row)?;
    let (Some(seq), Some(counts)) = (seq, counts) else {
        return Ok(None);
    };
    job.reason = Some(Reason::Ready);
    Ok(Some(Room::Ready { seq, counts }))
}

fn read_blocked(row: &mut Row<'_>, job: &mut JobRecord) -> Result<Option<Room>, Error> {
    let pending = row.opt_int()?;
    let run_at = instant(row)?;
    let counts = read_counts(row)?;
    let (Some(_), Some(counts)) = (pending, counts) else {
        return Ok(None);
    };
    job.reason = Some(Reason::Blocked);
    Ok(Some(Room::Blocked { run_at, counts }))
}

fn read_throttled(row: &mut Row<'_>, job: &mut JobRecord) -> Result<Option<Room>, Error> {
    let Some(counts) = read_counts(row)? else { return Ok(None) };
    job.reason = Some(Reason::Throttled);
    Ok(Some(Room::Throttled { counts }))
}

/// Progress, the last failed attempt and when people last changed the job.
fn read_extras(row: &mut Row<'_>, job: &mut JobRecord) -> Result<(), Error> {
    let thousandths = row.opt_int()?.and_then(|value| i32::try_from(value).ok());
    job.progress = thousandths.map_or(0.0, |value| f64::from(value) / 1000.0);
    job.progress_message = row.opt_text()?;
    let progress_at = instant(row)?;
    let failed_at = instant(row)?;
    let message = row.opt_text()?;
    job.error_class = row.opt_text()?;
    let changed_at = instant(row)?;
    for at in [progress_at, failed_at, changed_at].into_iter().flatten() {
        job.updated_at = job.updated_at.max(at);
    }
    if job.last_error.is_none() {
        job.last_error = message;
    }
    if job.state == State::Completed {
        job.progress = 100.0;
    }
    Ok(())
}

fn read_counts(row: &mut Row<'_>) -> Result<Option<Counts>, Error> {
    let numbers = [row.opt_int()?, row.opt_int()?, row.opt_int()?, row.opt_int()?];
    let [Some(epoch), Some(attempt), Some(crashes), Some(snoozes)] = numbers else {
        return Ok(None);
    };
    let count = |value: i64| {
        u32::try_from(value).map_err(|_| Error::bug(format!("a row holds {value} as a count")))
    };
    Ok(Some(Counts {
        epoch,
        attempt: count(attempt)?,
        crashes: count(crashes)?,
        snoozes: count(snoozes)?,
    }))
}

/// The backoff of a job; null means the default.
pub(crate) fn read_backoff(row: &mut Row<'_>) -> Result<Backoff, Error> {
    read_json(row)
}

/// A JSON column; null means the type's default. So does what cannot be read, with a loud word in
/// the log: one odd row must not stop the claims of a whole queue.
pub(crate) fn read_json<T: Default + serde::de::DeserializeOwned>(
    row: &mut Row<'_>,
) -> Result<T, Error> {
    Ok(of_json(row.opt_text()?.as_deref()))
}

/// As [`read_json`], of the text of the column.
pub(crate) fn of_json<T: Default + serde::de::DeserializeOwned>(text: Option<&str>) -> T {
    let read = text.map(serde_json::from_str).transpose();
    let read = read.inspect_err(|error| {
        tracing::error!(%error, "a row holds unreadable JSON: the default is used");
    });
    read.ok().flatten().unwrap_or_default()
}

/// The unique key that the end of a job gives back.
pub(crate) fn read_unique(row: &mut Row<'_>) -> Result<Option<String>, Error> {
    let held: Option<Held> = read_json(row)?;
    Ok(held.and_then(|held| held.until_end().map(str::to_owned)))
}

pub(crate) fn read_millis(row: &mut Row<'_>) -> Result<Duration, Error> {
    let millis = row.int()?;
    u64::try_from(millis)
        .map(Duration::from_millis)
        .map_err(|_| Error::bug(format!("a row holds {millis} as a duration")))
}

pub(crate) fn instant(row: &mut Row<'_>) -> Result<Option<Timestamp>, Error> {
    Ok(row.opt_int()?.map(Timestamp::from_micros))
}

fn read_reason(code: Option<i64>) -> Result<Option<Reason>, Error> {
    let known = |code| {
        Reason::from_code(code)
            .ok_or_else(|| Error::bug(format!("a row holds unknown reason {code}")))
    };
    code.map(known).transpose()
}
