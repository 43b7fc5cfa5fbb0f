//! The ends of jobs are gathered in their workflows and batches; safe from any node, because each end is
//! noted under a lock of its workflow or batch, and only once.

use std::time::Duration;

use super::{ROUND_MAX, Round, idle_wait};
use crate::Error;
use crate::queue::Queue;
use crate::runtime::Listener;

/// Jobs that one look at everything comes past, and the waits between two of them and before it begins
/// anew: for ends in other processes, and those that a crash left. A million jobs take 50 s so.
const SLICE: usize = 2000;
const SLICE_EVERY: Duration = Duration::from_millis(100);
const SWEEP: Duration = Duration::from_secs(1);

/// Where a look at everything begins.
const START: (i64, i64) = (0, 0);

pub(super) struct Gather {
    queue: Queue,
    gathering: Listener,
    /// Where the present look at everything goes on.
    after: (i64, i64),
}

impl Gather {
    pub(super) fn new(queue: &Queue) -> Self {
        let gathering = queue.store().signals().gathering.listen();
        Self { queue: queue.clone(), gathering, after: START }
    }
}

impl Round for Gather {
    const NAME: &'static str = "gather";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.gathering.mark();
        let store = self.queue.store();
        let look = store.members().look();
        let jobs = store.members().take(ROUND_MAX);
        let more = jobs.len() == ROUND_MAX;
        let is_sweep = jobs.is_empty();
        let limit = if is_sweep { SLICE } else { ROUND_MAX };
        let gathered = store.gather(jobs, self.after, limit).await?;
        store.members().looked(look, gathered.any);
        if is_sweep {
            self.after = gathered.next.unwrap_or(START);
        }
        Ok(match gathered.any {
            _ if more || gathered.found => Duration::ZERO,
            true if self.after != START => SLICE_EVERY,
            true => SWEEP,
            false => idle_wait(&self.queue),
        })
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = self.gathering.heard() => {}
            () = self.queue.clock().sleep(pause) => {}
        }
    }

    fn failed(&mut self) {
        // What was taken and not gathered is found by a look at everything.
        self.after = START;
    }
}
