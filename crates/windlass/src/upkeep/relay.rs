//! What applications left in the inbox becomes jobs; safe from any node, because a row becomes a job
//! with its deletion.

use std::time::Duration;

use super::{Round, idle_wait};
use crate::Error;
use crate::queue::Queue;
use crate::runtime::Listener;

/// Rows of one round.
const LETTERS_MAX: usize = 100;

pub(super) struct Relay {
    queue: Queue,
    inbox: Listener,
}

impl Relay {
    pub(super) fn new(queue: &Queue) -> Self {
        Self { queue: queue.clone(), inbox: queue.store().signals().inbox.listen() }
    }
}

impl Round for Relay {
    const NAME: &'static str = "relay";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.inbox.mark();
        let relayed = self.queue.store().relay(LETTERS_MAX).await?;
        Ok(if relayed == LETTERS_MAX { Duration::ZERO } else { idle_wait(&self.queue) })
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = self.inbox.heard() => {}
            () = self.queue.clock().sleep(pause) => {}
        }
    }
}
