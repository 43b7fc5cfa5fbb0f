//! Lost leases go back to the queue; safe from any node, because whoever deletes the lease row
//! decides.

use std::time::Duration;

use super::{ROUND_MAX, Round};
use crate::queue::Queue;
use crate::{Error, Timestamp};

/// A node that has just lost or found its database may see heartbeats late: it does not judge
/// others until it has had this long without an error (or one sweep, where that is shorter).
const CALM: Duration = Duration::from_secs(5);

pub(super) struct Rescue {
    queue: Queue,
    every: Duration,
    calm_since: Timestamp,
    last_round: Timestamp,
}

impl Rescue {
    pub(super) fn new(queue: &Queue, every: Duration) -> Self {
        let now = queue.clock().now();
        Self { queue: queue.clone(), every, calm_since: now, last_round: now }
    }
}

impl Round for Rescue {
    const NAME: &'static str = "rescue";

    async fn tick(&mut self) -> Result<Duration, Error> {
        let now = self.queue.clock().now();
        // A round that comes late, or a clock set back, means that time went by without this node:
        // others may have been unable to renew just as well.
        let gap = now.since(self.last_round) > self.every + CALM;
        if gap || now < self.last_round {
            self.calm_since = now;
        }
        self.last_round = now;
        let calm = now.since(self.calm_since);
        let needed = CALM.min(self.every);
        if calm < needed {
            return Ok(needed.saturating_sub(calm));
        }
        let rescued = self.queue.store().rescue(ROUND_MAX).await?;
        if rescued > 0 {
            tracing::info!(rescued, "jobs taken back from lost workers");
        }
        Ok(if rescued == ROUND_MAX { Duration::ZERO } else { self.every })
    }

    async fn pause(&mut self, pause: Duration) {
        self.queue.clock().sleep(pause).await;
    }

    fn failed(&mut self) {
        self.calm_since = self.queue.clock().now();
    }
}
