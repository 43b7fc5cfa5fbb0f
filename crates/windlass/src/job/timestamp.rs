//! Instants: microseconds since 1970 in UTC, the one representation from API to database.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 2000-01-01 and 2200-01-01: instants outside are typing errors (seconds for milliseconds, say).
const RANGE_US: (i64, i64) = (946_684_800_000_000, 7_258_118_400_000_000);

/// An instant in UTC with microsecond precision.
///
/// Displayed as RFC 3339 with six fractional digits; parsed from RFC 3339 between the years 2000
/// and 2200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `micros` microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// True between the years 2000 and 2200.
    pub(crate) const fn is_plausible(self) -> bool {
        self.0 >= RANGE_US.0 && self.0 < RANGE_US.1
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(-micros(before.duration())),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => write!(f, "{instant:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let outside = || format!("`{text}` is outside the years 2000 to 2200");
        let instant: jiff::Timestamp =
            text.parse().map_err(|error: jiff::Error| match error.is_range() {
                true => outside(),
                false => {
                    format!("`{text}` is not an RFC 3339 instant such as 2026-01-31T08:00:00Z")
                }
            })?;
        let micros = instant.as_microsecond();
        Some(Self(micros)).filter(|instant| instant.is_plausible()).ok_or_else(outside)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_six_digits_and_parses_offsets() {
        let instant: Timestamp = "2026-01-01T02:00:00.5+02:00".parse().unwrap();

        assert_eq!(instant.to_string(), "2026-01-01T00:00:00.500000Z");
    }

    #[test]
    fn refuses_other_centuries_and_other_formats() {
        assert!("1999-12-31T23:59:59Z".parse::<Timestamp>().unwrap_err().contains("2000 to 2200"));
        assert!("9999-12-31T23:59:59Z".parse::<Timestamp>().unwrap_err().contains("2000 to 2200"));
        assert!("tomorrow".parse::<Timestamp>().unwrap_err().contains("RFC 3339"));
    }

    #[test]
    fn arithmetic_saturates() {
        let late = Timestamp::from_micros(i64::MAX) + Duration::from_secs(1);

        assert_eq!(late.as_micros(), i64::MAX);
        assert_eq!(Timestamp::from_micros(0).since(late), Duration::ZERO);
    }
}
