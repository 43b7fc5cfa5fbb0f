//! Depth: a queue with a limit refuses jobs while as many wait in it already.
//!
//! The maintained counts decide, with what this very commit adds. On SQLite that is exact; on a server
//! another process may add as much at the same moment as fits into one of its commits.

use std::collections::BTreeMap;

use super::enqueue::{Enqueue, New};
use crate::Error;
use crate::core::State;
use crate::job::{JobId, Pressure};
use crate::store::Stored;
use crate::store::driver::{Param, Tx};
use crate::store::effects::Measure;
use crate::store::statements::Sql;

/// The states in which a job waits.
const WAITING: [State; 3] = [State::Pending, State::Delayed, State::Retrying];

impl Enqueue {
    /// Takes out of `new` what is too much for its queue, and answers so. The rest is
    /// told how full its queue is.
    pub(super) async fn check_depth<T: Tx>(
        &self,
        tx: &mut T,
        new: &mut Vec<New>,
        replies: &mut [Result<Stored, Error>],
    ) -> Result<(), Error> {
        let mut queues: BTreeMap<i64, Pressure> = BTreeMap::new();
        for item in new.iter() {
            let max_depth =
                self.settings.of(item.queue_id).and_then(|kept| kept.settings.max_depth);
            if let Some(max_depth) = max_depth
                && !queues.contains_key(&item.queue_id)
            {
                let depth = depth(tx, item.queue_id).await?;
                queues.insert(item.queue_id, Pressure { depth, max_depth });
            }
        }
        if queues.is_empty() {
            return Ok(());
        }
        let mut full = Vec::new();
        new.retain(|item| match queues.get_mut(&item.queue_id) {
            Some(queue) if queue.depth >= u64::from(queue.max_depth) => {
                replies[item.index] = Err(self.full(item.index, *queue));
                full.push(item.id);
                false
            }
            Some(queue) => {
                queue.depth += 1;
                true
            }
            None => true,
        });
        for item in new.iter() {
            if let Ok(stored) = &mut replies[item.index] {
                stored.pressure = queues.get(&item.queue_id).copied();
            }
        }
        self.refuse_echoes(&full, &queues, replies);
        Ok(())
    }

    /// A key given twice in one batch leads to the first job of the two: refused with it.
    fn refuse_echoes(
        &self,
        full: &[JobId],
        queues: &BTreeMap<i64, Pressure>,
        replies: &mut [Result<Stored, Error>],
    ) {
        for (index, reply) in replies.iter_mut().enumerate() {
            let echoed = reply.as_ref().ok().filter(|stored| full.contains(&stored.id));
            let first = echoed.and_then(|stored| self.ids.iter().position(|id| *id == stored.id));
            if let Some(first) = first
                && let Some(queue) = queues.get(&self.pairs[first].0)
            {
                *reply = Err(self.full(index, *queue));
            }
        }
    }

    fn full(&self, index: usize, queue: Pressure) -> Error {
        let (name, _) = self.jobs[index].names();
        let Pressure { depth, max_depth } = queue;
        Error::Full {
            message: format!("queue `{name}` is full: {depth} jobs wait (at most {max_depth})"),
        }
    }
}

/// Jobs of a queue that wait, with what this commit adds.
async fn depth<T: Tx>(tx: &mut T, queue_id: i64) -> Result<u64, Error> {
    let measures = WAITING.map(|state| Measure::In(state).code());
    let [pending, delayed, retrying] = measures.map(Param::Int);
    let params = [queue_id.into(), pending, delayed, retrying];
    let counted = tx.query(Sql::QueueDepth, &params).await?.first_int()?.unwrap_or(0);
    let depth = counted + tx.effects().unwritten(queue_id, &measures);
    Ok(u64::try_from(depth).unwrap_or(0))
}
