//! Claim: hands ready jobs to a worker under a lease, most urgent first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::core::{Counts, Event, Reason, State};
use crate::job::{JobId, Timestamp};
use crate::store::catalog::Pair;
use crate::store::driver::{Batch, Lane, Param, Row, Tx, Verb, Waits};
use crate::store::effects::Measure;
use crate::store::floors::LaneKey;
use crate::store::settings::Settings;
use crate::store::statements::Sql;
use crate::store::verb::apply::HeldLease;
use crate::store::verb::claim_allowance::Allowances;
use crate::store::verb::claim_gate::{Gate, LOOKS_MAX, LOT};
use crate::store::verb::enter::Entry;
use crate::store::verb::job_part::JobPart;
use crate::store::verb::unique::release;
use crate::store::{Claimed, Claims, Served, Shared, WorkerKey};
use crate::{Error, sabotage};

/// Classes of priority: 0 to 9.
pub(super) const CLASSES: [i64; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

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

/// A stretch of the ready room with something in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) pair: usize,
    pub(super) class: i64,
    pub(super) floor: i64,
}

/// A row taken from the ready room.
pub(super) struct Taken {
    pub(super) pair: usize,
    pub(super) job: i64,
    pub(super) priority: i64,
    seq: i64,
    counts: Counts,
    /// The slot that its lease will hold.
    pub(super) slot: Option<(String, i64)>,
}

impl Verb for Claim {
    type Reply = Claims;

    const LANE: Lane = Lane::Claim;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Claims, Error> {
        if let Some(claims) = self.whole(tx).await? {
            return Ok(claims);
        }
        let worker = [self.worker.id.into(), self.worker.nonce.into(), self.now.as_micros().into()];
        let version = tx.query(Sql::ClaimWorker, &worker).await?.first_int()?;
        if version.is_none() && !sabotage::on("dead_worker_claims") {
            return Ok(Claims::WorkerExpired);
        }
        let settings = self.shared.settings.at(tx, version).await?;
        let mut pairs = self.shared.catalog.pairs(tx, |pair| self.served.serves(pair)).await?;
        pairs.retain(|pair| !settings.is_paused(pair.queue_id, pair.kind_id, self.now));
        let mut waiting = self.waiting(tx, &pairs).await?;
        let (mut gate, mut settings) = (None, settings);
        if settings.limits_keys() && !waiting.is_empty() {
            gate = Some(Gate::open(tx, self.now).await?);
            // As they are under the lock: what was set before this holds.
            settings = self.shared.settings.at(tx, None).await?;
            let is_paused = |pair: &Pair| settings.is_paused(pair.queue_id, pair.kind_id, self.now);
            waiting.retain(|lane| !is_paused(&pairs[lane.pair]));
        }
        let queues = waiting.iter().map(|lane| pairs[lane.pair].queue_id).collect();
        let mut allowed = Allowances::of(tx, &settings, queues, self.now).await?;
        let mut taken = Vec::new();
        for queue in self.turns(&pairs, &waiting) {
            let before = taken.len();
            let most = before + allowed.most(queue, self.limit - before);
            let of_queue = waiting.iter().filter(|lane| pairs[lane.pair].queue_id == queue);
            let of_queue: Vec<Waiting> = of_queue.copied().collect();
            for group in self.groups(&of_queue) {
                let gate = gate.as_mut().map(|gate| (gate, &*settings));
                self.take_from(tx, &pairs, group, gate, (&mut taken, most)).await?;
            }
            allowed.charge(tx, queue, taken.len() - before).await?;
        }
        let is_cut = gate.as_ref().is_some_and(|gate| gate.is_cut);
        if taken.is_empty() {
            let (jobs, next_at) = (Vec::new(), allowed.next());
            return Ok(Claims::Jobs { jobs, more: is_cut, next_at });
        }
        let bodies = match gate {
            Some(gate) => gate.bodies,
            None => unlimited(tx, &pairs, &mut taken).await?,
        };
        let more = is_cut || taken.len() >= self.limit;
        let jobs = self.lease(tx, &pairs, taken, bodies).await?;
        Ok(Claims::Jobs { jobs, more, next_at: allowed.next() })
    }

