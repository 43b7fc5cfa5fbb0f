//! Counts and durations of the recent past, in fixed memory.

use std::time::Duration;

use windlass::protocol::SpreadObject;

/// Seconds a rate looks back.
const WINDOW_S: usize = 60;

/// Durations kept for percentiles.
const SAMPLES: usize = 1024;

/// Events of the last minute, by second.
#[derive(Debug)]
pub(crate) struct Rate {
    slots: [(u64, u64); WINDOW_S],
}

impl Default for Rate {
    fn default() -> Self {
        Self { slots: [(0, 0); WINDOW_S] }
    }
}

impl Rate {
    /// Counts `n` events at `age`, the time since the process started.
    pub(crate) fn add(&mut self, age: Duration, n: u64) {
        let second = age.as_secs();
        let slot = &mut self.slots[index(second)];
        if slot.0 != second {
            *slot = (second, 0);
        }
        slot.1 += n;
    }

    /// Events a second over the last minute, or since the start when that is less long ago.
    pub(crate) fn per_second(&self, age: Duration) -> f64 {
        let now = age.as_secs();
        let oldest = now.saturating_sub(WINDOW_S as u64 - 1);
        let recent = self.slots.iter().filter(|(second, _)| (oldest..=now).contains(second));
        let events: u64 = recent.map(|(_, n)| n).sum();
        let seconds = age.as_secs_f64().clamp(1.0, WINDOW_S as f64);
        events as f64 / seconds
    }
}

fn index(second: u64) -> usize {
    usize::try_from(second % WINDOW_S as u64).unwrap_or(0)
}

/// Durations: all of them summed up, the last of them kept.
#[derive(Debug, Default)]
pub(crate) struct Spread {
    count: u64,
    sum: Duration,
    max: Duration,
    last: Vec<Duration>,
    oldest: usize,
}

impl Spread {
    pub(crate) fn add(&mut self, span: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(span);
        self.max = self.max.max(span);
        if self.last.len() < SAMPLES {
            self.last.push(span);
        } else {
            self.last[self.oldest] = span;
            self.oldest = (self.oldest + 1) % SAMPLES;
        }
    }

    pub(crate) fn summary(&self) -> SpreadObject {
        let mut sorted = self.last.clone();
        sorted.sort_unstable();
        // Nearest rank: the smallest value that at least this share does not exceed.
        let rank = |percent: usize| {
            let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(place).copied().unwrap_or_default()
        };
        let mean = self.sum.as_nanos().checked_div(u128::from(self.count)).unwrap_or(0);
        SpreadObject {
            avg: u64::try_from(mean).unwrap_or(u64::MAX),
            p50: nanos(rank(50)),
            p90: nanos(rank(90)),
            p99: nanos(rank(99)),
            max: nanos(self.max),
        }
    }
}

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_forgets_after_a_minute() {
        let at = Duration::from_secs;
        let mut rate = Rate::default();
        rate.add(at(2), 30);
        rate.add(at(61), 30);

        assert!((rate.per_second(at(61)) - 1.0).abs() < f64::EPSILON);
        assert!((rate.per_second(at(62)) - 0.5).abs() < f64::EPSILON);
        assert!(rate.per_second(at(500)).abs() < f64::EPSILON);
    }

    #[test]
    fn percentiles_are_of_the_last_samples_and_the_maximum_of_all() {
        let mut spread = Spread::default();
        spread.add(Duration::from_secs(9));
        (1..=1024_u64).for_each(|n| spread.add(Duration::from_nanos(n)));

        let summary = spread.summary();

        assert_eq!((summary.p50, summary.p90, summary.p99), (512, 922, 1014));
        assert_eq!(summary.max, 9_000_000_000);
        assert_eq!(Spread::default().summary(), SpreadObject::default());
    }
}
