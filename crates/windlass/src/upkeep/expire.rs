//! Waiting jobs whose `start_by` or `deadline` passed end, also where no worker serves them; safe
//! from any node, because whoever deletes the row decides.

use std::time::Duration;

use super::{ROUND_MAX, Round};
use crate::Error;
use crate::queue::Queue;

/// Claims check the same limits, so this only has to find what nobody claims.
const EVERY: Duration = Duration::from_secs(5);

pub(super) struct Expire {
    queue: Queue,
}

impl Expire {
    pub(super) fn new(queue: &Queue) -> Self {
        Self { queue: queue.clone() }
    }
}

impl Round for Expire {
    const NAME: &'static str = "expire";

    async fn tick(&mut self) -> Result<Duration, Error> {
        let looked_at = self.queue.store().expire(ROUND_MAX).await?;
        Ok(if looked_at == ROUND_MAX { Duration::ZERO } else { EVERY })
    }

    async fn pause(&mut self, pause: Duration) {
        self.queue.clock().sleep(pause).await;
    }
}
