//! Claim: hands ready jobs to a worker under a lease, most urgent first.

use std::collections::HashMap;
use std::sync::Arc;

use crate::core::{Counts, Event, Reason, Run, State};
use crate::job::{JobId, Priority, Timestamp};
use crate::store::catalog::Pair;
use crate::store::driver::{Batch, Row, Tx, Verb};
use crate::store::effects::Measure;
use crate::store::rows::{instant, read_backoff, read_json, read_millis};
use crate::store::statements::Sql;
use crate::store::{Claimed, Claims, Served, Shared, WorkerKey};
use crate::{Error, sabotage};

/// Claims up to `limit` jobs for a live worker.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) worker: WorkerKey,
    pub(crate) served: Arc<Served>,
    pub(crate) limit: usize,
    /// Which queue comes first this time: queues take turns.
    pub(crate) turn: usize,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

/// A prefix of the claim order of one kind, or of one priority of it.
struct Prefix {
    pair: usize,
    class: Option<i64>,
    count: usize,
}

/// A row taken from the ready room.
struct Taken {
    pair: usize,
    job: i64,
    priority: i64,
    seq: i64,
    counts: Counts,
}

impl Verb for Claim {
    type Reply = Claims;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Claims, Error> {
        let worker = [self.worker.id.into(), self.worker.nonce.into(), self.now.as_micros().into()];
        let dead = tx.query(Sql::ClaimWorker, &worker).await?.is_empty();
        if dead && !sabotage::on("dead_worker_claims") {
            return Ok(Claims::WorkerExpired);
        }
        let pairs = self.shared.catalog.pairs(tx, |pair| self.served.serves(pair)).await?;
        let waiting = waiting(tx, pairs).await?;
        let mut taken = Vec::new();
        for queue in self.turns(&waiting) {
            let left = self.limit - taken.len();
            if left > 0 {
                self.take_from(tx, &waiting, queue, left, &mut taken).await?;
            }
        }
        if taken.is_empty() {
            return Ok(Claims::Jobs { jobs: Vec::new(), more: false });
        }
        self.lease(tx, &waiting, taken).await
    }

    fn weight(&self) -> usize {
        self.limit
    }
}

impl Claim {
    /// The queues with something waiting, the one whose turn it is first.
    fn turns(&self, waiting: &[Pair]) -> Vec<i64> {
        let mut queues: Vec<(usize, i64)> = Vec::new();
        for pair in waiting {
            if !queues.iter().any(|(_, id)| *id == pair.queue_id) {
                queues.push((self.served.queue_order(pair), pair.queue_id));
            }
        }
        queues.sort_unstable();
        let turn = self.turn.checked_rem(queues.len()).unwrap_or(0);
        queues.rotate_left(turn);
        queues.into_iter().map(|(_, id)| id).collect()
    }

    /// Takes up to `left` jobs of one queue, merging the claim orders of its kinds.
    async fn take_from<T: Tx>(
        &self,
        tx: &mut T,
        waiting: &[Pair],
        queue: i64,
        left: usize,
        taken: &mut Vec<Taken>,
    ) -> Result<(), Error> {
        let kinds: Vec<usize> =
            (0..waiting.len()).filter(|index| waiting[*index].queue_id == queue).collect();
        let prefixes = match (kinds.as_slice(), self.served.aging) {
            ([only], None) => vec![Prefix { pair: *only, class: None, count: left }],
            _ => self.merge(tx, waiting, &kinds, left).await?,
        };
        let first = taken.len();
        for prefix in prefixes {
            let pair = &waiting[prefix.pair];
            let (queue, kind) = (pair.queue_id.into(), pair.kind_id.into());
            let limit = i64::try_from(prefix.count).unwrap_or(i64::MAX).into();
            let rows = match prefix.class {
                None => tx.query(Sql::ClaimTake, &[queue, kind, limit]).await?,
                Some(class) => {
                    tx.query(Sql::ClaimTakeClass, &[queue, kind, class.into(), limit]).await?
                }
            };
            taken.extend(rows.read(|row| read_taken(row, prefix.pair))?);
        }
        taken[first..].sort_unstable_by_key(|row| self.order(row.priority, row.seq));
        Ok(())
    }

    /// The claim order within a queue. With aging, a priority is a head start in time, so that the
    /// lowest class still moves.
    fn order(&self, priority: i64, seq: i64) -> (i64, i64) {
        match self.served.aging {
            _ if sabotage::on("priority_ignored") => (0, seq),
            None => (priority, seq),
            Some(step) => (0, seq.saturating_add(priority.saturating_mul(JobId::span_of(step)))),
        }
    }

    /// How many jobs of each kind (with aging: and priority) are among the first `limit` of all of
    /// them. Each takes
    /// a prefix of its own order, which together is the merged order.
    async fn merge<T: Tx>(
        &self,
        tx: &mut T,
        waiting: &[Pair],
        kinds: &[usize],
        limit: usize,
    ) -> Result<Vec<Prefix>, Error> {
        let mut prefixes: Vec<Prefix> = Vec::new();
        let mut keys: Vec<((i64, i64), usize)> = Vec::new();
        let most = i64::try_from(limit).unwrap_or(i64::MAX).into();
        let classes: Vec<Option<i64>> = match self.served.aging {
            None => vec![None],
            Some(_) => (0..=9).map(Some).collect(),
        };
        for index in kinds {
            let pair = &waiting[*index];
            let (queue, kind) = (pair.queue_id.into(), pair.kind_id.into());
            for class in &classes {
                let rows = match class {
                    None => tx.query(Sql::ClaimPeek, &[queue, kind, most]).await?,
                    Some(class) => {
                        let params = [queue, kind, (*class).into(), most];
                        tx.query(Sql::ClaimPeekClass, &params).await?
                    }
                };
                let place = prefixes.len();
                prefixes.push(Prefix { pair: *index, class: *class, count: 0 });
                keys.extend(rows.read(|row| Ok((self.order(row.int()?, row.int()?), place)))?);
            }
        }
        keys.sort_unstable();
        for (_, place) in keys.into_iter().take(limit) {
            prefixes[place].count += 1;
        }
        prefixes.retain(|prefix| prefix.count > 0);
        Ok(prefixes)
    }

