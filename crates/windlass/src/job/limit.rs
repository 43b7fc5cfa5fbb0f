//! Limits by key, and what a queue says of concurrency, rate and turns.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::keys::check_key;
use super::{
    CONCURRENCY_MAX, FAIR_WEIGHT_MAX, FAIR_WINDOW, FAIR_WINDOW_MAX, OVERRIDES_MAX, RATE_COUNT_MAX,
    RATE_PERIOD_MAX, format_duration, parse_duration,
};
use crate::core::Gcra;
use crate::{Error, FieldError};

/// A limit for jobs by their keys.
///
/// It applies to jobs whose [`concurrency_key`](crate::NewJob::concurrency_key) or
/// [`rate_key`](crate::NewJob::rate_key) is its name, or its name, a colon and anything: each such key on its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Jobs with one concurrency key that may run at a time, 1 to 10,000. Default: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How often a job with one rate key may start. Default: at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Jobs with one concurrency key run one after another in the order in which they came, whatever their
    /// priorities; one that is retried or put off keeps its turn. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ordered: bool,
    /// Keys that have a limit of their own, by what follows the name and the colon; at most 1,000.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, LimitOverride>,
}

/// What is different for one key; what is not set is as the limit says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitOverride {
    /// Jobs that may run at a time, 1 to 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How often a job may start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// A rate: `count` jobs per `per`, evenly spread, and up to `burst` at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Jobs that may start in a period, 1 to 1,000,000.
    pub count: u32,
    /// The period, 1 ms to 366 days.
    #[serde(serialize_with = "write_span", deserialize_with = "read_span")]
    pub per: Duration,
    /// Jobs that may start at once after a rest, 1 to 1,000,000. With 1, the default, no period sees more
    /// than `count`; otherwise `burst - 1` more.
    #[serde(default = "one")]
    pub burst: u32,
}

/// Turns: inside a priority of a queue, keys take turns in proportion to their weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fairness {
    /// Jobs of one key that are ready at a time, for each unit of its weight, 1 to 1,000 (default 50). A
    /// job with a key that has nothing else waiting comes after at most so many of every other key. Small
    /// windows are fairer, large ones faster.
    #[serde(default = "window")]
    pub window: u32,
    /// Keys with another weight than 1, 1 to 100; at most 1,000 keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, u32>,
}

/// A limit as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitRecord {
    /// The name, unique in its namespace.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// What is limited.
    pub limit: Limit,
    /// Grows with every change.
    pub version: i64,
}

impl Rate {
    /// `count` jobs per `per`, without bursts.
    pub const fn new(count: u32, per: Duration) -> Self {
        Self { count, per, burst: 1 }
    }

    /// The same with up to `burst` jobs at once after a rest.
    #[must_use]
    pub const fn burst(self, burst: u32) -> Self {
        Self { burst, ..self }
    }

    /// Rounded so that never more pass.
    pub(crate) fn gcra(self) -> Gcra {
        let per = i64::try_from(self.per.as_nanos()).unwrap_or(i64::MAX);
        let count = i64::from(self.count.max(1));
        let interval = per / count + i64::from(per % count != 0);
        Gcra { interval: interval.max(1), burst: i64::from(self.burst.max(1)) }
    }

    /// Says which member breaks which rule.
    pub(crate) fn check(self) -> Result<(), (&'static str, String)> {
        let counts = 1..=RATE_COUNT_MAX;
        if !counts.contains(&self.count) {
            return Err(("count", format!("is {} (1 to {RATE_COUNT_MAX} allowed)", self.count)));
        }
        if self.per < Duration::from_millis(1) || self.per > RATE_PERIOD_MAX {
            return Err(("per", "must be between 1 ms and 366 days".to_owned()));
        }
        if !counts.contains(&self.burst) {
            return Err(("burst", format!("is {} (1 to {RATE_COUNT_MAX} allowed)", self.burst)));
        }
        Ok(())
    }
}

impl Default for Fairness {
    fn default() -> Self {
        Self { window: FAIR_WINDOW, weights: BTreeMap::new() }
    }
}

impl Fairness {
    /// Jobs of a key that may be ready at a time.
    pub(crate) fn window_of(&self, key: &str) -> u32 {
        self.window.saturating_mul(self.weights.get(key).copied().unwrap_or(1))
    }

    /// Says which member breaks which rule.
    pub(crate) fn check(&self) -> Result<(), (String, String)> {
        if !(1..=FAIR_WINDOW_MAX).contains(&self.window) {
            let detail = format!("is {} (1 to {FAIR_WINDOW_MAX} allowed)", self.window);
            return Err(("window".to_owned(), detail));
        }
        if self.weights.len() > OVERRIDES_MAX {
            let count = self.weights.len();
            return Err(("weights".to_owned(), too_many(count)));
        }
        for (key, weight) in &self.weights {
            let member = || format!("weights/{key}");
            check_key(key).map_err(|detail| (member(), detail))?;
            if !(1..=FAIR_WEIGHT_MAX).contains(weight) {
                return Err((member(), format!("is {weight} (1 to {FAIR_WEIGHT_MAX} allowed)")));
            }
        }
        Ok(())
    }
}

impl Limit {
    /// So many jobs with one key at a time.
    pub fn concurrency(max: u32) -> Self {
        Self { concurrency: Some(max), ..Self::default() }
    }

    /// A start of a job with one key no more often than this.
    pub fn rate(rate: Rate) -> Self {
        Self { rate: Some(rate), ..Self::default() }
    }

    /// Jobs with one key one after another, in the order in which they came.
    pub fn ordered() -> Self {
        Self { ordered: true, ..Self::default() }
    }

