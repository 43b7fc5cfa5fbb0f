//! JSON as pgqueue writes it: integers for ids and durations, instants without trailing zeros, two spaces.

use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use windlass::Timestamp;

use crate::problem::Problem;
use crate::routes::Answer;

/// A list.
#[derive(Serialize)]
pub(super) struct ListObject<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    pub(super) count: u64,
    pub(super) body: Vec<T>,
}

impl<T: Serialize> ListObject<T> {
    pub(super) fn of(count: usize, body: Vec<T>) -> Self {
        Self { status: None, count: u64::try_from(count).unwrap_or(u64::MAX), body }
    }
}

/// An answer with this status and body.
pub(super) fn answer(status: StatusCode, body: &impl Serialize) -> Answer {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((status, kind, written(body)?).into_response())
}

/// The same, where it is done.
pub(super) fn done(body: &impl Serialize) -> Result<Response, Problem> {
    answer(StatusCode::OK, body)
}

/// The text of an object.
pub(super) fn written(body: &impl Serialize) -> Result<String, Problem> {
    let text = serde_json::to_string(body).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        Problem::internal()
    })?;
    Ok(indented(&text))
}

/// Nanoseconds.
pub(super) fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// RFC 3339 with as many digits as the instant needs.
pub(super) fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    let plain = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{plain}Z")
}

/// The same JSON, byte for byte but for the space between its parts.
pub(crate) fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    let mut parts = json.chars().peekable();
    while let Some(part) = parts.next() {
        if is_quoted {
            text.push(part);
            is_quoted = is_escaped || part != '"';
            is_escaped = !is_escaped && part == '\\';
            continue;
        }
        match part {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                while parts.next_if(char::is_ascii_whitespace).is_some() {}
                text.push(part);
                if let Some(end) = parts.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    new_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(part);
            }
            ',' => {
                text.push(part);
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => {
                is_quoted = part == '"';
                text.push(part);
            }
        }
    }
    text.push('\n');
    text
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_stay_as_they_are() {
        let json = r#"{"a":[18446744073709551616,1.50],"b":{ },"c":"x\":{[,\\","d":[]}"#;

        let text = indented(json);

        let lines = [
            "{",
            "  \"a\": [",
            "    18446744073709551616,",
            "    1.50",
            "  ],",
            "  \"b\": {},",
            "  \"c\": \"x\\\":{[,\\\\\",",
            "  \"d\": []",
            "}",
            "",
        ];
        assert_eq!(text, lines.join("\n"));
    }

    #[test]
    fn instants_have_the_digits_they_need() {
        let shown = |micros: i64| instant(Timestamp::from_micros(1_800_000_000_000_000 + micros));

        assert_eq!(shown(0), "2027-01-15T08:00:00Z");
        assert_eq!(shown(120_000), "2027-01-15T08:00:00.12Z");
        assert_eq!(shown(1), "2027-01-15T08:00:00.000001Z");
    }
}