    async fn landed<T: Tx>(&self, reply: &Claims, tx: &mut T) -> Result<bool, Error> {
        let Claims::Jobs { jobs, .. } = reply else { return Ok(false) };
        let Some(first) = jobs.first() else { return Ok(false) };
        let lease = [first.run.job.as_i64().into(), first.run.counts.epoch.into()];
        // Another worker's claim of the same job makes the same epoch.
        let lease = tx.query(Sql::LeaseGet, &lease).await?.first(HeldLease::read)?;
        Ok(lease.is_some_and(|lease| lease.worker_id == self.worker.id))
    }

    fn weight(&self) -> usize {
        self.limit
    }

    fn waits(&self) -> Waits {
        match self.shared.settings.limits_claims() {
            true => Waits::Anything,
            false => Waits::Nothing,
        }
    }
}

impl Claim {
    /// Whether there is anything to claim, which a rate may still hold back; says so without touching anything.
    pub(super) async fn may_find<T: Tx>(&self, tx: &mut T) -> Result<bool, Error> {
        let settings = self.shared.settings.at(tx, None).await?;
        let mut pairs = self.shared.catalog.pairs(tx, |pair| self.served.serves(pair)).await?;
        pairs.retain(|pair| !settings.is_paused(pair.queue_id, pair.kind_id, self.now));
        Ok(!self.waiting(tx, &pairs).await?.is_empty())
    }

    /// Every lane, by pair and class.
    pub(super) fn lanes(&self, pairs: &[Pair]) -> Vec<Waiting> {
        let mut lanes = Vec::with_capacity(pairs.len() * CLASSES.len());
        for (place, pair) in pairs.iter().enumerate() {
            for class in CLASSES {
                let floor = self.shared.floors.of((pair.queue_id, pair.kind_id, class), self.now);
                lanes.push(Waiting { pair: place, class, floor });
            }
        }
        lanes
    }

    /// The lanes with at least one ready job, by pair and class.
    pub(super) async fn waiting<T: Tx>(
        &self,
        tx: &mut T,
        pairs: &[Pair],
    ) -> Result<Vec<Waiting>, Error> {
        let mut lanes = self.lanes(pairs);
        let mut probes = Batch::with_capacity(4, lanes.len());
        for lane in &lanes {
            let pair = &pairs[lane.pair];
            let (queue, kind) = (pair.queue_id.into(), pair.kind_id.into());
            probes.push([queue, kind, lane.class.into(), lane.floor.into()]);
        }
        if probes.is_empty() {
            return Ok(Vec::new());
        }
        let heads = tx.query_each(Sql::ClaimHead, &probes).await?;
        let heads = heads.read(|row| Ok((row.int()?, row.int()?, row.int()?)))?;
        let heads: HashSet<LaneKey> = heads.into_iter().collect();
        lanes.retain(|lane| {
            let pair = &pairs[lane.pair];
            heads.contains(&(pair.queue_id, pair.kind_id, lane.class))
        });
        Ok(lanes)
    }

    /// The queues with something waiting, the one whose turn it is first.
    pub(super) fn turns(&self, pairs: &[Pair], waiting: &[Waiting]) -> Vec<i64> {
        let mut queues: Vec<(usize, i64)> = Vec::new();
        for pair in waiting.iter().map(|lane| &pairs[lane.pair]) {
            if !queues.iter().any(|(_, id)| *id == pair.queue_id) {
                queues.push((self.served.queue_order(pair), pair.queue_id));
            }
        }
        queues.sort_unstable();
        let turn = self.turn.checked_rem(queues.len()).unwrap_or(0);
        queues.rotate_left(turn);
        queues.into_iter().map(|(_, id)| id).collect()
    }

