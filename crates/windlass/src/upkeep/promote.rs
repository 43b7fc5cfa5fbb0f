//! Delayed jobs become ready when their time comes; safe from any node, because whoever deletes a
//! row moves it.

use std::time::Duration;

use super::{ROUND_MAX, Round, idle_wait};
use crate::Error;
use crate::queue::Queue;
use crate::runtime::Listener;

pub(super) struct Promote {
    queue: Queue,
    delayed: Listener,
}

impl Promote {
    pub(super) fn new(queue: &Queue) -> Self {
        Self { queue: queue.clone(), delayed: queue.store().signals().delayed.listen() }
    }
}

impl Round for Promote {
    const NAME: &'static str = "promote";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.delayed.mark();
        let promoted = self.queue.store().promote(ROUND_MAX).await?;
        if promoted.count == ROUND_MAX {
            return Ok(Duration::ZERO);
        }
        let due = promoted.next.map(|next| next.since(self.queue.clock().now()));
        let idle = idle_wait(&self.queue);
        Ok(due.map_or(idle, |due| due.min(idle)))
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = self.delayed.heard() => {}
            () = self.queue.clock().sleep(pause) => {}
        }
    }
}
