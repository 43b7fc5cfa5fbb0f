//! A job as the command line asks for it: the body of `POST /jobs`, for a server and a database alike.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use windlass::{PAYLOAD_BYTES_MAX, Timestamp};

use crate::exit::{Exit, Failure};

/// The body of `POST /jobs`; what is absent is left to the server's defaults.
#[derive(Debug, Serialize)]
pub(crate) struct JobRequest {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(flatten)]
    pub(crate) payload: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scheduled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_by: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) concurrency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fairness_key: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) depends_on: Vec<windlass::JobId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch_id: Option<windlass::BatchId>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
}

/// The body of `PATCH /jobs/{id}`; what is absent stays as it is.
#[derive(Debug, Default, Serialize)]
pub(crate) struct EditRequest {
    #[serde(flatten)]
    pub(crate) payload: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scheduled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// A job's input: JSON as it was written, or any other bytes.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Payload {
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

impl Payload {
    /// Reads `--payload`: JSON itself, `@FILE`, or `-` for stdin.
    pub(crate) fn from_argument(text: &str) -> Result<Self, Failure> {
        if let Some(path) = text.strip_prefix('@').or_else(|| (text == "-").then_some(text)) {
            return Self::from_file(path);
        }
        match RawValue::from_string(text.to_owned()) {
            Ok(payload) => Ok(Self { payload: Some(payload), payload_base64: None }),
            Err(error) => Err(Failure::usage(format!("--payload is not JSON: {error}"))
                .hint("quote strings, as in '\"hello\"', or read any bytes with --payload-file")),
        }
    }

    /// Reads a file of any bytes, `-` being stdin.
    pub(crate) fn from_file(path: &str) -> Result<Self, Failure> {
        if path == "-" {
            return Self::from_reader(std::io::stdin().lock(), "stdin");
        }
        let file = std::fs::File::open(path)
            .map_err(|error| Failure::usage(format!("cannot read `{path}`: {error}")))?;
        Self::from_reader(file, path)
    }

    /// Stops reading where no payload can be longer.
    fn from_reader(reader: impl Read, name: &str) -> Result<Self, Failure> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(PAYLOAD_BYTES_MAX).unwrap_or(u64::MAX) + 1;
        reader
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::new(Exit::Failure, format!("cannot read {name}: {error}")))?;
        if bytes.len() > PAYLOAD_BYTES_MAX {
            let detail =
                format!("{name} is longer than a payload may be ({PAYLOAD_BYTES_MAX} bytes)");
            return Err(Failure::usage(detail));
        }
        Ok(Self::from_bytes(bytes))
    }

    fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => match RawValue::from_string(text.clone()) {
                Ok(payload) => Self { payload: Some(payload), payload_base64: None },
                Err(_) => Self::encoded(text.as_bytes()),
            },
            Err(error) => Self::encoded(error.as_bytes()),
        }
    }

    fn encoded(bytes: &[u8]) -> Self {
        Self { payload: None, payload_base64: Some(BASE64_STANDARD.encode(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(payload: &Payload) -> String {
        serde_json::to_string(payload).unwrap()
    }

    #[test]
    fn json_keeps_its_spelling() {
        let payload = Payload::from_argument(r#"{"n": 1.0e3 }"#).unwrap();

        assert_eq!(json(&payload), r#"{"payload":{"n": 1.0e3 }}"#);
        assert_eq!(Payload::from_argument("hello").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn other_bytes_are_encoded() {
        assert_eq!(json(&Payload::from_bytes(vec![0xff])), r#"{"payload_base64":"/w=="}"#);
        assert_eq!(json(&Payload::from_bytes(b"hi".to_vec())), r#"{"payload_base64":"aGk="}"#);
        assert_eq!(json(&Payload::from_bytes(b"[1]\n".to_vec())), r#"{"payload":[1]}"#);
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let endless = std::io::repeat(b'x');

        let failure = Payload::from_reader(endless, "stdin").unwrap_err();

        assert!(failure.to_string().contains("1048576"));
    }
}
