//! The generic cell rate algorithm: a rate as two numbers, when its bucket is full again and now.
//!
//! Invariant: in any span of `n` intervals at most `n - 1 + burst` pass.

/// A rate: one job per `interval` nanoseconds, and `burst` of them at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gcra {
    pub(crate) interval: i64,
    pub(crate) burst: i64,
}

impl Gcra {
    /// How many of `want` pass at `now`, and when the bucket is full again after them.
    pub(crate) fn pass(self, full_at: i64, now: i64, want: i64) -> (i64, i64) {
        let from = full_at.max(now);
        let room =
            now.saturating_add(self.interval.saturating_mul(self.burst)).saturating_sub(from);
        let passed = room.checked_div(self.interval).unwrap_or(0).clamp(0, want.max(0));
        (passed, from.saturating_add(self.interval.saturating_mul(passed)))
    }

    /// When the next one passes, if nobody else does before it.
    pub(crate) fn opens_at(self, full_at: i64) -> i64 {
        full_at.saturating_sub(self.interval.saturating_mul(self.burst - 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same with a list of everything that passed: one more passes when after it every stretch of the
    /// list that ends with it is long enough.
    fn may_pass(passed: &[i64], now: i64, rate: Gcra) -> bool {
        // The k-th last and this one are k + 1 jobs: they need k + 1 - burst intervals.
        (0..passed.len()).all(|first| {
            let jobs = i64::try_from(passed.len() - first + 1).unwrap();
            now - passed[first] >= (jobs - rate.burst) * rate.interval
        })
    }

    proptest! {
        #[test]
        fn it_passes_what_a_list_of_all_passes(
            interval in 1_i64..50,
            burst in 1_i64..6,
            steps in prop::collection::vec((0_i64..120, 0_i64..8), 1..60),
        ) {
            let rate = Gcra { interval, burst };
            let (mut now, mut full_at, mut passed) = (1000, 0, Vec::new());
            for (step, want) in steps {
                now += step;
                let mut expected = 0;
                while expected < want && may_pass(&passed, now, rate) {
                    passed.push(now);
                    expected += 1;
                }
                let (granted, next) = rate.pass(full_at, now, want);
                prop_assert_eq!(granted, expected);
                full_at = next;
                let opens_at = rate.opens_at(full_at);
                prop_assert_eq!(may_pass(&passed, now, rate), opens_at <= now);
                prop_assert!(may_pass(&passed, opens_at.max(now), rate));
                prop_assert!(opens_at <= now || !may_pass(&passed, opens_at - 1, rate));
            }
        }
    }

    #[test]
    fn no_instant_overflows() {
        let slow = Gcra { interval: i64::MAX, burst: i64::MAX };

        assert_eq!(slow.pass(i64::MAX, i64::MAX, i64::MAX).0, 0);
    }
}
