//! Whose turn a round is: news of what ended in this process, or a look at everything.
//!
//! Invariant: while a look at everything is due, every other round is one. Jobs that end all the time would
//! otherwise keep it from ever coming, and it alone finds what other processes left.

use std::time::Duration;

use crate::Timestamp;

/// When everything was looked at.
#[derive(Debug, Default)]
pub(super) struct Turns {
    last: Option<Timestamp>,
    wait: Duration,
    was_sweep: bool,
}

impl Turns {
    /// Whether everything is to be looked at. A clock that was set back does not put it off.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.last.is_none_or(|last| now < last || now.since(last) >= self.wait)
    }

    /// Whether this round looks at everything, whatever the news are.
    pub(super) fn is_sweep(&self, now: Timestamp) -> bool {
        self.is_due(now) && !self.was_sweep
    }

    /// A round ended; the next look at everything is due so long after the last one.
    pub(super) fn ended(&mut self, was_sweep: bool, now: Timestamp, wait: Duration) {
        if was_sweep {
            self.last = Some(now);
        }
        (self.was_sweep, self.wait) = (was_sweep, wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn a_look_at_everything_that_is_due_gets_every_other_round() {
        let mut turns = Turns::default();
        assert!(turns.is_sweep(at(9)));

        turns.ended(true, at(9), Duration::ZERO);
        assert!(!turns.is_sweep(at(9)), "the news have their turn");

        turns.ended(false, at(9), Duration::ZERO);
        assert!(turns.is_sweep(at(9)));
    }

    #[test]
    fn it_is_due_again_after_its_wait_and_on_a_clock_that_was_set_back() {
        let mut turns = Turns::default();
        turns.ended(true, at(9), EVERY);
        turns.ended(false, at(9), EVERY);

        assert_eq!([at(9), at(10), at(8)].map(|now| turns.is_sweep(now)), [false, true, true]);
    }
}
