//! Queues as they are sent: settings to change, pauses, purges, names.

use serde_json::value::RawValue;

use super::job_request::read_backoff;
use super::limit_request::{read_fair, read_rate};
use super::members::Object;
use super::requests::read;
use super::values::{Read, count, duration, instant, text};
use super::{Refusal, document};
use crate::job::{
    ATTEMPTS_MAX, Backoff, CONCURRENCY_MAX, DEPTH_MAX, Fairness, Keep, PauseOptions, QueueSettings,
    Rate, Retention,
};
use crate::{FieldError, State};

/// What is purged unless the request says otherwise: what waits.
const PURGED: [State; 3] = [State::Pending, State::Delayed, State::Retrying];

/// Changes of a queue's settings. None leaves a setting as it is, none inside takes it back to its
/// default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueuePatch {
    ttl: Option<Option<std::time::Duration>>,
    retries: Option<Option<u32>>,
    backoff: Option<Option<Backoff>>,
    retry_delay: Option<std::time::Duration>,
    max_depth: Option<Option<u32>>,
    retention: Option<Retention>,
    forgets_retention: bool,
    concurrency: Option<Option<u32>>,
    rate: Option<Option<Rate>>,
    fair: Option<Option<Fairness>>,
}

impl QueuePatch {
    /// The settings with these changes.
    #[must_use]
    pub fn apply(&self, mut settings: QueueSettings) -> QueueSettings {
        if let Some(ttl) = self.ttl {
            settings.ttl = ttl;
        }
        if let Some(retries) = self.retries {
            settings.retries = retries;
        }
        if let Some(backoff) = &self.backoff {
            settings.backoff.clone_from(backoff);
        }
        if let Some(initial) = self.retry_delay {
            let backoff = settings.backoff.unwrap_or_default();
            let max = backoff.max.max(initial);
            settings.backoff = Some(Backoff { initial, max, ..backoff });
        }
        if let Some(max_depth) = self.max_depth {
            settings.max_depth = max_depth;
        }
        if let Some(concurrency) = self.concurrency {
            settings.concurrency = concurrency;
        }
        if let Some(rate) = self.rate {
            settings.rate = rate;
        }
        if let Some(fair) = &self.fair {
            settings.fair.clone_from(fair);
        }
        if self.forgets_retention {
            settings.retention = Retention::default();
        }
        if let Some(changed) = self.retention {
            let kept = settings.retention;
            settings.retention = Retention {
                completed: changed.completed.or(kept.completed),
                failed: changed.failed.or(kept.failed),
                dead_letter: changed.dead_letter.or(kept.dead_letter),
                cancelled: changed.cancelled.or(kept.cancelled),
            };
        }
        settings
    }
}

/// Reads `{"name": "...", ...settings}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_new_queue(body: &[u8]) -> Result<(String, QueueSettings), Refusal> {
    let (name, patch) = with_name(body, read_settings)?;
    Ok((name, patch.apply(QueueSettings::default())))
}

/// Reads settings to change: a member that is null takes the default again, but a retention that is null
/// means for ever.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_queue_patch(body: &[u8]) -> Result<QueuePatch, Refusal> {
    read(body, read_settings)
}

/// Reads `{"name": "..."}`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_name(body: &[u8]) -> Result<String, Refusal> {
    Ok(with_name(body, |_| ())?.0)
}

/// Reads `{"reason": "...", "until": "...", "by": "...", "type": "..."}`: how to pause, and one type
/// alone.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_pause(body: &[u8]) -> Result<(PauseOptions, Option<String>), Refusal> {
    read(body, |object| (read_options(object), object.get("type", text)))
}

/// As [`read_pause`], where the type is in the address.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_pause_everywhere(body: &[u8]) -> Result<PauseOptions, Refusal> {
    read(body, read_options)
}

/// Reads an object without members, or nothing.
///
/// # Errors
/// [`Refusal::Invalid`] naming each member.
pub fn read_nothing(body: &[u8]) -> Result<(), Refusal> {
    read(body, |_| ())
}

/// Reads `{"type": "..."}`: one type alone goes on.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_resume(body: &[u8]) -> Result<Option<String>, Refusal> {
    read(body, |object| object.get("type", text))
}

/// Reads `{"states": ["pending", ...]}`; the default is everything that waits.
///
/// # Errors
/// [`Refusal::Invalid`] naming each broken rule.
pub fn read_purge(body: &[u8]) -> Result<Vec<State>, Refusal> {
    let states = read(body, |object| object.get("states", states))?;
    Ok(states.unwrap_or_else(|| PURGED.to_vec()))
}

fn read_options(object: &mut Object<'_>) -> PauseOptions {
    PauseOptions {
        reason: object.get("reason", text),
        until: object.get("until", instant),
        by: object.get("by", text),
    }
}

