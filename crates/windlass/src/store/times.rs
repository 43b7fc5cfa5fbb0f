//! How long jobs waited and attempts ran, by queue, as the commits of this process tell it.
//!
//! Invariant: bounded by the number of queues; what is not yet stored is lost with the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::core::Spread;

/// Queues that are told apart between two looks; the rest is not counted.
const QUEUES_MAX: usize = 10_000;

/// What was seen since someone took it.
#[derive(Debug, Default)]
pub(crate) struct Times {
    queues: Mutex<BTreeMap<i64, Spreads>>,
}

/// Of one queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spreads {
    pub(crate) waits: Spread,
    pub(crate) runs: Spread,
}

/// One thing that took its time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Took {
    /// From when a job could run until it was claimed.
    Wait(Duration),
    /// From claim to outcome.
    Run(Duration),
}

impl Times {
    pub(crate) fn add(&self, seen: &[(i64, Took)]) {
        if seen.is_empty() {
            return;
        }
        let mut queues = self.lock();
        for (queue_id, took) in seen {
            if queues.len() >= QUEUES_MAX && !queues.contains_key(queue_id) {
                continue;
            }
            let spreads = queues.entry(*queue_id).or_default();
            match took {
                Took::Wait(span) => spreads.waits.add(*span),
                Took::Run(span) => spreads.runs.add(*span),
            }
        }
    }

    /// Puts back what could not be stored.
    pub(crate) fn put_back(&self, taken: &BTreeMap<i64, Spreads>) {
        let mut queues = self.lock();
        for (queue_id, spreads) in taken {
            let here = queues.entry(*queue_id).or_default();
            here.waits.merge(&spreads.waits);
            here.runs.merge(&spreads.runs);
        }
    }

    pub(crate) fn take(&self) -> BTreeMap<i64, Spreads> {
        std::mem::take(&mut self.lock())
    }

    /// What nobody has taken yet.
    pub(crate) fn seen(&self) -> BTreeMap<i64, Spreads> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Spreads>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
