//! Waiting jobs whose `start_by` or `deadline` passed end, also where no worker serves them; safe
//! from any node, because whoever deletes the row decides.

use std::time::Duration;

use super::{ROUND_MAX, Round, idle_wait};
use crate::Error;
use crate::queue::Queue;
use crate::runtime::Listener;

pub(super) struct Expire {
    queue: Queue,
    expiring: Listener,
}

impl Expire {
    pub(super) fn new(queue: &Queue) -> Self {
        Self { queue: queue.clone(), expiring: queue.store().signals().expiring.listen() }
    }
}

impl Round for Expire {
    const NAME: &'static str = "expire";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.expiring.mark();
        let looked_at = self.queue.store().expire(ROUND_MAX).await?;
        Ok(if looked_at == ROUND_MAX { Duration::ZERO } else { idle_wait(&self.queue) })
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = self.expiring.heard() => {}
            () = self.queue.clock().sleep(pause) => {}
        }
    }
}
