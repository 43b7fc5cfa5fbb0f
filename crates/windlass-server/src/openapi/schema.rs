//! The words of JSON Schema that the description uses, as functions.
//!
//! A builder of our own: requests are read member by member, by hand, so that every mistake is named at
//! once. No type stands for a request that a derive could look at, and what a reply's derive would say is
//! less than what we promise.

use serde_json::{Map, Value, json};

/// Longest pause, delay or period, in milliseconds: 366 days.
const SPAN_MS_MAX: u64 = 366 * 24 * 3600 * 1000;

/// A member of an object.
pub(super) struct Member {
    name: &'static str,
    schema: Value,
    is_needed: bool,
}

/// A member that is always there.
pub(super) const fn needed(name: &'static str, schema: Value) -> Member {
    Member { name, schema, is_needed: true }
}

/// A member that may be absent.
pub(super) const fn maybe(name: &'static str, schema: Value) -> Member {
    Member { name, schema, is_needed: false }
}

/// A member of a request that may be left out, which null does as well.
pub(super) fn given(name: &'static str, schema: Value) -> Member {
    maybe(name, or_null(schema))
}

/// An object of these members and no others.
pub(super) fn object(members: impl IntoIterator<Item = Member>) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for Member { name, schema, is_needed } in members {
        if is_needed {
            required.push(name);
        }
        properties.insert(name.to_owned(), schema);
    }
    let mut schema = json!({
        "type": "object", "properties": properties, "additionalProperties": false
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// An object whose members all are of one kind.
#[expect(clippy::needless_pass_by_value, reason = "schemas are made from the inside out")]
pub(super) fn map_of(schema: Value) -> Value {
    json!({ "type": "object", "additionalProperties": schema })
}

#[expect(clippy::needless_pass_by_value, reason = "schemas are made from the inside out")]
pub(super) fn list_of(schema: Value) -> Value {
    json!({ "type": "array", "items": schema })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// A text of some characters; what they weigh in bytes is checked as well.
pub(super) fn text_of(least: u32, most: usize) -> Value {
    json!({ "type": "string", "minLength": least, "maxLength": most })
}

pub(super) fn number() -> Value {
    json!({ "type": "number" })
}

pub(super) fn number_in(least: f64, most: f64) -> Value {
    json!({ "type": "number", "minimum": least, "maximum": most })
}

/// A whole number from 0.
pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(super) fn count_in(least: u32, most: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// The flag that is always so.
pub(super) fn always(value: bool) -> Value {
    json!({ "const": value })
}

pub(super) fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "type": "string", "enum": words.into_iter().collect::<Vec<_>>() })
}

/// Any JSON.
pub(super) fn anything() -> Value {
    json!({})
}

pub(super) fn or_null(mut schema: Value) -> Value {
    match schema.get("type").cloned() {
        Some(Value::String(kind)) => {
            schema["type"] = json!([kind, "null"]);
            if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
                words.push(Value::Null);
            }
            schema
        }
        _ if schema == anything() => schema,
        _ => any_of([schema, json!({ "type": "null" })]),
    }
}

pub(super) fn any_of(schemas: impl IntoIterator<Item = Value>) -> Value {
    json!({ "anyOf": schemas.into_iter().collect::<Vec<_>>() })
}

/// The schema of that name.
pub(super) fn the(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn said(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
}

pub(super) fn defaults(mut schema: Value, value: impl Into<Value>) -> Value {
    schema["default"] = value.into();
    schema
}

/// An instant as replies have it: UTC, six digits.
pub(super) fn instant() -> Value {
    json!({
        "type": "string",
        "format": "date-time",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        "examples": ["2026-01-01T00:00:00.000000Z"]
    })
}

/// An instant as requests may have it.
pub(super) fn when() -> Value {
    json!({
        "type": "string",
        "format": "date-time",
        "description": "RFC 3339, of the years 2000 to 2199.",
        "examples": ["2026-01-01T08:00:00Z"]
    })
}

/// A duration as requests may have it.
pub(super) fn span() -> Value {
    json!({
        "anyOf": [span_text(), { "type": "integer", "minimum": 0, "maximum": SPAN_MS_MAX }],
        "description": "Text such as 90s, 1h30m or 250ms, or whole milliseconds."
    })
}

/// A duration as replies have it.
pub(super) fn span_text() -> Value {
    json!({ "type": "string", "pattern": r"^(\d{1,9}(d|h|m|s|ms))+$", "examples": ["90s"] })
}

/// The id of a job, workflow, batch or operation.
pub(super) fn id() -> Value {
    json!({ "type": "string", "pattern": r"^[1-9]\d{0,18}$", "examples": ["812"] })
}

pub(super) fn name() -> Value {
    json!({ "type": "string", "pattern": r"^[A-Za-z0-9._:-]{1,128}$", "examples": ["mail"] })
}

/// Bytes in base64.
pub(super) fn bytes() -> Value {
    json!({ "type": "string", "contentEncoding": "base64" })
}
