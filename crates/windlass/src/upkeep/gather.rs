//! The ends of jobs are gathered in their workflows and batches; safe from any node, because each end is
//! noted under a lock of its workflow or batch, and only once.

use std::time::Duration;

use super::turns::Turns;
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
    turns: Turns,
}

impl Gather {
    pub(super) fn new(queue: &Queue) -> Self {
        let gathering = queue.store().signals().gathering.listen();
        Self { queue: queue.clone(), gathering, after: START, turns: Turns::default() }
    }
}

impl Round for Gather {
    const NAME: &'static str = "gather";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.gathering.mark();
        let store = self.queue.store();
        let look = store.members().look();
        let now = self.queue.clock().now();
        let jobs = match self.turns.is_sweep(now) {
            true => Vec::new(),
            false => store.members().take(ROUND_MAX),
        };
        let is_sweep = jobs.is_empty();
        let limit = if is_sweep { SLICE } else { ROUND_MAX };
        let gathered = store.gather(jobs, self.after, limit).await?;
        store.members().looked(look, gathered.any);
        if is_sweep {
            self.after = gathered.next.unwrap_or(START);
        }
        let wait = if self.after == START { SWEEP } else { SLICE_EVERY };
        self.turns.ended(is_sweep, now, wait);
        Ok(match gathered.any {
            _ if gathered.found || store.members().has_news() => Duration::ZERO,
            true => wait,
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
        self.turns = Turns::default();
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;
    use crate::{Flow, JobId, NewJob};

    #[tokio::test]
    async fn jobs_that_end_all_the_time_hold_up_no_workflow() {
        let queue = Queue::open("memory:").await.unwrap();
        let mut flow = Flow::new("one");
        flow.add_new::<crate::Node>("only", NewJob::new("mail", "1"), []);
        let made = queue.start(flow).await.unwrap();
        queue.cancel_workflow(made.id(), None).await.unwrap();
        // As in another process: nobody here has heard of it.
        queue.store().members().take(ROUND_MAX);
        let mut gather = Gather::new(&queue);

        for other in 1..30 {
            queue.store().members().ended(&[JobId::from_i64(other)]);
            gather.tick().await.unwrap();
        }

        assert!(queue.workflow(made.id()).await.unwrap().completed_at.is_some());
    }
}
