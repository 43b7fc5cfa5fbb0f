//! Who serves what, remembered for a moment: a new job says whether a worker is there for it, and no list of
//! workers is read for that each time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::types::ServingWorker;
use crate::job::Timestamp;

/// How far behind what is remembered may be.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The live workers as they were read last.
#[derive(Debug, Default)]
pub(crate) struct Serving(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Grows with each worker of this process that comes or goes.
    changes: u64,
    known: Option<(Timestamp, Arc<Vec<ServingWorker>>)>,
}

impl Serving {
    /// The workers if they were read a moment ago, or else what [`learn`](Self::learn) wants to be told.
    pub(crate) fn recent(&self, now: Timestamp) -> Result<Arc<Vec<ServingWorker>>, u64> {
        let state = self.lock();
        match &state.known {
            Some((at, workers)) if *at <= now && now.since(*at) < CHECK_EVERY => {
                Ok(Arc::clone(workers))
            }
            _ => Err(state.changes),
        }
    }

    /// Remembers what was read, unless a worker came or went meanwhile.
    pub(crate) fn learn(&self, look: u64, now: Timestamp, workers: &Arc<Vec<ServingWorker>>) {
        let mut state = self.lock();
        if state.changes == look {
            state.known = Some((now, Arc::clone(workers)));
        }
    }

    /// A worker came or went.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        state.changes += 1;
        state.known = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_while_somebody_looks_is_looked_for_again() {
        let (serving, now) = (Serving::default(), Timestamp::from_micros(7));
        let look = serving.recent(now).unwrap_err();
        serving.forget();
        serving.learn(look, now, &Arc::default());

        let look = serving.recent(now).unwrap_err();
        serving.learn(look, now, &Arc::default());

        assert!(serving.recent(now).unwrap().is_empty());
        assert!(serving.recent(now + CHECK_EVERY).is_err());
    }
}
