//! Compares answers with the description of the API: every answer that a test gets must be described.

use std::sync::OnceLock;

use serde_json::Value;
use serde_json::value::RawValue;

/// Keywords that say nothing of a value's form, or that only requests have to meet.
const SILENT: [&str; 8] = [
    "description",
    "default",
    "examples",
    "contentEncoding",
    "pattern",
    "maxProperties",
    "minProperties",
    "example",
];

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        serde_json::from_str(&windlass_server::openapi()).expect("the description is JSON")
    })
}

/// Asserts that an answer is as described; paths and methods that do not exist have no description.
pub(crate) fn check(method: &str, path: &str, status: u16, kind: Option<&str>, body: &[u8]) {
    let path = path.split('?').next().unwrap_or_default();
    let path = if path == "/api/v1/" { "/api/v1" } else { path };
    let Some(operation) = operation(&method.to_ascii_lowercase(), path) else { return };
    let place = format!("{method} {path} {status}");
    let responses = &operation["responses"];
    let listed = responses.get(status.to_string());
    assert!(listed.is_some() || status >= 400, "{place} is not described");
    let described = resolved(listed.unwrap_or_else(|| &responses["default"]));
    let Some(content) = described.get("content") else {
        assert!(body.is_empty(), "{place} has a body, which is not described");
        return;
    };
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
    let schema = content.get(kind).map(|content| &content["schema"]);
    assert!(schema.is_some(), "{place} answers with {kind}");
    let Some(schema) = schema else { return };
    if kind.ends_with("json") {
        // Numbers may have more digits than a value here can hold.
        let _: &RawValue = serde_json::from_slice(body).expect("the answer is JSON");
        let Ok(value) = serde_json::from_slice(body) else { return };
        let wrong = fits(schema, &value, "").err();
        assert!(wrong.is_none(), "{place}: {} in {value}", wrong.unwrap_or_default());
    }
}

/// The description of a method of a path; a path without parameters comes before one with.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let paths = document()["paths"].as_object()?;
    let found = paths.iter().filter(|(template, _)| is_of(template, path));
    let found = found.min_by_key(|(template, _)| template.matches('{').count());
    found.and_then(|(_, methods)| methods.get(method))
}

fn is_of(template: &str, path: &str) -> bool {
    let (parts, given) = (template.split('/'), path.split('/'));
    template.matches('/').count() == path.matches('/').count()
        && parts.zip(given).all(|(part, given)| part == given || part.starts_with('{'))
}

fn resolved(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(name) => document().pointer(&name[1..]).expect("a name that is used is there"),
        None => value,
    }
}

/// Whether a value fits a schema, or where it does not.
fn fits(schema: &'static Value, value: &Value, place: &str) -> Result<(), String> {
    let schema = resolved(schema);
    let members = schema.as_object().expect("a schema is an object");
    for (keyword, rule) in members {
        let wrong = || Err(format!("{place} is {value}, which breaks {keyword} {rule}"));
        let is_met = match keyword.as_str() {
            "type" => has_type(rule, value),
            "enum" => rule.as_array().is_some_and(|words| words.contains(value)),
            "const" => rule == value,
            "minimum" => value.as_f64().is_none_or(|n| Some(n) >= rule.as_f64()),
            "maximum" => value.as_f64().is_none_or(|n| Some(n) <= rule.as_f64()),
            "minLength" | "maxLength" | "minItems" | "maxItems" => true,
            "format" => value.as_str().is_none_or(|text| rule != "date-time" || is_instant(text)),
            "anyOf" => {
                let all = rule.as_array().expect("anyOf has a list");
                all.iter().any(|one| fits(one, value, place).is_ok())
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    fits(rule, item, &format!("{place}/{index}"))?;
                }
                true
            }
            "required" => {
                let names = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
                value.is_object() && names.into_iter().all(|name| value.get(name).is_some())
            }
            "properties" | "additionalProperties" => {
                members_fit(schema, value, place)?;
                true
            }
            other => SILENT.contains(&other) || unknown(other),
        };
        if !is_met {
            return wrong();
        }
    }
    Ok(())
}

fn unknown(keyword: &str) -> bool {
    unreachable!("a test does not know the keyword {keyword}")
}

fn members_fit(schema: &'static Value, value: &Value, place: &str) -> Result<(), String> {
    for (name, member) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{name}");
        let known = schema.get("properties").and_then(|known| known.get(name));
        match (known, schema.get("additionalProperties")) {
            (Some(known), _) => fits(known, member, &place)?,
            (None, Some(Value::Bool(false))) => return Err(format!("{place} is not described")),
            (None, Some(rule)) if rule.is_object() => fits(rule, member, &place)?,
            (None, _) => {}
        }
    }
    Ok(())
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    match rule {
        Value::String(kind) => is(kind),
        kinds => kinds.as_array().into_iter().flatten().filter_map(Value::as_str).any(is),
    }
}

/// UTC with six digits, as clients of all languages read it.
fn is_instant(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000000Z";
    let fits = |(given, wanted): (char, char)| match wanted {
        '0' => given.is_ascii_digit(),
        _ => given == wanted,
    };
    text.len() == form.len() && text.chars().zip(form.chars()).all(fits)
}
