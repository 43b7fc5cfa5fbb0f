//! What is left of a rate, in memory.

use std::time::Duration;

use super::{Rate, Timestamp};

/// What is left of a [`Rate`]. It knows no rate of its own, so that one that changes holds at once.
///
/// Invariant: over time no more is taken than the rate says, although one call may take more than is there: those
/// after it wait until that is paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When nothing is missing from it, in nanoseconds.
    full_at: i64,
}

impl Bucket {
    /// Takes one.
    ///
    /// # Errors
    /// How long it takes until there is one, if nobody else takes it.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        let (gcra, now) = (rate.gcra(), nanos(now));
        let (passed, full_at) = gcra.pass(self.full_at, now, 1);
        if passed == 1 {
            self.full_at = full_at;
            return Ok(());
        }
        let left = gcra.opens_at(self.full_at).saturating_sub(now);
        Err(Duration::from_nanos(u64::try_from(left).unwrap_or(0)))
    }

    /// Takes `more`, whether they are there or not.
    pub fn owe(&mut self, rate: Rate, now: Timestamp, more: usize) {
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        let spent = rate.gcra().interval.saturating_mul(more);
        self.full_at = self.full_at.max(nanos(now)).saturating_add(spent);
    }

    /// Whether nothing is missing from it, so that it need not be kept.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.full_at <= nanos(now)
    }
}

fn nanos(at: Timestamp) -> i64 {
    at.as_micros().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + millis * 1000)
    }

    #[test]
    fn a_burst_passes_and_then_one_an_interval() {
        let (rate, mut bucket) = (Rate::new(2, SECOND).burst(3), Bucket::default());

        for _ in 0..3 {
            assert_eq!(bucket.take(rate, at(0)), Ok(()));
        }
        assert_eq!(bucket.take(rate, at(0)), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(rate, at(400)), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(rate, at(500)), Ok(()));
        assert!(!bucket.is_full(at(1999)) && bucket.is_full(at(2000)));
    }

    #[test]
    fn what_was_taken_beyond_it_is_paid_before_the_next() {
        let (rate, mut bucket) = (Rate::new(10, SECOND).burst(10), Bucket::default());

        assert_eq!(bucket.take(rate, at(0)), Ok(()));
        bucket.owe(rate, at(0), 99);

        // A hundred take ten seconds; ten of them were there, and one more makes eleven.
        assert_eq!(bucket.take(rate, at(0)), Err(Duration::from_millis(9100)));
        assert_eq!(bucket.take(rate, at(9100)), Ok(()));
    }

    #[test]
    fn no_number_is_too_large() {
        let (rate, mut bucket) = (Rate::new(1, Duration::from_secs(86400)), Bucket::default());

        bucket.owe(rate, at(0), usize::MAX);

        assert!(bucket.take(rate, at(0)).is_err());
    }
}
