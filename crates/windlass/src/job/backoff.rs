//! How long a failed job waits before its next attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DELAY_MAX, format_duration, parse_duration};

/// The wait between attempts, by the number of the attempt that failed.
///
/// Default: exponential from 1 s, doubling, at most 1 h, plus up to 10 % jitter. Jitter only ever
/// lengthens a wait, and no wait exceeds [`DELAY_MAX`] (a year).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backoff {
    /// The curve.
    pub strategy: Strategy,
    /// First wait (constant: every wait; linear: the step).
    #[serde(with = "duration_text")]
    pub initial: Duration,
    /// Longest wait before jitter.
    #[serde(with = "duration_text")]
    pub max: Duration,
    /// Factor from one wait to the next (exponential), 1 to 1000.
    pub multiplier: f64,
    /// Power of the attempt number (polynomial), 0 to 10.
    pub exponent: f64,
    /// The waits one by one, the last one repeated (list), at most 100.
    #[serde(with = "durations_text", skip_serializing_if = "Vec::is_empty")]
    pub delays: Vec<Duration>,
    /// Random addition as a fraction of the wait, 0 to 1.
    pub jitter: f64,
}

/// The curve of a [`Backoff`]; `n` is the number of the failed attempt, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// `initial * multiplier^(n-1)`
    Exponential,
    /// `initial * n`
    Linear,
    /// `initial`
    Constant,
    /// `initial * n^exponent`
    Polynomial,
    /// `delays[n-1]`
    List,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            strategy: Strategy::Exponential,
            initial: Duration::from_secs(1),
            max: Duration::from_secs(3600),
            multiplier: 2.0,
            exponent: 2.0,
            delays: Vec::new(),
            jitter: 0.1,
        }
    }
}

impl Backoff {
    /// Doubles from `initial` up to `max`.
    pub fn exponential(initial: Duration, max: Duration) -> Self {
        Self { initial, max, ..Self::default() }
    }

    /// Waits `every` each time.
    pub fn constant(every: Duration) -> Self {
        Self { strategy: Strategy::Constant, initial: every, max: every, ..Self::default() }
    }

    /// Waits `step`, `2 * step`, `3 * step` and so on up to `max`.
    pub fn linear(step: Duration, max: Duration) -> Self {
        Self { strategy: Strategy::Linear, initial: step, max, ..Self::default() }
    }

    /// Waits `initial * n^exponent` up to `max`.
    pub fn polynomial(initial: Duration, exponent: f64, max: Duration) -> Self {
        Self { strategy: Strategy::Polynomial, initial, exponent, max, ..Self::default() }
    }

    /// Waits these times one after the other, then the last one again.
    pub fn list(delays: impl Into<Vec<Duration>>) -> Self {
        Self { strategy: Strategy::List, delays: delays.into(), max: DELAY_MAX, ..Self::default() }
    }

    /// Sets the random addition as a fraction of the wait (0 turns it off).
    #[must_use]
    pub const fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// The wait after failed attempt `attempt` (from 1), with `unit` in [0, 1) as the random part.
    pub fn delay(&self, attempt: u32, unit: f64) -> Duration {
        let n = f64::from(attempt.max(1));
        let initial = self.initial.as_secs_f64();
        let plain = match self.strategy {
            Strategy::Exponential => initial * self.multiplier.powf(n - 1.0),
            Strategy::Linear => initial * n,
            Strategy::Constant => initial,
            Strategy::Polynomial => initial * n.powf(self.exponent),
            Strategy::List => self.nth(attempt).as_secs_f64(),
        };
        let capped = plain.min(self.max.as_secs_f64());
        let seconds = (capped * (1.0 + self.jitter * unit)).min(DELAY_MAX.as_secs_f64());
        Duration::try_from_secs_f64(seconds).unwrap_or(DELAY_MAX)
    }

