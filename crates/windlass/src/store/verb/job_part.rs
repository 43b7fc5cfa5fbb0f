//! What a job is, besides its place: the part of it that a claim reads.

use crate::Error;
use crate::core::{Counts, Event, Reason, Run, State};
use crate::job::{Held, JobId, Keys, Priority, Timestamp, UniqueUntil};
use crate::store::Claimed;
use crate::store::catalog::Pair;
use crate::store::driver::{Row, Tx};
use crate::store::line::concurrency_line;
use crate::store::origin::Origin;
use crate::store::rows::{instant, read_backoff, read_json, read_millis};
use crate::store::verb::unique::Holding;

/// The immutable part of a claimed job.
pub(super) struct JobPart {
    priority: i64,
    max_attempts: u32,
    max_crashes: u32,
    timeout: std::time::Duration,
    created_at: Timestamp,
    start_by: Option<Timestamp>,
    deadline: Option<Timestamp>,
    backoff: crate::job::Backoff,
    correlation_id: Option<String>,
    tags: std::collections::BTreeMap<String, String>,
    metadata: std::collections::BTreeMap<String, String>,
    payload: Vec<u8>,
    uniqueness: Option<Held>,
}

impl JobPart {
    pub(super) fn read(row: &mut Row<'_>) -> Result<Self, Error> {
        Ok(Self {
            priority: row.int()?,
            max_attempts: row.count()?,
            max_crashes: row.count()?,
            timeout: read_millis(row)?,
            created_at: Timestamp::from_micros(row.int()?),
            start_by: instant(row)?,
            deadline: instant(row)?,
            backoff: read_backoff(row)?,
            correlation_id: row.opt_text()?,
            tags: read_json(row)?,
            metadata: read_json(row)?,
            payload: row.bytes()?,
            uniqueness: read_json(row)?,
        })
    }

    /// The unique key that its end gives back.
    pub(super) fn unique(&self) -> Option<&str> {
        self.uniqueness.as_ref().and_then(Held::until_end)
    }

    /// The line of its concurrency key.
    pub(super) fn line(&self, namespace_id: i64) -> Option<String> {
        Keys::concurrency_in(&self.metadata).map(|key| concurrency_line(namespace_id, key))
    }

    /// Tells that the slot of its fairness key is free now.
    pub(super) fn note_keys<T: Tx>(&self, tx: &mut T, job: i64) {
        if Keys::has_fairness(&self.metadata) {
            tx.effects().keyed();
            tx.effects().left(JobId::from_i64(job));
        }
    }

    /// The unique key that its start gives back.
    pub(super) fn until_started(&self, job: i64) -> Option<Holding> {
        let held = self.uniqueness.as_ref()?;
        let is_until_started = held.unique.until == UniqueUntil::Started;
        is_until_started.then(|| (held.digest.clone(), JobId::from_i64(job)))
    }

    pub(super) fn too_late(&self, now: Timestamp) -> Option<(Event, State, Reason)> {
        too_late(self.start_by, self.deadline, now)
    }

    pub(super) fn claimed(
        self,
        job: i64,
        counts: Counts,
        pair: &Pair,
        now: Timestamp,
    ) -> Result<Claimed, Error> {
        let unique = self.unique().map(str::to_owned);
        let mut metadata = self.metadata;
        let origin = Origin::take(&mut metadata);
        let has_keys = !Keys::take(&mut metadata).is_empty();
        Ok(Claimed {
            run: Run {
                job: JobId::from_i64(job),
                counts,
                max_attempts: self.max_attempts,
                max_crashes: self.max_crashes,
                backoff: self.backoff,
                start_by: self.start_by,
                deadline: self.deadline,
                started_at: now,
                unique,
                has_keys,
            },
            kind: pair.kind.clone(),
            queue: pair.queue.clone(),
            namespace: pair.namespace.clone(),
            priority: Priority::new(self.priority).map_err(Error::bug)?,
            timeout: self.timeout,
            created_at: self.created_at,
            correlation_id: self.correlation_id,
            tags: self.tags,
            metadata,
            origin,
            payload: self.payload,
        })
    }
}

/// How a waiting job ends whose time has passed.
pub(super) fn too_late(
    start_by: Option<Timestamp>,
    deadline: Option<Timestamp>,
    now: Timestamp,
) -> Option<(Event, State, Reason)> {
    if deadline.is_some_and(|deadline| deadline <= now) {
        Some((Event::PassDeadline, State::DeadLetter, Reason::Deadline))
    } else if start_by.is_some_and(|start_by| start_by < now) {
        Some((Event::Expire, State::Failed, Reason::Expired))
    } else {
        None
    }
}
