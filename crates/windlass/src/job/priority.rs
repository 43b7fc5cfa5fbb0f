//! Priorities: ten classes, the smallest first.

use std::fmt;
use std::str::FromStr;

/// The claim order's first key: 0 runs before 1, up to 9.
///
/// Five classes have names: critical 0, high 1, normal 2 (the default), low 3, bulk 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// 0: before everything else.
    pub const CRITICAL: Self = Self(0);
    /// 1.
    pub const HIGH: Self = Self(1);
    /// 2: the default.
    pub const NORMAL: Self = Self(2);
    /// 3.
    pub const LOW: Self = Self(3);
    /// 4: whenever nothing else waits.
    pub const BULK: Self = Self(4);

    /// The class `value`.
    ///
    /// # Errors
    /// A sentence with the range when `value` is not 0 to 9.
    pub fn new(value: i64) -> Result<Self, String> {
        match u8::try_from(value) {
            Ok(class @ 0..=9) => Ok(Self(class)),
            _ => Err(format!("is {value} (0 to 9 or critical, high, normal, low, bulk allowed)")),
        }
    }

    /// The class as a number, 0 to 9.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Priority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "critical" => Ok(Self::CRITICAL),
            "high" => Ok(Self::HIGH),
            "normal" => Ok(Self::NORMAL),
            "low" => Ok(Self::LOW),
            "bulk" => Ok(Self::BULK),
            _ => match text.parse() {
                Ok(value) => Self::new(value),
                Err(_) => Err(format!(
                    "is `{text}` (0 to 9 or critical, high, normal, low, bulk allowed)"
                )),
            },
        }
    }
}
