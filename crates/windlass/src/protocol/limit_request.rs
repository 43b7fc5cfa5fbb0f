//! Limits as they are sent and shown.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::Refusal;
use super::members::Object;
use super::queue_request::change;
use super::requests::read;
use super::values::{Read, count, duration, flag};
use crate::job::{
    CONCURRENCY_MAX, FAIR_WEIGHT_MAX, FAIR_WINDOW_MAX, Fairness, Limit, LimitOverride, LimitRecord,
    RATE_COUNT_MAX, Rate,
};

/// A limit as the API shows it. Members that are not set are absent.
#[derive(Debug, Serialize)]
pub struct LimitObject<'a> {
    name: &'a str,
    namespace: &'a str,
    version: i64,
    #[serde(flatten)]
    limit: &'a Limit,
}

impl<'a> From<&'a LimitRecord> for LimitObject<'a> {
    fn from(record: &'a LimitRecord) -> Self {
        let LimitRecord { name, namespace, limit, version } = record;
        Self { name, namespace, version: *version, limit }
    }
}

/// Reads `{"concurrency": 3, "rate": {"count": 100, "per": "1m", "burst": 1}, "ordered": false,
/// "overrides": {"KEY": {"concurrency": 10, "rate": {...}}}}`, all of which may be left out.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_limit(body: &[u8]) -> Result<Limit, Refusal> {
    read(body, |object| {
        let limit = Limit {
            concurrency: object.get("concurrency", concurrency),
            rate: read_rate(object).flatten(),
            ordered: object.get("ordered", flag).unwrap_or(false),
            overrides: read_overrides(object).unwrap_or_default(),
        };
        object.refuse_all(limit.check());
        limit
    })
}

fn read_overrides(object: &mut Object<'_>) -> Option<BTreeMap<String, LimitOverride>> {
    object.object("overrides", |inner| {
        let mut all = BTreeMap::new();
        for key in inner.names() {
            let own = inner.object(&key, |own| LimitOverride {
                concurrency: own.get("concurrency", concurrency),
                rate: read_rate(own).flatten(),
            });
            all.extend(own.map(|own| (key, own)));
        }
        all
    })
}

/// Takes the member `rate`; null is none.
pub(super) fn read_rate(object: &mut Object<'_>) -> Option<Option<Rate>> {
    read_named_rate(object, "rate", |_| 1)
}

/// Takes a member that is a rate; null is none. `burst` says what a count has that names no burst.
pub(super) fn read_named_rate(
    object: &mut Object<'_>,
    name: &str,
    burst: fn(u32) -> u32,
) -> Option<Option<Rate>> {
    if object.take_null(name) {
        return Some(None);
    }
    let rate = object.object(name, |inner| {
        let times = |json: &RawValue| count(json, 1..=RATE_COUNT_MAX);
        for name in ["count", "per"] {
            if !inner.has(name) {
                inner.refuse(&format!("/{name}"), "is missing");
            }
        }
        let (count, per) = (inner.get("count", times), inner.get("per", duration));
        let given = inner.get("burst", times);
        let rate = Rate::new(count?, per?);
        let rate = rate.burst(given.unwrap_or_else(|| burst(rate.count)));
        if let Err((member, detail)) = rate.check() {
            inner.refuse(&format!("/{member}"), detail);
        }
        Some(rate)
    });
    // A mistake counts as not given.
    rate.flatten().map(Some)
}

/// Takes the member `fair`: true and false, or how.
pub(super) fn read_fair(object: &mut Object<'_>) -> Option<Option<Fairness>> {
    if object.is_object("fair") {
        return object.object("fair", |inner| {
            let windows = |json: &RawValue| count(json, 1..=FAIR_WINDOW_MAX);
            let mut fair = Fairness::default();
            fair.window = inner.get("window", windows).unwrap_or(fair.window);
            fair.weights = read_weights(inner).unwrap_or_default();
            Some(fair)
        });
    }
    let is_fair = change(object, "fair", |json| {
        flag(json).map_err(|_| "must be true, false or an object".to_owned())
    })?;
    Some(is_fair.filter(|is_fair| *is_fair).map(|_| Fairness::default()))
}

fn read_weights(object: &mut Object<'_>) -> Option<BTreeMap<String, u32>> {
    object.object("weights", |inner| {
        let mut all = BTreeMap::new();
        for key in inner.names() {
            let weight = inner.get(&key, |json| count(json, 1..=FAIR_WEIGHT_MAX));
            all.extend(weight.map(|weight| (key, weight)));
        }
        all
    })
}

fn concurrency(json: &RawValue) -> Read<u32> {
    count(json, 1..=CONCURRENCY_MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pointers(body: &[u8]) -> Vec<String> {
        let refusal = read_limit(body).unwrap_err();
        refusal.errors().iter().map(|error| error.pointer.clone()).collect()
    }

    #[test]
    fn what_is_shown_is_read_back() {
        let body = br#"{"concurrency":3,"rate":{"count":5,"per":"1m","burst":2},
            "overrides":{"a:b":{"concurrency":9}}}"#;

        let limit = read_limit(body).unwrap();

        assert_eq!(limit.rate, Some(Rate::new(5, Duration::from_secs(60)).burst(2)));
        assert_eq!(limit.overrides["a:b"].concurrency, Some(9));
        let (name, namespace) = ("n".to_owned(), "default".to_owned());
        let record = LimitRecord { name, namespace, limit: limit.clone(), version: 1 };
        let mut shown = serde_json::to_value(LimitObject::from(&record)).unwrap();
        for member in ["name", "namespace", "version"] {
            shown.as_object_mut().unwrap().remove(member);
        }
        assert_eq!(read_limit(shown.to_string().as_bytes()).unwrap(), limit);
        assert_eq!(read_limit(b"{}").unwrap(), Limit::default());
    }

    #[test]
    fn every_mistake_is_named() {
        let body = br#"{"concurrency":0,"rate":{"count":1},"ordered":1,"colour":1,
            "overrides":{"a b":{"rate":{"count":1,"per":0}},"c":1}}"#;

        let expected = [
            "/concurrency",
            "/rate/per",
            "/ordered",
            "/overrides/a b/rate/per",
            "/overrides/c",
            "/overrides/a b",
            "/colour",
        ];
        let mut found = pointers(body);
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
