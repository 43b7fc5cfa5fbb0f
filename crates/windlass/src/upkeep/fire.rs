//! Ticks of schedules become jobs; safe from any node, because whoever takes a schedule's turn fires it.

use std::sync::Arc;
use std::time::Duration;

use super::{Round, idle_wait};
use crate::Error;
use crate::queue::Queue;
use crate::runtime::Listener;
use crate::store::Declared;

/// Schedules of one round.
const SCHEDULES_MAX: usize = 100;

/// How often to look at schedules that this process declares and others cannot fire: nothing else sees
/// when someone changes them.
const DECLARED_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Fire {
    queue: Queue,
    declared: Arc<Declared>,
    schedules: Listener,
}

impl Fire {
    pub(super) fn new(queue: &Queue, declared: &Arc<Declared>) -> Self {
        let schedules = queue.store().signals().schedules.listen();
        Self { queue: queue.clone(), declared: Arc::clone(declared), schedules }
    }
}

impl Round for Fire {
    const NAME: &'static str = "fire";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.schedules.mark();
        let fired = self.queue.store().fire(SCHEDULES_MAX, &self.declared).await?;
        if fired.count > 0 {
            return Ok(Duration::ZERO);
        }
        let due = fired.next.map(|next| next.since(self.queue.clock().now()));
        let idle = idle_wait(&self.queue);
        let idle = if self.declared.is_empty() { idle } else { idle.min(DECLARED_WAIT) };
        Ok(due.map_or(idle, |due| due.min(idle)))
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = self.schedules.heard() => {}
            () = self.queue.clock().sleep(pause) => {}
        }
    }
}
