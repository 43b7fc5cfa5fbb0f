//! Bodies of requests as pgqueue's clients write them; members that it does not know are left alone.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use windlass::parse_duration;
use windlass::protocol::document;

use crate::problem::Problem;

/// Nanoseconds, or for people a text such as `90s`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Span {
    Nanos(u64),
    Text(String),
}

impl Span {
    pub(super) fn read(&self, name: &str) -> Result<Duration, Problem> {
        match self {
            Self::Nanos(nanos) => Ok(Duration::from_nanos(*nanos)),
            Self::Text(text) => parse_duration(text)
                .map_err(|detail| Problem::unreadable(format!("{name}: {detail}"))),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct QueueBody {
    pub(super) queue: Option<String>,
    pub(super) ttl: Option<Span>,
    pub(super) retries: Option<u32>,
    pub(super) retry_delay: Option<Span>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TaskBody {
    pub(super) queue: Option<String>,
    pub(super) payload: Option<Box<RawValue>>,
    pub(super) delayed_at: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReleaseBody {
    pub(super) result: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) fail: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TickerBody {
    pub(super) ticker: Option<String>,
    pub(super) payload: Option<Box<RawValue>>,
    pub(super) interval: Option<Span>,
}

/// Reads a body.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let json = document(body)?.get();
    serde_json::from_str(json)
        .map_err(|error| Problem::unreadable(format!("the body cannot be read: {error}")))
}
