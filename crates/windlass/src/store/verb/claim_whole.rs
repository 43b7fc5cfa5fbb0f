//! The short way of a claim, where a database can do all of it in one statement.

use std::collections::HashMap;

use super::apply::{Fenced, apply};
use super::claim::{Claim, Waiting};
use super::job_part::JobPart;
use super::unique::release;
use crate::core::{Counts, Settlement, State};
use crate::job::{EventName, JobId};
use crate::store::Claims;
use crate::store::catalog::Pair;
use crate::store::driver::{Batch, Param, Row, Tx};
use crate::store::effects::Measure;
use crate::store::statements::Sql;
use crate::{Error, sabotage};

/// Lanes that may hold this many of the jobs, in claim order.
type Lanes = Vec<(Waiting, usize)>;

/// A job under its new lease, without its body.
struct Leased {
    /// The latest pair of queue and kind that the database knows.
    latest: i64,
    /// Place among the lanes.
    lane: usize,
    job: i64,
    seq: i64,
    counts: Counts,
}

impl Claim {
    /// Claims in two statements, or three when the order between several kinds has to be found out.
    /// None where that is not possible, and where nothing is found with what this process knows.
    pub(super) async fn whole<T: Tx>(&self, tx: &mut T) -> Result<Option<Claims>, Error> {
        let defective = sabotage::on("priority_ignored") || sabotage::on("dead_worker_claims");
        if !tx.has_wholes() || defective {
            return Ok(None);
        }
        let Some(settings) = self.shared.settings.known() else { return Ok(None) };
        if settings.limits_queues() || settings.limits_keys() {
            return Ok(None);
        }
        let pairs = self.shared.catalog.known(|pair| {
            let is_paused = settings.is_paused(pair.queue_id, pair.kind_id, self.now);
            self.served.serves(pair) && !is_paused
        });
        let lanes: Lanes = match pairs.as_slice() {
            [] => return Ok(None),
            [_] if self.served.aging.is_none() => {
                self.lanes(&pairs).into_iter().map(|lane| (lane, self.limit)).collect()
            }
            _ => {
                let waiting = self.waiting(tx, &pairs).await?;
                self.in_order(tx, &pairs, waiting).await?
            }
        };
        if lanes.is_empty() {
            return Ok(None);
        }
        let leased = self.take_all(tx, &pairs, &lanes, settings.version()).await?;
        let Some(first) = leased.first() else { return Ok(None) };
        if first.latest > self.shared.catalog.last() {
            // For the next claim.
            self.shared.catalog.pairs(tx, |_| false).await?;
        }
        self.bodies(tx, &pairs, &lanes, leased).await.map(Some)
    }

    /// The lanes with something in them, and how much of each comes before the rest of its group.
    async fn in_order<T: Tx>(
        &self,
        tx: &mut T,
        pairs: &[Pair],
        waiting: Vec<Waiting>,
    ) -> Result<Lanes, Error> {
        if let [only] = waiting.as_slice() {
            return Ok(vec![(*only, self.limit)]);
        }
        let mut lanes = Vec::with_capacity(waiting.len());
        let mut left = self.limit;
        for queue in self.turns(pairs, &waiting) {
            let of_queue = waiting.iter().filter(|lane| pairs[lane.pair].queue_id == queue);
            let of_queue: Vec<Waiting> = of_queue.copied().collect();
            for group in self.groups(&of_queue) {
                if left == 0 {
                    return Ok(lanes);
                }
                let counted = self.merge(tx, pairs, &group, left).await?;
                left -= counted.iter().map(|(_, count)| count).sum::<usize>();
                lanes.extend(counted);
            }
        }
        Ok(lanes)
    }

    async fn take_all<T: Tx>(
        &self,
        tx: &mut T,
        pairs: &[Pair],
        lanes: &Lanes,
        version: i64,
    ) -> Result<Vec<Leased>, Error> {
        let by = vec![
            self.worker.id.into(),
            self.worker.nonce.into(),
            self.now.as_micros().into(),
            int(self.limit),
            version.into(),
        ];
        let by = Batch::of_rows(5, by);
        let mut from = Batch::with_capacity(5, lanes.len());
        for (lane, most) in lanes {
            let pair = &pairs[lane.pair];
            from.push([
                pair.queue_id.into(),
                pair.kind_id.into(),
                lane.class.into(),
                lane.floor.into(),
                int(*most),
            ]);
        }
        let mut counts = Batch::with_capacity(2, 3);
        counts.push([Measure::In(State::Pending).code().into(), (-1_i64).into()]);
        counts.push([Measure::In(State::Running).code().into(), 1_i64.into()]);
        counts.push([Measure::Claims.code().into(), 1_i64.into()]);
        let rows = tx.query_whole(Sql::ClaimAll, &[&by, &from, &counts]).await?;
        let mut leased = rows.read(read_leased)?;
        self.sort(pairs, lanes, &mut leased);
        for (place, (lane, _)) in lanes.iter().enumerate() {
            let of_lane = leased.iter().filter(|row| row.lane == place);
            if let Some(first) = of_lane.map(|row| row.seq).min() {
                let pair = &pairs[lane.pair];
                let key = (pair.queue_id, pair.kind_id, lane.class);
                self.shared.floors.raise(key, first, self.now);
            }
        }
        Ok(leased)
    }

