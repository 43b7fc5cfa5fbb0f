//! Floor hints: where claims start to look in each lane of the ready room.
//!
//! While some old snapshot is open, a server database keeps the index entries of claimed jobs, and a
//! claim that starts at the first one walks over all of them. A floor skips them. Invariant: a floor
//! is only a hint; no lane goes longer than [`FULL_SCAN_EVERY`] without a claim that looks from its
//! beginning.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{JobId, Timestamp};

/// Queue, kind and priority: a stretch of the ready room in claim order.
pub(crate) type LaneKey = (i64, i64, i64);

/// Longest time a job that became visible late, behind the floor, stays unseen.
const FULL_SCAN_EVERY: Duration = Duration::from_secs(1);

/// How far behind the last claimed job a floor stays: covers transactions that commit this long
/// after they made their ids, and the difference between the clocks of two processes. What is later
/// waits for the next full scan. Not longer, because claims walk over all that was claimed within it.
const MARGIN: Duration = Duration::from_millis(50);

/// The floors of one process.
#[derive(Debug, Default)]
pub(crate) struct Floors {
    /// None where deleted rows leave nothing behind.
    lanes: Option<Mutex<HashMap<LaneKey, Floor>>>,
}

#[derive(Debug, Clone, Copy)]
struct Floor {
    seq: i64,
    full_scan_at: Timestamp,
}

impl Floors {
    /// Floors for a database with snapshots.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn enabled() -> Self {
        Self { lanes: Some(Mutex::default()) }
    }

    /// Where a claim may start; 0 is the beginning.
    pub(crate) fn of(&self, lane: LaneKey, now: Timestamp) -> i64 {
        let Some(mut lanes) = self.lock() else { return 0 };
        match lanes.get_mut(&lane) {
            // A clock that was set back must not put off the next one until it has caught up.
            Some(Floor { seq, full_scan_at: at })
                if *at <= now && now.since(*at) < FULL_SCAN_EVERY =>
            {
                *seq
            }
            Some(floor) => {
                floor.full_scan_at = now;
                0
            }
            None => 0,
        }
    }

    /// The smallest seq that a claim found in a lane: the next one starts there, also when that is
    /// further back than before, because more may have become visible there late.
    pub(crate) fn raise(&self, lane: LaneKey, found: i64, now: Timestamp) {
        let Some(mut lanes) = self.lock() else { return };
        let seq = found.saturating_sub(JobId::span_of(MARGIN));
        let floor = lanes.entry(lane).or_insert(Floor { seq, full_scan_at: now });
        floor.seq = seq;
    }

    /// A job came back into a lane at `seq`.
    pub(crate) fn lower(&self, lane: LaneKey, seq: i64) {
        let Some(mut lanes) = self.lock() else { return };
        if let Some(floor) = lanes.get_mut(&lane) {
            floor.seq = floor.seq.min(seq);
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, HashMap<LaneKey, Floor>>> {
        self.lanes.as_ref().map(|lanes| lanes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: LaneKey = (1, 2, 3);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(1_780_000_000_000_000) + Duration::from_secs(seconds)
    }

    #[test]
    fn a_floor_holds_for_a_second_and_follows_what_comes_back() {
        let floors = Floors { lanes: Some(Mutex::default()) };
        let margin = JobId::span_of(MARGIN);
        assert_eq!(floors.of(LANE, at(0)), 0, "nothing known");

        floors.raise(LANE, margin + 100, at(0));

        assert_eq!(floors.of(LANE, at(0)), 100);
        assert_eq!(floors.of(LANE, at(1)), 0, "a full scan is due");
        assert_eq!(floors.of(LANE, at(1)), 100);
        floors.lower(LANE, 7);
        assert_eq!(floors.of(LANE, at(1)), 7);
        floors.raise(LANE, margin + 50, at(1));
        assert_eq!(floors.of(LANE, at(1)), 50);
    }

    #[test]
    fn a_clock_that_is_set_back_puts_no_full_scan_off() {
        let floors = Floors { lanes: Some(Mutex::default()) };
        floors.raise(LANE, JobId::span_of(MARGIN) + 100, at(3600));

        assert_eq!(floors.of(LANE, at(0)), 0);
        assert_eq!(floors.of(LANE, at(0)), 100);
    }

    #[test]
    fn what_a_full_scan_finds_further_back_is_followed_there() {
        let floors = Floors { lanes: Some(Mutex::default()) };
        let margin = JobId::span_of(MARGIN);
        floors.raise(LANE, margin + 900, at(0));
        assert_eq!(floors.of(LANE, at(1)), 0, "a full scan");

        floors.raise(LANE, margin + 300, at(1));

        assert_eq!(floors.of(LANE, at(1)), 300);
    }

    #[test]
    fn without_snapshots_there_are_none() {
        let floors = Floors::default();

        floors.raise(LANE, i64::MAX, at(0));

        assert_eq!(floors.of(LANE, at(0)), 0);
    }
}