    /// Checks every bound; the sentence names the member and what is allowed.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.initial > DELAY_MAX || self.max > DELAY_MAX {
            let member = if self.initial > DELAY_MAX { "initial" } else { "max" };
            return Err((member, "is longer than 366 days".to_owned()));
        }
        if !(1.0..=1000.0).contains(&self.multiplier) {
            return Err(("multiplier", format!("is {} (1 to 1000 allowed)", self.multiplier)));
        }
        if !(0.0..=10.0).contains(&self.exponent) {
            return Err(("exponent", format!("is {} (0 to 10 allowed)", self.exponent)));
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(("jitter", format!("is {} (0 to 1 allowed)", self.jitter)));
        }
        if self.delays.len() > 100 || self.delays.iter().any(|delay| *delay > DELAY_MAX) {
            return Err(("delays", "takes at most 100 waits of at most 366 days".to_owned()));
        }
        if self.strategy == Strategy::List && self.delays.is_empty() {
            return Err(("delays", "is empty (the list strategy needs at least one)".to_owned()));
        }
        Ok(())
    }

    fn nth(&self, attempt: u32) -> Duration {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let last = self.delays.last().copied().unwrap_or(self.initial);
        self.delays.get(index).copied().unwrap_or(last)
    }
}

/// Durations in JSON: a string such as `90s`, or whole milliseconds.
mod duration_text {
    use super::{Duration, format_duration, parse_duration};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    pub(super) enum Written {
        Millis(u64),
        Text(String),
    }

    impl Written {
        pub(super) fn read<E: Error>(self) -> Result<Duration, E> {
            match self {
                Self::Millis(millis) => Ok(Duration::from_millis(millis)),
                Self::Text(text) => parse_duration(&text).map_err(E::custom),
            }
        }
    }

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format_duration(*span))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Written::deserialize(from)?.read()
    }
}

mod durations_text {
    use super::{Duration, duration_text::Written, format_duration};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(spans: &[Duration], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(spans.iter().map(|span| format_duration(*span)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Duration>, D::Error> {
        Vec::<Written>::deserialize(from)?.into_iter().map(Written::read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn every_curve_and_its_cap() {
        let waits = |backoff: Backoff| {
            [1, 2, 3, 40].map(|attempt| backoff.clone().jitter(0.0).delay(attempt, 0.5).as_secs())
        };

        assert_eq!(waits(Backoff::exponential(SECOND, SECOND * 60)), [1, 2, 4, 60]);
        assert_eq!(waits(Backoff::linear(SECOND, SECOND * 30)), [1, 2, 3, 30]);
        assert_eq!(waits(Backoff::constant(SECOND * 5)), [5, 5, 5, 5]);
        assert_eq!(waits(Backoff::polynomial(SECOND, 2.0, SECOND * 100)), [1, 4, 9, 100]);
        assert_eq!(waits(Backoff::list([SECOND, SECOND * 7])), [1, 7, 7, 7]);
    }

    #[test]
    fn jitter_only_lengthens() {
        let backoff = Backoff::constant(SECOND * 10).jitter(0.5);

        assert_eq!(backoff.delay(1, 0.0), SECOND * 10);
        assert_eq!(backoff.delay(1, 1.0), SECOND * 15);
    }

    #[test]
    fn saturates_where_arithmetic_would_overflow() {
        let steep = Backoff { multiplier: 1000.0, max: DELAY_MAX, ..Backoff::default() };

        assert_eq!(steep.delay(u32::MAX, 1.0), DELAY_MAX);
    }

    #[test]
    fn json_takes_text_and_milliseconds() {
        let json = r#"{"strategy":"list","delays":["1s",250],"jitter":0}"#;

        let backoff: Backoff = serde_json::from_str(json).unwrap();

        assert_eq!(backoff.delays, [SECOND, Duration::from_millis(250)]);
        // A later release may store more.
        assert!(serde_json::from_str::<Backoff>(r#"{"factor":2}"#).is_ok());
    }
}