    /// With another limit for the key that ends with `:` and this.
    #[must_use]
    pub fn with_override(mut self, key: impl Into<String>, limit: LimitOverride) -> Self {
        self.overrides.insert(key.into(), limit);
        self
    }

    /// Whether it says how many jobs of any key run at a time, or in which order.
    pub(crate) fn limits_runs(&self) -> bool {
        let is_own = |own: &LimitOverride| own.concurrency.is_some();
        self.ordered || self.concurrency.is_some() || self.overrides.values().any(is_own)
    }

    /// Jobs with a key that may run at a time, if that is limited.
    pub(crate) fn concurrency_of(&self, key: Option<&str>) -> Option<u32> {
        if self.ordered {
            return Some(1);
        }
        self.of(key).and_then(|own| own.concurrency).or(self.concurrency)
    }

    /// How often a job with a key may start, if that is limited.
    pub(crate) fn rate_of(&self, key: Option<&str>) -> Option<Rate> {
        self.of(key).and_then(|own| own.rate).or(self.rate)
    }

    fn of(&self, key: Option<&str>) -> Option<&LimitOverride> {
        key.and_then(|key| self.overrides.get(key))
    }

    /// Checks every bound and names each broken one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut broken = Vec::new();
        let mut refuse = |pointer: String, detail: String| {
            broken.push(FieldError::new(pointer, detail));
        };
        if self.ordered && self.concurrency.is_some_and(|max| max != 1) {
            refuse("/concurrency".to_owned(), "must be 1 where the limit is ordered".to_owned());
        }
        check_both("", (self.concurrency, self.rate), &mut refuse);
        if self.overrides.len() > OVERRIDES_MAX {
            refuse("/overrides".to_owned(), too_many(self.overrides.len()));
        }
        for (key, own) in &self.overrides {
            let pointer = format!("/overrides/{key}");
            if let Err(detail) = check_key(key) {
                refuse(pointer.clone(), detail);
            }
            if self.ordered && own.concurrency.is_some_and(|max| max != 1) {
                let detail = "must be 1 where the limit is ordered";
                refuse(format!("{pointer}/concurrency"), detail.to_owned());
            }
            check_both(&pointer, (own.concurrency, own.rate), &mut refuse);
        }
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }
}

/// Checks a maximum of running jobs; the sentence says what is allowed.
pub(crate) fn check_concurrency(max: u32) -> Result<(), String> {
    match (1..=CONCURRENCY_MAX).contains(&max) {
        true => Ok(()),
        false => Err(format!("is {max} (1 to {CONCURRENCY_MAX} allowed)")),
    }
}

fn check_both(
    under: &str,
    (concurrency, rate): (Option<u32>, Option<Rate>),
    refuse: &mut impl FnMut(String, String),
) {
    if let Some(Err(detail)) = concurrency.map(check_concurrency) {
        refuse(format!("{under}/concurrency"), detail);
    }
    if let Some(Err((member, detail))) = rate.map(Rate::check) {
        refuse(format!("{under}/rate/{member}"), detail);
    }
}

fn too_many(count: usize) -> String {
    format!("has {count} entries (at most {OVERRIDES_MAX})")
}

const fn one() -> u32 {
    1
}

const fn window() -> u32 {
    FAIR_WINDOW
}

fn write_span<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_duration(*span))
}

fn read_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn every_broken_rule_is_named() {
        let rate = Rate { count: 0, per: SECOND, burst: 1 };
        let own = LimitOverride { concurrency: Some(0), rate: Some(rate.burst(0)) };
        let limit =
            Limit { concurrency: Some(2), rate: Some(rate), ordered: true, ..Limit::default() };
        let limit = limit.with_override("a b", own);

        let Err(Error::Invalid(broken)) = limit.check() else { panic!("accepted") };

        let pointers: Vec<_> = broken.iter().map(|error| error.pointer.as_str()).collect();
        let expected = [
            "/concurrency",
            "/rate/count",
            "/overrides/a b",
            "/overrides/a b/concurrency",
            "/overrides/a b/concurrency",
            "/overrides/a b/rate/count",
        ];
        assert_eq!(pointers, expected);
    }

    #[test]
    fn a_key_may_have_a_limit_of_its_own() {
        let own = LimitOverride { concurrency: Some(9), rate: None };
        let limit = Limit { rate: Some(Rate::new(5, SECOND)), ..Limit::concurrency(3) };
        let limit = limit.with_override("big", own);

        assert_eq!(limit.concurrency_of(Some("big")), Some(9));
        assert_eq!(limit.concurrency_of(Some("small")), Some(3));
        assert_eq!(limit.concurrency_of(None), Some(3));
        assert_eq!(limit.rate_of(Some("big")), limit.rate);
        assert_eq!(Limit::ordered().concurrency_of(Some("big")), Some(1));
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let limit = Limit::rate(Rate::new(5, Duration::from_millis(1500)).burst(2));
        let own = LimitOverride { concurrency: Some(9), rate: None };
        let limit = Limit { ordered: false, ..limit.with_override("big", own) };

        let text = serde_json::to_string(&limit).unwrap();

        assert_eq!(serde_json::from_str::<Limit>(&text).unwrap(), limit);
        let least: Fairness = serde_json::from_str("{}").unwrap();
        assert_eq!(least, Fairness::default());
    }

    #[test]
    fn a_rate_is_rounded_down() {
        let thirds = Rate::new(3, Duration::from_secs(1)).gcra();

        assert_eq!(thirds.interval, 333_333_334);
    }
}
