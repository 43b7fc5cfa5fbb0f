//! Jobs that wait for others run when those have ended; safe from any node, because resolvers take
//! turns.

use std::time::Duration;

use super::turns::Turns;
use super::{ROUND_MAX, Round, idle_wait};
use crate::Error;
use crate::queue::Queue;
use crate::runtime::Listener;

/// Between two looks at everything while any job waits: for parents that ended elsewhere.
const SWEEP: Duration = Duration::from_secs(1);

/// Dependencies in one transaction: each takes a few statements, and a busy server has to come to its end in
/// time.
const DEPENDENCIES_MAX: usize = 100;

pub(super) struct Resolve {
    queue: Queue,
    resolving: Listener,
    /// Where the present look at everything goes on; none when none is under way.
    after: Option<i64>,
    turns: Turns,
}

impl Resolve {
    pub(super) fn new(queue: &Queue) -> Self {
        let resolving = queue.store().signals().resolving.listen();
        let after = Some(i64::MIN);
        Self { queue: queue.clone(), resolving, after, turns: Turns::default() }
    }
}

impl Round for Resolve {
    const NAME: &'static str = "resolve";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.resolving.mark();
        let store = self.queue.store();
        let look = store.edges().look();
        let now = self.queue.clock().now();
        let parents = match self.turns.is_sweep(now) {
            true => Vec::new(),
            false => store.edges().take(ROUND_MAX),
        };
        let is_sweep = parents.is_empty();
        let after = self.after;
        let resolved = store.resolve(parents, after.unwrap_or(i64::MIN), DEPENDENCIES_MAX).await?;
        store.edges().looked(look, resolved.any);
        self.after = match is_sweep {
            true => resolved.next,
            false => [after, resolved.next].into_iter().flatten().min(),
        };
        let wait = if self.after.is_some() { Duration::ZERO } else { SWEEP };
        self.turns.ended(is_sweep, now, wait);
        Ok(match resolved.any {
            _ if self.after.is_some() || store.edges().has_news() => Duration::ZERO,
            true => SWEEP,
            false => idle_wait(&self.queue),
        })
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = self.resolving.heard() => {}
            () = self.queue.clock().sleep(pause) => {}
        }
    }

    fn failed(&mut self) {
        // What was taken and not resolved is found by a look at everything.
        self.after = Some(i64::MIN);
        self.turns = Turns::default();
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;
    use crate::{JobFilter, JobId, NewJob, State};

    #[tokio::test]
    async fn jobs_that_end_all_the_time_hold_up_no_children() {
        let queue = Queue::open("memory:").await.unwrap();
        let parent = queue.enqueue_new(NewJob::new("mail", "1")).await.unwrap().id();
        let children = vec![NewJob::new("mail", "1").after(parent); 3 * DEPENDENCIES_MAX];
        queue.enqueue_batch(children, true).await.unwrap();
        queue.cancel(parent, None).await.unwrap();
        let mut resolve = Resolve::new(&queue);

        for other in 1..30 {
            queue.store().edges().ended(&[JobId::from_i64(other)]);
            resolve.tick().await.unwrap();
        }

        let waiting = JobFilter::new().state(State::Pending);
        assert_eq!(queue.list(waiting).await.unwrap().jobs.len(), 0);
    }
}