pub(super) fn with_name<T>(
    body: &[u8],
    fill: impl FnOnce(&mut Object<'_>) -> T,
) -> Result<(String, T), Refusal> {
    let mut object = Object::read(document(body)?)?;
    let name = object.get("name", text).unwrap_or_default();
    let request = fill(&mut object);
    let is_wrong = object.is_broken("/name");
    let mut broken = object.finish();
    if name.is_empty() && !is_wrong {
        broken.insert(0, FieldError::new("/name", "is missing"));
    }
    Refusal::unless_empty(broken)?;
    Ok((name, request))
}

fn read_settings(object: &mut Object<'_>) -> QueuePatch {
    let mut names_initial = false;
    let backoff = match object.take_null("backoff") {
        true => Some(None),
        false => {
            let backoff = object.object("backoff", |inner| {
                names_initial = inner.has("initial");
                read_backoff(inner)
            });
            backoff.map(Some)
        }
    };
    let retry_delay = object.get("retry_delay", duration);
    if let (Some(Some(backoff)), Some(delay)) = (&backoff, retry_delay)
        && (names_initial && backoff.initial != delay)
    {
        object.refuse("/retry_delay", "differs from the initial wait of backoff");
    }
    QueuePatch {
        ttl: change(object, "ttl", duration),
        retries: change(object, "retries", |json| count(json, 0..=ATTEMPTS_MAX - 1)),
        backoff,
        retry_delay,
        max_depth: change(object, "max_depth", |json| count(json, 1..=DEPTH_MAX)),
        forgets_retention: object.take_null("retention"),
        retention: object.object("retention", read_retention),
        concurrency: change(object, "concurrency", |json| count(json, 1..=CONCURRENCY_MAX)),
        rate: read_rate(object),
        fair: read_fair(object),
    }
}

fn read_retention(object: &mut Object<'_>) -> Retention {
    let mut keep = |name| match object.take_null(name) {
        true => Some(Keep::Forever),
        false => object.get(name, duration).map(Keep::For),
    };
    Retention {
        completed: keep("completed"),
        failed: keep("failed"),
        dead_letter: keep("dead_letter"),
        cancelled: keep("cancelled"),
    }
}

pub(super) fn change<'a, T>(
    object: &mut Object<'a>,
    name: &str,
    read: impl FnOnce(&'a RawValue) -> Read<T>,
) -> Option<Option<T>> {
    if object.take_null(name) { Some(None) } else { object.get(name, read).map(Some) }
}

fn states(json: &RawValue) -> Read<Vec<State>> {
    let wrong = || "must be a list of states".to_owned();
    let names: Vec<String> = serde_json::from_str(json.get()).map_err(|_| wrong())?;
    if names.is_empty() {
        return Err("is empty (at least one state needed)".to_owned());
    }
    names.iter().map(|name| name.parse()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn pointers<T: std::fmt::Debug>(read: Result<T, Refusal>) -> Vec<String> {
        read.unwrap_err().errors().iter().map(|error| error.pointer.clone()).collect()
    }

    #[test]
    fn a_patch_changes_what_it_names_and_null_is_the_default_again() {
        let (name, first) = read_new_queue(
            br#"{"name":"q","ttl":"1h","retries":2,"retry_delay":"2m","max_depth":5,
                "retention":{"completed":"1h","failed":null}}"#,
        )
        .unwrap();
        let patch = br#"{"ttl":null,"retries":0,"retention":{"cancelled":0}}"#;
        let second = read_queue_patch(patch).unwrap().apply(first.clone());
        let third = read_queue_patch(br#"{"retention":null,"backoff":null}"#).unwrap();
        let third = third.apply(second.clone());

        assert_eq!((name.as_str(), first.ttl, first.retries), ("q", Some(HOUR), Some(2)));
        assert_eq!(first.backoff.as_ref().unwrap().initial, Duration::from_secs(120));
        assert_eq!(first.retention.failed, Some(Keep::Forever));
        assert_eq!((second.ttl, second.retries, second.max_depth), (None, Some(0), Some(5)));
        assert_eq!(second.retention.completed, Some(Keep::For(HOUR)));
        assert_eq!(second.retention.cancelled, Some(Keep::For(Duration::ZERO)));
        assert_eq!((third.retention, third.backoff), (Retention::default(), None));
    }

    #[test]
    fn every_mistake_is_named() {
        let body = br#"{"name":"q","ttl":-1,"retries":-1,"max_depth":0,"rate":{"count":0,"each":1},"fair":{"window":0},
            "retention":{"completed":"soon","pending":1},"backoff":{"initial":"1s"},
            "retry_delay":"2s","colour":1}"#;

        let expected = [
            "/retry_delay",
            "/ttl",
            "/retries",
            "/max_depth",
            "/retention/completed",
            "/retention/pending",
            "/rate/count",
            "/rate/per",
            "/rate/each",
            "/fair/window",
            "/colour",
        ];
        let (mut found, mut expected) = (pointers(read_new_queue(body)), expected.to_vec());
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert!(matches!(read_new_queue(b"{}"), Err(Refusal::Invalid(_))));
        assert_eq!(pointers(read_queue_patch(br#"{"name":"other"}"#)), ["/name"]);
        assert_eq!(pointers(read_purge(br#"{"states":["gone"]}"#)), ["/states"]);
    }

    #[test]
    fn what_waits_is_purged_unless_states_are_named() {
        assert_eq!(read_purge(b"").unwrap(), PURGED);
        assert_eq!(read_purge(br#"{"states":["failed"]}"#).unwrap(), [State::Failed]);
    }
}
