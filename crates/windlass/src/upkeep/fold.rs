//! Changed counts are added up, where transactions only append them; safe from any node, because a
//! change is added by whoever deletes it.

use std::time::Duration;

use super::Round;
use crate::Error;
use crate::queue::Queue;

/// Changes added in one round.
const CHANGES_MAX: usize = 5_000;

/// Between two rounds: what is not added up yet is counted all the same, only slower.
const EVERY: Duration = Duration::from_secs(5);

pub(super) struct Fold {
    queue: Queue,
}

impl Fold {
    pub(super) fn new(queue: &Queue) -> Self {
        Self { queue: queue.clone() }
    }
}

impl Round for Fold {
    const NAME: &'static str = "fold";

    async fn tick(&mut self) -> Result<Duration, Error> {
        let added = self.queue.store().fold(CHANGES_MAX).await?;
        Ok(if added == CHANGES_MAX { Duration::ZERO } else { EVERY })
    }

    async fn pause(&mut self, pause: Duration) {
        self.queue.clock().sleep(pause).await;
    }
}
