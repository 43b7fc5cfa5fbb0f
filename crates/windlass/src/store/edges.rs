//! Which jobs that others may wait for have ended or moved on, and whether any do wait: so that plain jobs cost
//! nothing.
//!
//! Invariant: all of this is a hint. Whoever resolves or admits looks at everything once a second while any job
//! waits, also while jobs end all the time (`upkeep/turns.rs`).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::JobId;

/// Ended jobs that are remembered; more are found by looking at everything.
const ENDED_MAX: usize = 10_000;

/// What one process knows.
#[derive(Debug, Default)]
pub(crate) struct Edges {
    any: AtomicBool,
    /// Grows with each that comes.
    came: AtomicU64,
    ended: Mutex<Vec<JobId>>,
}

impl Edges {
    /// Whether any job is known to wait for another.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Some job waits for another one.
    pub(crate) fn set(&self) {
        let _order = self.lock();
        self.came.fetch_add(1, Ordering::Relaxed);
        self.any.store(true, Ordering::Relaxed);
    }

    /// Before a look at the database: what [`looked`](Self::looked) is told.
    pub(crate) fn look(&self) -> u64 {
        self.came.load(Ordering::Relaxed)
    }

    /// A look found that some job waits, or none does; the latter is not believed when one has come since it began.
    pub(crate) fn looked(&self, look: u64, any: bool) {
        let _order = self.lock();
        if any || self.came.load(Ordering::Relaxed) == look {
            self.any.store(any, Ordering::Relaxed);
        }
    }

    /// Jobs ended: true when someone may have waited for them.
    pub(crate) fn ended(&self, jobs: &[JobId]) -> bool {
        if !self.any() || jobs.is_empty() {
            return false;
        }
        let mut ended = self.lock();
        let room = ENDED_MAX.saturating_sub(ended.len());
        ended.extend(jobs.iter().take(room));
        true
    }

    /// The jobs that ended since the last call, at most so many.
    pub(crate) fn take(&self, limit: usize) -> Vec<JobId> {
        let mut ended = self.lock();
        let rest = ended.len().saturating_sub(limit);
        ended.split_off(rest)
    }

    /// Whether any job ended since it was last taken.
    pub(crate) fn has_news(&self) -> bool {
        !self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<JobId>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines that may have room, which this process has heard of.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<BTreeSet<String>>);

impl Lines {
    /// More of them: true if there are any.
    pub(crate) fn add(&self, lines: &[String]) -> bool {
        if lines.is_empty() {
            return false;
        }
        let mut all = self.lock();
        let room = ENDED_MAX.saturating_sub(all.len());
        all.extend(lines.iter().take(room).cloned());
        true
    }

    /// Those since the last call, at most so many.
    pub(crate) fn take(&self, limit: usize) -> Vec<String> {
        let mut all = self.lock();
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some(line) = all.pop_first()
        {
            taken.push(line);
        }
        taken
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_while_somebody_looks_is_not_forgotten() {
        let edges = Edges::default();
        let look = edges.look();
        edges.set();

        edges.looked(look, false);

        assert!(edges.ended(&[JobId::from_i64(1)]));
        edges.looked(edges.look(), false);
        assert!(!edges.any());
    }
}
