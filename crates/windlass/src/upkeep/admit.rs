//! Jobs with keys come into ready as far as limits allow; safe from any node, because admissions take
//! turns.

use std::time::Duration;

use super::turns::Turns;
use super::{ROUND_MAX, Round, idle_wait};
use crate::Error;
use crate::queue::Queue;
use crate::runtime::Listener;
use crate::store::Sweep;

/// Between two parts of a look at everything while any job waits in a line or holds a slot: for what was lost
/// with a process that died.
const SWEEP: Duration = Duration::from_secs(1);

pub(super) struct Admit {
    queue: Queue,
    admitting: Listener,
    lines: Vec<String>,
    sweep: Sweep,
    /// The first look at everything goes on without a break.
    is_urgent: bool,
    turns: Turns,
}

impl Admit {
    pub(super) fn new(queue: &Queue) -> Self {
        let admitting = queue.store().signals().admitting.listen();
        let (lines, sweep) = (Vec::new(), Sweep::all());
        Self {
            queue: queue.clone(),
            admitting,
            lines,
            sweep,
            is_urgent: true,
            turns: Turns::default(),
        }
    }
}

impl Round for Admit {
    const NAME: &'static str = "admit";

    async fn tick(&mut self) -> Result<Duration, Error> {
        self.admitting.mark();
        let store = self.queue.store();
        let now = self.queue.clock().now();
        let look = store.slots().look();
        let left = store.slots().take(ROUND_MAX);
        let freed = store.lines().take(ROUND_MAX);
        let more = left.len() == ROUND_MAX || freed.len() == ROUND_MAX;
        let sweep = (self.is_urgent || self.turns.is_due(now)).then(|| self.sweep.clone());
        let is_sweep = sweep.is_some();
        let mut lines = std::mem::take(&mut self.lines);
        lines.extend(freed);
        let admitted = store.admit(left, lines, sweep, ROUND_MAX).await?;
        store.slots().looked(look, admitted.any);
        if is_sweep {
            self.is_urgent &= admitted.sweep.is_some();
            self.sweep = admitted.sweep.unwrap_or_else(Sweep::all);
            self.turns.ended(true, now, SWEEP);
        }
        self.lines = admitted.lines;
        if more || admitted.more || !self.lines.is_empty() || self.is_urgent {
            return Ok(Duration::ZERO);
        }
        if !admitted.any {
            return Ok(idle_wait(&self.queue));
        }
        let wake = admitted.wake_at.map(|at| at.since(self.queue.clock().now()));
        Ok(wake.map_or(SWEEP, |wait| wait.min(SWEEP)))
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = self.admitting.heard() => {}
            () = self.queue.clock().sleep(pause) => {}
        }
    }

    fn failed(&mut self) {
        // What was taken and not admitted is found by a look at everything.
        self.sweep = Sweep::all();
        self.is_urgent = true;
    }
}
