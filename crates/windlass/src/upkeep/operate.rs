//! Operations are carried out step by step; safe from any node, because whoever takes an operation's turn
//! does the step.

use std::time::Duration;

use super::{Round, idle_wait};
use crate::queue::Queue;
use crate::runtime::Listener;
use crate::{Error, Timestamp};

/// Between two rounds of forgetting operations that ended long ago.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

pub(super) struct Operate {
    queue: Queue,
    operations: Listener,
    forget_at: Option<Timestamp>,
}

impl Operate {
    pub(super) fn new(queue: &Queue) -> Self {
        let operations = queue.store().signals().operations.listen();
        Self { queue: queue.clone(), operations, forget_at: None }
    }
}

impl Round for Operate {
    const NAME: &'static str = "operate";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.operations.mark();
        let now = self.queue.clock().now();
        if self.forget_at.is_none_or(|at| at <= now) {
            self.queue.store().forget_operations().await?;
            self.forget_at = Some(now + FORGET_EVERY);
        }
        let operated = self.queue.store().operate(None).await?;
        if operated.count > 0 {
            return Ok(Duration::ZERO);
        }
        let due = operated.next.map(|next| next.since(self.queue.clock().now()));
        let idle = idle_wait(&self.queue);
        Ok(due.map_or(idle, |due| due.min(idle)))
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = self.operations.heard() => {}
            () = self.queue.clock().sleep(pause) => {}
        }
    }
}