    /// Writes the leases, and the end of jobs that are too late to start.
    async fn lease<T: Tx>(
        &self,
        tx: &mut T,
        waiting: &[Pair],
        taken: Vec<Taken>,
    ) -> Result<Claims, Error> {
        let mut ids = Batch::with_capacity(1, taken.len());
        for row in &taken {
            ids.push([row.job.into()]);
        }
        let rows = tx.query_each(Sql::ClaimJob, &ids).await?;
        let mut jobs: HashMap<i64, JobPart> =
            rows.read(|row| Ok((row.int()?, JobPart::read(row)?)))?.into_iter().collect();
        let more = taken.len() >= self.limit;
        let mut leases = Batch::with_capacity(10, taken.len());
        let mut ended = Batch::with_capacity(13, 0);
        let mut claimed = Vec::with_capacity(taken.len());
        for row in taken {
            let pair = &waiting[row.pair];
            let job = jobs
                .remove(&row.job)
                .ok_or_else(|| Error::bug(format!("ready job {} does not exist", row.job)))?;
            if let Some(next) = job.too_late(self.now) {
                end(tx, &mut ended, pair, &row, &next, self.now);
                continue;
            }
            let counts = Counts {
                epoch: row.counts.epoch + 1,
                attempt: row.counts.attempt + 1,
                ..row.counts
            };
            leases.push([
                row.job.into(),
                self.worker.id.into(),
                pair.queue_id.into(),
                pair.kind_id.into(),
                row.priority.into(),
                counts.epoch.into(),
                counts.attempt.into(),
                counts.crashes.into(),
                counts.snoozes.into(),
                self.now.as_micros().into(),
            ]);
            let effects = tx.effects();
            effects.moved((pair.queue_id, pair.kind_id), State::Pending, State::Running);
            effects.count(pair.queue_id, pair.kind_id, Measure::Claims, 1);
            claimed.push(job.claimed(row.job, counts, pair, self.now)?);
        }
        if !leases.is_empty() {
            tx.execute_each(Sql::LeaseInsert, &leases).await?;
        }
        if !ended.is_empty() {
            tx.execute_each(Sql::OutcomeInsert, &ended).await?;
        }
        Ok(Claims::Jobs { jobs: claimed, more })
    }
}

/// The pairs with at least one ready job.
async fn waiting<T: Tx>(tx: &mut T, mut pairs: Vec<Pair>) -> Result<Vec<Pair>, Error> {
    let mut probes = Batch::with_capacity(2, pairs.len());
    for pair in &pairs {
        probes.push([pair.queue_id.into(), pair.kind_id.into()]);
    }
    if probes.is_empty() {
        return Ok(Vec::new());
    }
    let heads = tx.query_each(Sql::ClaimHead, &probes).await?;
    let heads = heads.read(|row| Ok((row.int()?, row.int()?)))?;
    pairs.retain(|pair| heads.contains(&(pair.queue_id, pair.kind_id)));
    Ok(pairs)
}

fn read_taken(row: &mut Row<'_>, pair: usize) -> Result<Taken, Error> {
    Ok(Taken {
        pair,
        job: row.int()?,
        priority: row.int()?,
        seq: row.int()?,
        counts: Counts {
            epoch: row.int()?,
            attempt: row.count()?,
            crashes: row.count()?,
            snoozes: row.count()?,
        },
    })
}

/// Ends a job at the moment it would have been claimed.
fn end<T: Tx>(
    tx: &mut T,
    ended: &mut Batch<'_>,
    pair: &Pair,
    row: &Taken,
    next: &(Event, State, Reason),
    now: Timestamp,
) {
    let (event, state, reason) = *next;
    debug_assert_eq!(State::Pending.after(event), Ok(state));
    ended.push([
        row.job.into(),
        state.code().into(),
        reason.code().into(),
        row.counts.epoch.into(),
        row.counts.attempt.into(),
        row.counts.crashes.into(),
        row.counts.snoozes.into(),
        None::<i64>.into(),
        None::<i64>.into(),
        None::<i64>.into(),
        now.as_micros().into(),
        None::<i64>.into(),
        None::<i64>.into(),
    ]);
    let effects = tx.effects();
    let keys = (pair.queue_id, pair.kind_id);
    effects.moved(keys, State::Pending, state);
    effects.count(keys.0, keys.1, Measure::of_end(state), 1);
    effects.ended(JobId::from_i64(row.job));
}

/// The immutable part of a claimed job.
struct JobPart {
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
}

impl JobPart {
    fn read(row: &mut Row<'_>) -> Result<Self, Error> {
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
        })
    }

    fn too_late(&self, now: Timestamp) -> Option<(Event, State, Reason)> {
        too_late(self.start_by, self.deadline, now)
    }

    fn claimed(
        self,
        job: i64,
        counts: Counts,
        pair: &Pair,
        now: Timestamp,
    ) -> Result<Claimed, Error> {
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
            },
            kind: pair.kind.clone(),
            queue: pair.queue.clone(),
            namespace: pair.namespace.clone(),
            priority: Priority::new(self.priority).map_err(Error::bug)?,
            timeout: self.timeout,
            created_at: self.created_at,
            correlation_id: self.correlation_id,
            tags: self.tags,
            metadata: self.metadata,
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
