//! Job ids: positive 63-bit integers that grow with time.

use std::fmt;
use std::str::FromStr;

use crate::Timestamp;

/// 2025-01-01T00:00:00Z in milliseconds since 1970: the zero of the time part.
const EPOCH_MS: i64 = 1_735_689_600_000;

/// Bits below the time part: 10 of node, 12 of counter.
const LOW_BITS: u32 = 22;

/// The id of a job: 41 bits of milliseconds since 2025, 10 bits of node, 12 bits of counter.
///
/// Shown as a decimal string, because JSON numbers lose digits beyond 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(i64);

impl JobId {
    pub(crate) const fn from_parts(ms_since_epoch: i64, node: i64, counter: i64) -> Self {
        Self((ms_since_epoch << LOW_BITS) | (node << 12) | counter)
    }

    pub(crate) const fn from_i64(value: i64) -> Self {
        Self(value)
    }

    /// The id as an integer.
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    /// How far ids are apart that are made `span` apart.
    pub(crate) fn span_of(span: std::time::Duration) -> i64 {
        i64::try_from(span.as_millis()).unwrap_or(i64::MAX >> LOW_BITS) << LOW_BITS
    }

    /// Milliseconds since the ids' own zero at `now`.
    pub(crate) const fn ms_at(now: Timestamp) -> i64 {
        now.as_micros().div_euclid(1000) - EPOCH_MS
    }

    /// When the id was made, to the millisecond.
    pub const fn made_at(self) -> Timestamp {
        Timestamp::from_micros(((self.0 >> LOW_BITS) + EPOCH_MS) * 1000)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<i64>() {
            Ok(value) if digits && value > 0 => Ok(Self(value)),
            _ => Err(format!("`{}` is not a job id (decimal digits)", shorten(text))),
        }
    }
}

impl<'de> serde::Deserialize<'de> for JobId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for JobId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_decimal_digits_only() {
        assert_eq!("812".parse(), Ok(JobId(812)));
        for text in ["", "-1", "+1", "0", "abc", "1e3", "9223372036854775808"] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
