//! Once a minute: what this process saw of times is stored, and how the totals grew; safe from any node,
//! because the first one of a minute takes its turn.

use std::time::Duration;

use super::Round;
use crate::Error;
use crate::queue::Queue;

const MINUTE_US: i64 = 60_000_000;

pub(super) struct Sample {
    queue: Queue,
}

impl Sample {
    pub(super) fn new(queue: &Queue) -> Self {
        Self { queue: queue.clone() }
    }
}

impl Round for Sample {
    const NAME: &'static str = "sample";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.queue.store().sample().await?;
        let now = self.queue.clock().now().as_micros();
        let left = u64::try_from(MINUTE_US - now.rem_euclid(MINUTE_US)).unwrap_or(0);
        Ok(Duration::from_micros(left))
    }

    async fn pause(&mut self, pause: Duration) {
        self.queue.clock().sleep(pause).await;
    }
}
