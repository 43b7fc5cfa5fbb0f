//! Changed counts are added up, where transactions only append them; safe from any node, because a
//! change is added by whoever deletes it.

use std::time::Duration;

use super::{Round, idle_wait};
use crate::Error;
use crate::queue::Queue;
use crate::runtime::Listener;

/// Changes added in one round.
const CHANGES_MAX: usize = 5_000;

/// Shortest time between two rounds: what is not added up yet is counted all the same, only slower.
const EVERY: Duration = Duration::from_secs(5);

pub(super) struct Fold {
    queue: Queue,
    counted: Listener,
}

impl Fold {
    pub(super) fn new(queue: &Queue) -> Self {
        Self { queue: queue.clone(), counted: queue.store().signals().counted.listen() }
    }
}

impl Round for Fold {
    const NAME: &'static str = "fold";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.counted.mark();
        let added = self.queue.store().fold(CHANGES_MAX).await?;
        Ok(if added == CHANGES_MAX { Duration::ZERO } else { EVERY.max(idle_wait(&self.queue)) })
    }

    async fn pause(&mut self, pause: Duration) {
        let clock = self.queue.clock().clone();
        clock.sleep(pause.min(EVERY)).await;
        tokio::select! {
            () = self.counted.heard() => {}
            () = clock.sleep(pause.saturating_sub(EVERY)) => {}
        }
    }
}
