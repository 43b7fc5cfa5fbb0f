//! What viewers see: everything but what jobs carry and return.
//!
//! Invariant: this stands behind every route, so that a new one cannot forget it.

use axum::body::{Body, to_bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use crate::problem::Problem;

/// Members that hold it, wherever they stand.
const HIDDEN: [&str; 7] =
    ["payload", "payload_base64", "result", "result_base64", "output", "checkpoint", "callbacks"];

/// Members whose own members have names that users choose.
const FREE: [&str; 3] = ["tags", "metadata", "labels"];

/// Bytes of an answer that is looked through; pages are far smaller.
const BYTES_MAX: usize = 64 << 20;

/// Takes the hidden members out of a JSON answer. Streams of events have none.
pub(super) async fn without_payloads(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let read = to_bytes(body, BYTES_MAX).await.ok();
    let value = read.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let Some(mut value) = value else { return Problem::internal().into_response() };
    hide(&mut value);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(value.to_string()))
}

fn hide(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(members) => {
            members.retain(|name, _| !HIDDEN.contains(&name.as_str()));
            let rest = members.iter_mut().filter(|(name, _)| !FREE.contains(&name.as_str()));
            rest.for_each(|(_, value)| hide(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn payloads_are_hidden_wherever_they_stand() {
        let mut page = json!({
            "jobs": [{ "id": "1", "payload": { "a": 1 }, "result": 2, "tags": { "payload": "kept" } }],
            "job": { "payload_base64": "AA==", "queue": "q" },
        });

        hide(&mut page);

        let rest = json!({ "jobs": [{ "id": "1", "tags": { "payload": "kept" } }], "job": { "queue": "q" } });
        assert_eq!(page, rest);
    }
}
