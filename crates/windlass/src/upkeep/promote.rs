//! Delayed jobs become ready when their time comes; safe from any node, because whoever deletes a
//! row moves it.

use std::time::Duration;

use super::{ROUND_MAX, Round};
use crate::Error;
use crate::queue::Queue;
use crate::runtime::Listener;

/// Longest wait when nothing is delayed: the fallback for lost news of other processes.
const IDLE_WAIT: Duration = Duration::from_secs(5);

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
        Ok(due.map_or(IDLE_WAIT, |due| due.min(IDLE_WAIT)))
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = self.delayed.heard() => {}
            () = self.queue.clock().sleep(pause) => {}
        }
    }
}
