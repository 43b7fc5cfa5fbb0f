//! Events get their final order where transactions commit in any, old ones are forgotten, and lost
//! workers are noticed; safe from any node, because each is done under a lock or once.

use std::time::Duration;

use super::{IDLE_WAIT, Round};
use crate::Error;
use crate::queue::Queue;
use crate::runtime::Listener;

/// Between two rounds while somebody looks: observers bring events into order themselves.
const EVERY: Duration = Duration::from_secs(5);

pub(super) struct Tend {
    queue: Queue,
    events: Listener,
}

impl Tend {
    pub(super) fn new(queue: &Queue) -> Self {
        Self { queue: queue.clone(), events: queue.store().signals().events.listen() }
    }
}

impl Round for Tend {
    const NAME: &'static str = "tend";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.events.mark();
        let store = self.queue.store();
        let is_on = store.remembered().watching.now_if_on().is_some();
        let mut more = false;
        if is_on {
            more |= store.order_events().await?;
        }
        more |= store.tend_events().await?;
        let wait = if is_on { EVERY } else { IDLE_WAIT.0 };
        Ok(if more { Duration::ZERO } else { wait })
    }

    async fn pause(&mut self, pause: Duration) {
        let clock = self.queue.clock().clone();
        clock.sleep(pause.min(EVERY)).await;
        tokio::select! {
            () = self.events.heard() => {}
            () = clock.sleep(pause.saturating_sub(EVERY)) => {}
        }
    }
}