    /// In claim order: by group, and in it by age.
    fn sort(&self, pairs: &[Pair], lanes: &Lanes, leased: &mut [Leased]) {
        let mut groups = Vec::with_capacity(lanes.len());
        for (place, (lane, _)) in lanes.iter().enumerate() {
            let is_next = place.checked_sub(1).is_none_or(|before| {
                let before = lanes[before].0;
                let same_queue = pairs[before.pair].queue_id == pairs[lane.pair].queue_id;
                !same_queue || (self.served.aging.is_none() && before.class != lane.class)
            });
            groups.push(groups.last().map_or(0, |group| group + usize::from(is_next)));
        }
        leased.sort_unstable_by_key(|row| {
            let class = lanes[row.lane].0.class;
            (groups[row.lane], self.order(class, row.seq))
        });
    }

    /// Reads the bodies of leased jobs, and ends those that are too late to start.
    async fn bodies<T: Tx>(
        &self,
        tx: &mut T,
        pairs: &[Pair],
        lanes: &Lanes,
        leased: Vec<Leased>,
    ) -> Result<Claims, Error> {
        let mut ids: Vec<i64> = leased.iter().map(|row| row.job).collect();
        ids.sort_unstable();
        let ids = Batch::of_rows(1, ids.into_iter().map(Param::Int).collect());
        let rows = tx.query_whole(Sql::ClaimJob, &[&ids]).await?;
        let mut bodies: HashMap<i64, JobPart> =
            rows.read(|row| Ok((row.int()?, JobPart::read(row)?)))?.into_iter().collect();
        let more = leased.len() >= self.limit;
        let (mut jobs, mut late) = (Vec::with_capacity(leased.len()), Vec::new());
        let (mut started, mut lines) = (Vec::new(), Vec::new());
        for row in leased {
            let pair = &pairs[lanes[row.lane].0.pair];
            let body = bodies
                .remove(&row.job)
                .ok_or_else(|| Error::bug(format!("ready job {} does not exist", row.job)))?;
            let counts = Counts { epoch: row.counts.epoch + 1, ..row.counts };
            if let Some((event, state, reason)) = body.too_late(self.now) {
                let id = JobId::from_i64(row.job);
                tx.effects().count(pair.queue_id, pair.kind_id, Measure::Claims, -1);
                let late_end = Settlement::of_waiting(id, counts, event, (state, reason));
                late.push(late_end.giving_back(body.unique()));
                continue;
            }
            let counts = Counts { attempt: row.counts.attempt + 1, ..counts };
            let (id, of) = (JobId::from_i64(row.job), (pair.queue_id, pair.kind_id));
            tx.effects().tell(EventName::JobStarted, id, of);
            tx.effects().waited(pair.queue_id, row.seq, self.now);
            started.extend(body.until_started(row.job));
            lines.extend(body.line(pair.namespace_id).map(|line| (row.job, line)));
            body.note_keys(tx, row.job);
            jobs.push(body.claimed(row.job, counts, pair, self.now)?);
        }
        release(tx, started).await?;
        if !lines.is_empty() {
            let mut marked = Batch::with_capacity(2, lines.len());
            for (job, line) in &lines {
                marked.push([(*job).into(), line.as_str().into()]);
            }
            tx.query_whole(Sql::LeaseMark, &[&marked]).await?;
        }
        if !late.is_empty() {
            let late = late.into_iter().map(|settlement| Fenced {
                settlement,
                worker_id: self.worker.id,
                worker: &self.worker.name,
            });
            apply(tx, late.collect(), self.now).await?;
        }
        Ok(Claims::Jobs { jobs, more, next_at: None })
    }
}

fn int(count: usize) -> Param<'static> {
    Param::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn read_leased(row: &mut Row<'_>) -> Result<Leased, Error> {
    let (latest, lane) = (row.int()?, row.int()?);
    Ok(Leased {
        latest,
        lane: usize::try_from(lane - 1).unwrap_or(usize::MAX),
        job: row.int()?,
        seq: row.int()?,
        counts: Counts {
            epoch: row.int()?,
            attempt: row.count()?,
            crashes: row.count()?,
            snoozes: row.count()?,
        },
    })
}
