//! Makes job ids: time first, then node, then a counter.
//!
//! Invariant: ids of one generator only grow, whatever the clock does.

use crate::{JobId, Timestamp};

/// Ids per node and millisecond.
const COUNTER_MAX: i64 = 1 << 12;

/// Source of ids for one process, which holds `node` alone.
#[derive(Debug)]
pub(crate) struct IdGen {
    node: i64,
    ms: i64,
    counter: i64,
}

impl IdGen {
    pub(crate) const fn new(node: i64) -> Self {
        Self { node, ms: 0, counter: 0 }
    }

    /// The next id. More than 4096 in a millisecond, or a clock set back, borrow from the future.
    pub(crate) fn next(&mut self, now: Timestamp) -> JobId {
        let ms = JobId::ms_at(now).max(1);
        if ms > self.ms {
            self.ms = ms;
            self.counter = 0;
        } else {
            self.counter += 1;
            if self.counter == COUNTER_MAX {
                self.ms += 1;
                self.counter = 0;
            }
        }
        JobId::from_parts(self.ms, self.node, self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn grows_through_a_full_millisecond_and_a_clock_set_back() {
        let now: Timestamp = "2026-05-05T05:05:05Z".parse().unwrap();
        let mut ids = IdGen::new(7);
        let mut last = ids.next(now);

        for back in 0..10_000 {
            let next = ids.next(now - Duration::from_micros(back));

            assert!(next > last);
            last = next;
        }
        assert_eq!(last.made_at(), now + Duration::from_millis(2));
    }
}
