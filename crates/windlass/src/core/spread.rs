//! Spreads: how long things took, as counts by bucket, so that those of many processes add up.
//!
//! A bucket is an eighth of an octave: percentiles are at most 5 % off.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Buckets of one octave.
const PER_OCTAVE: u32 = 8;

/// Counts by bucket, and the sum of what was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spread {
    counts: BTreeMap<u32, u64>,
    total_us: u64,
}

impl Spread {
    pub(crate) fn add(&mut self, span: Duration) {
        let us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        *self.counts.entry(bucket(us)).or_default() += 1;
        self.total_us = self.total_us.saturating_add(us);
    }

    /// Adds what another process counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, n) in &other.counts {
            *self.counts.entry(*bucket).or_default() += n;
        }
        self.total_us = self.total_us.saturating_add(other.total_us);
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The mean; zero when nothing was counted.
    pub(crate) fn mean(&self) -> Duration {
        Duration::from_micros(self.total_us.checked_div(self.count()).unwrap_or(0))
    }

    /// The span that `percent` of them do not exceed, to the middle of its bucket; zero when nothing was
    /// counted.
    pub(crate) fn percentile(&self, percent: u64) -> Duration {
        let wanted = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, n) in &self.counts {
            seen += n;
            if seen >= wanted {
                return Duration::from_micros(middle(*bucket));
            }
        }
        Duration::ZERO
    }

    /// As it is kept: the sum, then bucket and count, `5000 61:2 70:1`.
    pub(crate) fn to_text(&self) -> String {
        let mut text = self.total_us.to_string();
        for (bucket, n) in &self.counts {
            // Writing to a string cannot fail.
            let _ = write!(text, " {bucket}:{n}");
        }
        text
    }

    /// Reads [`to_text`](Self::to_text), and leaves out what it cannot read.
    pub(crate) fn of_text(text: &str) -> Self {
        let mut words = text.split(' ');
        let total_us = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let counts = words.filter_map(|word| {
            let (bucket, n) = word.split_once(':')?;
            Some((bucket.parse().ok()?, n.parse().ok()?))
        });
        Self { counts: counts.collect(), total_us }
    }
}

/// The bucket of so many microseconds: the octave, and the part of it.
fn bucket(us: u64) -> u32 {
    if us < u64::from(PER_OCTAVE) {
        return u32::try_from(us).unwrap_or(0);
    }
    let octave = us.ilog2();
    let part = (us >> (octave - PER_OCTAVE.ilog2())) & u64::from(PER_OCTAVE - 1);
    (octave - PER_OCTAVE.ilog2() + 1) * PER_OCTAVE + u32::try_from(part).unwrap_or(0)
}

/// The middle of a bucket, in microseconds.
fn middle(bucket: u32) -> u64 {
    let (octave, part) = (bucket / PER_OCTAVE, u64::from(bucket % PER_OCTAVE));
    match octave.checked_sub(1) {
        None => part,
        // Beyond what any span fills.
        Some(shift) if shift > 58 => u64::MAX,
        Some(shift) => ((part + u64::from(PER_OCTAVE)) << shift) + ((1 << shift) / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_found_again_in_its_bucket() {
        for us in (0..200).chain([999, 1000, 65_535, 1 << 30, (1 << 40) + 12_345]) {
            let middle = middle(bucket(us));
            assert!(us.abs_diff(middle) <= us / 16 + 1, "{us} became {middle}");
        }
        let buckets: Vec<u32> = (0..100_000).map(bucket).collect();
        assert!(buckets.is_sorted());
        assert_eq!(middle(bucket(u64::MAX)), u64::MAX);
    }

    #[test]
    fn percentiles_are_those_of_all_processes() {
        let (mut one, mut other) = (Spread::default(), Spread::default());
        (1..=90).for_each(|ms| one.add(Duration::from_millis(ms)));
        (91..=100).for_each(|ms| other.add(Duration::from_millis(ms)));

        one.merge(&Spread::of_text(&other.to_text()));

        for (percent, ms) in [(50, 50.0), (90, 90.0), (99, 99.0)] {
            let found = one.percentile(percent).as_secs_f64() * 1000.0;
            assert!((found - ms).abs() < ms * 0.07, "p{percent} is {found}");
        }
        assert_eq!((one.count(), one.mean()), (100, Duration::from_micros(50_500)));
        assert_eq!(Spread::default().percentile(50), Duration::ZERO);
    }
}
