//! Which refusals are written down: of each key and endpoint one in a minute, so that whoever insists does not fill
//! the audit.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use windlass::Timestamp;

/// Between two lines of the same key about the same endpoint.
const EVERY: Duration = Duration::from_secs(60);

/// Pairs that are remembered; beyond it all are forgotten, which costs a line each.
const KNOWN_MAX: usize = 10_000;

/// What was written down lately.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<(String, String), Timestamp>>);

impl Refusals {
    /// Whether this one is to be written down.
    pub(super) fn is_news(&self, who: &str, target: &str, now: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = (who.to_owned(), target.to_owned());
        if known.get(&pair).is_some_and(|at| *at <= now && now.since(*at) < EVERY) {
            return false;
        }
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(pair, now);
        true
    }
}
