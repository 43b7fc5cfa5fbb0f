//! `unique` of a job as it is sent.

use super::members::Object;
use super::values::{duration, text, texts, word};
use crate::Unique;
use crate::job::{OnConflict, UniqueScope, UniqueUntil};

const SCOPES: [(&str, UniqueScope); 3] = [
    ("type", UniqueScope::Type),
    ("queue", UniqueScope::Queue),
    ("namespace", UniqueScope::Namespace),
];

const UNTIL: [(&str, UniqueUntil); 3] = [
    ("finished", UniqueUntil::Finished),
    ("started", UniqueUntil::Started),
    ("period", UniqueUntil::Period),
];

const ON_CONFLICT: [(&str, OnConflict); 3] = [
    ("keep", OnConflict::Keep),
    ("replace", OnConflict::Replace),
    ("supersede", OnConflict::Supersede),
];

/// Reads `key` or `fields`, and what differs from the defaults; what is wrong with their values is
/// left to the check of the job.
pub(super) fn read_unique(object: &mut Object<'_>) -> Option<Unique> {
    let key = object.get("key", text);
    let fields = object.get("fields", texts);
    let scope = object.get("scope", |json| word(json, &SCOPES));
    let until = object.get("until", |json| word(json, &UNTIL));
    let period = object.get("period", duration);
    let on_conflict = read_on_conflict(object);
    let mut unique = match (key, fields) {
        (Some(key), None) => Unique::key(key),
        (None, Some(fields)) => Unique::fields(fields),
        (Some(_), Some(_)) => {
            object.refuse("/fields", "cannot be given together with key");
            return None;
        }
        (None, None) => {
            if !object.is_broken("/key") && !object.is_broken("/fields") {
                object.refuse("/key", "is missing (or fields: what makes two jobs alike)");
            }
            return None;
        }
    };
    unique.scope = scope.unwrap_or(unique.scope);
    unique.until = until.unwrap_or(unique.until);
    unique.period = period;
    unique.on_conflict = on_conflict.unwrap_or(unique.on_conflict);
    Some(unique)
}

/// A word, or `{"debounce": {"quiet", "max_wait"}}`.
fn read_on_conflict(object: &mut Object<'_>) -> Option<OnConflict> {
    if !object.is_object("on_conflict") {
        return object.get("on_conflict", |json| word(json, &ON_CONFLICT));
    }
    let debounce = object.object("on_conflict", |inner| inner.object("debounce", read_debounce));
    debounce.flatten().flatten()
}

fn read_debounce(object: &mut Object<'_>) -> Option<OnConflict> {
    let mut span = |name: &str| {
        let pointer = format!("/{name}");
        let span = object.get(name, duration);
        if span.is_none() && !object.is_broken(&pointer) {
            object.refuse(&pointer, "is missing (a duration such as \"5s\")");
        }
        span
    };
    let (quiet, max_wait) = (span("quiet"), span("max_wait"));
    Some(OnConflict::Debounce { quiet: quiet?, max_wait: max_wait? })
}