    /// The lanes of one queue that are merged with each other: all of a class, most urgent class
    /// first; with aging all of them.
    pub(super) fn groups(&self, of_queue: &[Waiting]) -> Vec<Vec<Waiting>> {
        if self.served.aging.is_some() || sabotage::on("priority_ignored") {
            return vec![of_queue.to_vec()];
        }
        let of_class = |class| of_queue.iter().filter(move |lane| lane.class == class).copied();
        CLASSES.iter().map(|class| of_class(*class).collect()).collect()
    }

    /// Takes from lanes that are merged with each other, until so many are taken.
    async fn take_from<T: Tx>(
        &self,
        tx: &mut T,
        pairs: &[Pair],
        lanes: Vec<Waiting>,
        gate: Option<(&mut Gate, &Settings)>,
        (taken, most): (&mut Vec<Taken>, usize),
    ) -> Result<(), Error> {
        let Some((gate, settings)) = gate else {
            taken.extend(self.take(tx, pairs, &lanes, most - taken.len()).await?);
            return Ok(());
        };
        let mut lot = 0;
        for _ in 0..LOOKS_MAX {
            let left = most - taken.len();
            let wanted = if left == 0 { 0 } else { left.max(lot) };
            let rows = self.take(tx, pairs, &lanes, wanted).await?;
            let found = rows.len();
            let waiting = gate.pass(tx, settings, pairs, rows, (taken, most)).await?;
            if waiting == 0 || found < wanted {
                return Ok(());
            }
            lot = LOT;
        }
        gate.is_cut = true;
        Ok(())
    }

    /// Takes so many jobs of lanes that are merged with each other, in order.
    async fn take<T: Tx>(
        &self,
        tx: &mut T,
        pairs: &[Pair],
        lanes: &[Waiting],
        count: usize,
    ) -> Result<Vec<Taken>, Error> {
        let mut taken = Vec::new();
        if count == 0 {
            return Ok(taken);
        }
        let counted = match lanes {
            [only] => vec![(*only, count)],
            _ => self.merge(tx, pairs, lanes, count).await?,
        };
        for (lane, count) in counted {
            let pair = &pairs[lane.pair];
            let params = lane_params(pair, lane, count);
            let rows = tx.query(Sql::ClaimTake, &params).await?;
            let rows = rows.read(|row| read_taken(row, lane.pair))?;
            if let Some(found) = rows.iter().map(|row| row.seq).min() {
                let key = (pair.queue_id, pair.kind_id, lane.class);
                self.shared.floors.raise(key, found, self.now);
            }
            taken.extend(rows);
        }
        taken.sort_unstable_by_key(|row| self.order(row.priority, row.seq));
        Ok(taken)
    }

    /// The claim order within a queue. With aging, a priority is a head start in time, so that the
    /// lowest class still moves.
    pub(super) fn order(&self, priority: i64, seq: i64) -> (i64, i64) {
        match self.served.aging {
            _ if sabotage::on("priority_ignored") => (0, seq),
            None => (priority, seq),
            Some(step) => (0, seq.saturating_add(priority.saturating_mul(JobId::span_of(step)))),
        }
    }

    /// How many jobs of each lane are among the first `limit` of all of them: each gives a prefix of
    /// its own order, which together is the merged order.
    pub(super) async fn merge<T: Tx>(
        &self,
        tx: &mut T,
        pairs: &[Pair],
        lanes: &[Waiting],
        limit: usize,
    ) -> Result<Vec<(Waiting, usize)>, Error> {
        let mut counted: Vec<(Waiting, usize)> = lanes.iter().map(|lane| (*lane, 0)).collect();
        let mut keys: Vec<((i64, i64), usize)> = Vec::new();
        for (place, lane) in lanes.iter().enumerate() {
            let params = lane_params(&pairs[lane.pair], *lane, limit);
            let rows = tx.query(Sql::ClaimPeek, &params).await?;
            keys.extend(rows.read(|row| Ok((self.order(row.int()?, row.int()?), place)))?);
        }
        keys.sort_unstable();
        for (_, place) in keys.into_iter().take(limit) {
            counted[place].1 += 1;
        }
        counted.retain(|(_, count)| *count > 0);
        Ok(counted)
    }

