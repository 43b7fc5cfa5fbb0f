//! Jobs that wait for others run when those have ended; safe from any node, because resolvers take
//! turns.

use std::time::Duration;

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
}

impl Resolve {
    pub(super) fn new(queue: &Queue) -> Self {
        let resolving = queue.store().signals().resolving.listen();
        Self { queue: queue.clone(), resolving, after: Some(i64::MIN) }
    }
}

impl Round for Resolve {
    const NAME: &'static str = "resolve";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.resolving.mark();
        let store = self.queue.store();
        let look = store.edges().look();
        let parents = store.edges().take(ROUND_MAX);
        let more = parents.len() == ROUND_MAX;
        let is_sweep = parents.is_empty();
        let after = self.after;
        let resolved = store.resolve(parents, after.unwrap_or(i64::MIN), DEPENDENCIES_MAX).await?;
        store.edges().looked(look, resolved.any);
        self.after = match is_sweep {
            true => resolved.next,
            false => [after, resolved.next].into_iter().flatten().min(),
        };
        Ok(match resolved.any {
            _ if more || self.after.is_some() => Duration::ZERO,
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
    }
}
