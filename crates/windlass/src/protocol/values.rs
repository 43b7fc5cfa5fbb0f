//! JSON values as members take them: the sentence of a refusal says what is allowed.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::job::{BatchId, JobId, Priority, Timestamp, WorkflowId, parse_duration};

/// Characters of a refused value that are repeated in the error.
const CHARS_SHOWN: usize = 40;

/// A value, or what is wrong with it and what is allowed.
pub(super) type Read<T> = Result<T, String>;

pub(super) fn text(json: &RawValue) -> Read<String> {
    if !is_text(json) {
        return Err("must be a string".to_owned());
    }
    serde_json::from_str(json.get()).map_err(|_| "holds half of a surrogate pair".to_owned())
}

pub(super) fn flag(json: &RawValue) -> Read<bool> {
    match json.get() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// A whole number in `range`, which is part of the sentence.
pub(super) fn count(json: &RawValue, range: RangeInclusive<u32>) -> Read<u32> {
    let (least, most) = (range.start(), range.end());
    match json.get().parse() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(format!("is {} (a whole number from {least} to {most} allowed)", shown(json))),
    }
}

pub(super) fn number(json: &RawValue) -> Read<f64> {
    serde_json::from_str(json.get()).map_err(|_| format!("is {} (a number allowed)", shown(json)))
}

pub(super) fn priority(json: &RawValue) -> Read<Priority> {
    let wrong =
        || format!("is {} (0 to 9 or critical, high, normal, low, bulk allowed)", shown(json));
    if is_text(json) {
        return text(json)?.parse();
    }
    let value: i64 = json.get().parse().map_err(|_| wrong())?;
    Priority::new(value)
}

/// A duration: text such as `90s`, or whole milliseconds.
pub(super) fn duration(json: &RawValue) -> Read<Duration> {
    if is_text(json) {
        return parse_duration(&text(json)?);
    }
    json.get().parse().map(Duration::from_millis).map_err(|_| {
        format!(
            "is {} (a duration such as \"90s\", or whole milliseconds from 0, allowed)",
            shown(json)
        )
    })
}

pub(super) fn durations(json: &RawValue) -> Read<Vec<Duration>> {
    let list: Vec<&RawValue> = serde_json::from_str(json.get())
        .map_err(|_| format!("is {} (a list of durations allowed)", shown(json)))?;
    list.into_iter().map(duration).collect()
}

/// A job's id: a string of digits, as replies have it.
pub(super) fn job_id(json: &RawValue) -> Read<JobId> {
    id(json, "job")
}

/// A batch's id.
pub(super) fn batch_id(json: &RawValue) -> Read<BatchId> {
    id(json, "batch")
}

/// A workflow's id.
pub(super) fn workflow_id(json: &RawValue) -> Read<WorkflowId> {
    id(json, "workflow")
}

fn id<T: FromStr>(json: &RawValue, what: &str) -> Read<T> {
    let wrong = || format!("is {} (a {what} id such as \"812\" allowed)", shown(json));
    if !is_text(json) {
        return Err(wrong());
    }
    text(json)?.parse().map_err(|_| wrong())
}

/// A list of strings.
pub(super) fn texts(json: &RawValue) -> Read<Vec<String>> {
    serde_json::from_str(json.get())
        .map_err(|_| format!("is {} (a list of strings allowed)", shown(json)))
}

/// One of a few words.
pub(super) fn word<T: Copy>(json: &RawValue, words: &[(&str, T)]) -> Read<T> {
    let wanted = text(json)?;
    let found = words.iter().find(|(word, _)| *word == wanted);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("is {} (one of {} allowed)", shown(json), words.join(", "))
    })
}

pub(super) fn instant(json: &RawValue) -> Read<Timestamp> {
    if is_text(json) {
        return text(json)?.parse();
    }
    Err(format!(
        "is {} (an RFC 3339 instant such as \"2026-01-31T08:00:00Z\" allowed)",
        shown(json)
    ))
}

pub(super) fn base64(json: &RawValue) -> Read<Vec<u8>> {
    STANDARD.decode(text(json)?).map_err(|error| format!("is not padded base64: {error}"))
}

fn is_text(json: &RawValue) -> bool {
    json.get().starts_with('"')
}

/// The value as it was sent, cut short.
fn shown(json: &RawValue) -> String {
    let mut shown: String = json.get().chars().take(CHARS_SHOWN).collect();
    if shown.len() < json.get().len() {
        shown.push_str("..");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::document;
    use super::*;

    fn json(text: &str) -> &RawValue {
        document(text.as_bytes()).unwrap()
    }

    #[test]
    fn durations_are_text_or_milliseconds() {
        assert_eq!(duration(json("\"1m\"")), Ok(Duration::from_secs(60)));
        assert_eq!(duration(json("250")), Ok(Duration::from_millis(250)));
        for wrong in ["-5", "1.5", "\"-5m\"", "true", "[]", "1e3", "99999999999999999999"] {
            assert!(duration(json(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn priorities_are_classes_or_names() {
        assert_eq!(priority(json("\"high\"")), Ok(Priority::HIGH));
        assert_eq!(priority(json("9")).map(Priority::get), Ok(9));
        for wrong in ["10", "-1", "9223372036854775808", "2.0", "\"urgent\"", "{}"] {
            assert!(priority(json(wrong)).unwrap_err().contains("0 to 9"), "{wrong}");
        }
    }

    #[test]
    fn long_values_are_not_repeated_whole() {
        let digits = "9".repeat(1_000_000);

        assert!(count(json(&digits), 1..=5).unwrap_err().len() < 100);
    }
}