    /// Writes the leases, and the end of jobs that are too late to start.
    async fn lease<T: Tx>(
        &self,
        tx: &mut T,
        pairs: &[Pair],
        taken: Vec<Taken>,
        mut bodies: HashMap<i64, JobPart>,
    ) -> Result<Vec<Claimed>, Error> {
        let mut leases = Batch::with_capacity(12, taken.len());
        let mut ended = Batch::with_capacity(13, 0);
        let mut claimed = Vec::with_capacity(taken.len());
        let mut freed = Vec::new();
        for row in &taken {
            let pair = &pairs[row.pair];
            let job = bodies
                .remove(&row.job)
                .ok_or_else(|| Error::bug(format!("ready job {} does not exist", row.job)))?;
            if let Some(next) = job.too_late(self.now) {
                end(tx, &mut ended, pair, row, &next, self.now);
                let id = JobId::from_i64(row.job);
                freed.extend(job.unique().map(|digest| (digest.to_owned(), id)));
                tx.effects().left(id);
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
                row.slot.as_ref().map(|(line, _)| line.as_str()).into(),
                row.slot.as_ref().map(|(_, n)| *n).into(),
            ]);
            let effects = tx.effects();
            let (id, of) = (JobId::from_i64(row.job), (pair.queue_id, pair.kind_id));
            effects.moved(id, of, State::Pending, State::Running);
            effects.waited(pair.queue_id, row.seq, self.now);
            effects.count(pair.queue_id, pair.kind_id, Measure::Claims, 1);
            freed.extend(job.until_started(row.job));
            job.note_keys(tx, row.job);
            claimed.push(job.claimed(row.job, counts, pair, self.now)?);
        }
        if !leases.is_empty() {
            tx.execute_each(Sql::LeaseInsert, &leases).await?;
        }
        if !ended.is_empty() {
            tx.execute_each(Sql::OutcomeInsert, &ended).await?;
        }
        release(tx, freed).await?;
        Ok(claimed)
    }
}

/// What jobs are, besides their rows in the ready room.
pub(super) async fn read_bodies<T: Tx>(
    tx: &mut T,
    rows: &[Taken],
) -> Result<HashMap<i64, JobPart>, Error> {
    let mut ids: Vec<i64> = rows.iter().map(|row| row.job).collect();
    ids.sort_unstable();
    let ids = Batch::of_rows(1, ids.into_iter().map(Param::Int).collect());
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx.query_each(Sql::ClaimJob, &ids).await?;
    Ok(rows.read(|row| Ok((row.int()?, JobPart::read(row)?)))?.into_iter().collect())
}

/// Reads jobs of which no key is limited: their leases say which keys they have, for a limit that is set later.
async fn unlimited<T: Tx>(
    tx: &mut T,
    pairs: &[Pair],
    taken: &mut [Taken],
) -> Result<HashMap<i64, JobPart>, Error> {
    let bodies = read_bodies(tx, taken).await?;
    for row in taken {
        let line = bodies.get(&row.job).and_then(|body| body.line(pairs[row.pair].namespace_id));
        row.slot = line.map(|line| (line, row.job));
    }
    Ok(bodies)
}

/// Queue, kind, priority, floor and limit.
fn lane_params(pair: &Pair, lane: Waiting, limit: usize) -> [Param<'static>; 5] {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    [pair.queue_id, pair.kind_id, lane.class, lane.floor, limit].map(Param::Int)
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
        slot: None,
    })
}

impl Taken {
    /// The job as it stood in the ready room.
    pub(super) fn entry(&self, pairs: &[Pair]) -> Entry {
        let pair = &pairs[self.pair];
        Entry {
            job: self.job,
            queue_id: pair.queue_id,
            kind_id: pair.kind_id,
            priority: self.priority,
            seq: self.seq,
            counts: self.counts,
            place: None,
        }
    }
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
    effects.moved(JobId::from_i64(row.job), keys, State::Pending, state);
    effects.count(keys.0, keys.1, Measure::of_end(state), 1);
    effects.ended(JobId::from_i64(row.job));
}
