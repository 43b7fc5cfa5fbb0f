//! Lost leases go back to the queue; safe from any node, because whoever deletes the lease row
//! decides.

use std::time::Duration;

use super::{ROUND_MAX, Round};
use crate::queue::Queue;
use crate::{Error, Timestamp};

/// A node that has just lost or found its database may see heartbeats late: it does not judge
/// others until the database has answered for this long without an error (or one sweep, where that
/// is shorter).
const CALM: Duration = Duration::from_secs(5);

/// How often to ask the database for an answer meanwhile.
const ASK_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Rescue {
    queue: Queue,
    every: Duration,
    calm: Calm,
    last_round: Timestamp,
}

impl Rescue {
    pub(super) fn new(queue: &Queue, every: Duration) -> Self {
        let calm = Calm { needed: CALM.min(every), since: None };
        Self { queue: queue.clone(), every, calm, last_round: queue.clock().now() }
    }

    /// Whether there is anything to do.
    async fn is_needed(&mut self) -> Result<bool, Error> {
        let asked = self.queue.clock().now();
        let has_lapsed = self.queue.store().has_lapsed().await?;
        self.calm.answered(asked, self.queue.clock().now());
        Ok(has_lapsed)
    }

    /// Looks for up to `limit` lost leases.
    async fn look(&mut self, limit: usize) -> Result<usize, Error> {
        let asked = self.queue.clock().now();
        let rescued = self.queue.store().rescue(limit).await?;
        self.calm.answered(asked, self.queue.clock().now());
        Ok(rescued)
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
            self.calm.disturbed();
        }
        self.last_round = now;
        if !self.calm.left(now).is_zero() {
            // Time alone shows nothing: an outage is quiet, too. So this asks, and takes nothing.
            self.look(0).await?;
            let left = self.calm.left(self.queue.clock().now());
            return Ok(left.min(ASK_EVERY));
        }
        if !self.is_needed().await? {
            return Ok(self.every);
        }
        let rescued = self.look(ROUND_MAX).await?;
        if rescued > 0 {
            tracing::info!(rescued, "jobs taken back from lost workers");
        }
        Ok(if rescued == ROUND_MAX { Duration::ZERO } else { self.every })
    }

    async fn pause(&mut self, pause: Duration) {
        self.queue.clock().sleep(pause).await;
    }

    fn failed(&mut self) {
        self.calm.disturbed();
    }
}

/// How long the database has been answering.
#[derive(Debug)]
struct Calm {
    needed: Duration,
    /// The first of an unbroken row of answers.
    since: Option<Timestamp>,
}

impl Calm {
    fn disturbed(&mut self) {
        self.since = None;
    }

    /// An answer that took long was held up by an outage that ended in time for it.
    fn answered(&mut self, asked: Timestamp, now: Timestamp) {
        match self.since {
            Some(since) if since <= now && now.since(asked) < CALM => {}
            _ => self.since = Some(now),
        }
    }

    /// What is left until others may be judged.
    fn left(&self, now: Timestamp) -> Duration {
        match self.since {
            None => self.needed,
            Some(since) => self.needed.saturating_sub(now.since(since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_micros(n * 1_000_000)
    }

    fn calm() -> Calm {
        Calm { needed: CALM, since: None }
    }

    #[test]
    fn time_without_an_answer_is_no_calm() {
        let mut calm = calm();
        assert_eq!(calm.left(second(1000)), CALM);

        calm.answered(second(1000), second(1000));
        assert_eq!(calm.left(second(1003)), Duration::from_secs(2));
        assert!(calm.left(second(1005)).is_zero());

        calm.disturbed();
        assert_eq!(calm.left(second(1100)), CALM);
    }

    #[test]
    fn an_answer_that_was_held_up_starts_the_calm_anew() {
        let mut calm = calm();
        calm.answered(second(1000), second(1001));
        calm.answered(second(1004), second(1005));
        assert!(calm.left(second(1006)).is_zero());

        calm.answered(second(1006), second(1015));

        assert_eq!(calm.left(second(1015)), CALM);
    }
}
