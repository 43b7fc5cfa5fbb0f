//! The calls of the worker protocol, and what they carry.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use windlass::format_duration;

use super::attempt::Held;
use crate::client::Server;
use crate::cmd::worker::RunArgs;
use crate::exit::{Exit, Failure};

/// What the answer to a claim may take longer than the claim waits.
const CLAIM_ALLOWANCE: Duration = Duration::from_secs(10);

/// The server at the other end.
#[derive(Debug, Clone)]
pub(super) struct Wire(pub(super) Arc<Server>);

#[derive(Debug, Deserialize)]
pub(super) struct Registered {
    pub(super) worker_id: String,
    pub(super) heartbeat_ms: u64,
    pub(super) lease_ms: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct ClaimReply {
    pub(super) jobs: Vec<Claimed>,
    pub(super) state: String,
    pub(super) cancel: Vec<String>,
}

/// A claimed job, as far as its command needs it.
#[derive(Debug, Deserialize)]
pub(super) struct Claimed {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) queue: String,
    pub(super) attempt: u32,
    pub(super) timeout_ms: u64,
    pub(super) lease: Lease,
    payload: Option<Box<RawValue>>,
    payload_base64: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Lease {
    pub(super) token: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct BeatReply {
    pub(super) cancel: Vec<String>,
    pub(super) lost: Vec<String>,
    pub(super) state: String,
}

#[derive(Debug, Deserialize)]
struct SettleReply {
    items: Vec<Settled>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Settled {
    pub(super) status: String,
    pub(super) error: Option<Refused>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refused {
    pub(super) message: String,
}

/// The members of a report beside the job's.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Fault>,
}

#[derive(Debug, Serialize)]
pub(super) struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<&'static str>,
    pub(super) message: String,
}

#[derive(Debug, Serialize)]
struct Item<'a> {
    id: &'a str,
    token: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

#[derive(Debug, Serialize)]
struct Items<'a> {
    items: [Item<'a>; 1],
}

impl Report {
    pub(super) const fn of(outcome: &'static str) -> Self {
        Self { outcome, result: None, result_base64: None, error: None }
    }
}

impl Claimed {
    pub(super) fn payload(&self) -> Result<Vec<u8>, base64::DecodeError> {
        match (&self.payload_base64, &self.payload) {
            (Some(encoded), _) => BASE64_STANDARD.decode(encoded),
            (None, Some(json)) => Ok(json.get().as_bytes().to_vec()),
            (None, None) => Ok(b"null".to_vec()),
        }
    }
}

impl Wire {
    pub(super) async fn register(&self, args: &RunArgs) -> Result<Registered, Failure> {
        let body = json!({
            "name": args.name(),
            "queues": args.queue,
            "types": args.kind,
            "concurrency": args.concurrency,
            "lease": format_duration(args.lease),
            "version": env!("CARGO_PKG_VERSION"),
        });
        self.read(self.0.post("workers", &body)).await
    }

    pub(super) async fn claim(
        &self,
        worker: &str,
        limit: usize,
        wait: Duration,
    ) -> Result<ClaimReply, Failure> {
        let body = json!({ "limit": limit.min(1000), "wait": format_duration(wait) });
        let request = self.0.post(&format!("workers/{worker}/claim"), &body);
        self.read(request.timeout(wait + CLAIM_ALLOWANCE)).await
    }

    pub(super) async fn heartbeat<'a>(
        &self,
        worker: &str,
        held: impl Iterator<Item = &'a Arc<Held>>,
        time: Duration,
    ) -> Result<BeatReply, Failure> {
        let progress: Vec<_> =
            held.map(|held| json!({ "id": held.id, "token": held.token })).collect();
        let request =
            self.0.post(&format!("workers/{worker}/heartbeat"), &json!({ "progress": progress }));
        self.read(request.timeout(time)).await
    }

    pub(super) async fn settle(
        &self,
        worker: &str,
        (id, token): (&str, &str),
        report: &Report,
    ) -> Result<Settled, Failure> {
        let body = Items { items: [Item { id, token, report }] };
        let request = self.0.post(&format!("workers/{worker}/settle"), &body);
        let reply: SettleReply = self.read(request).await?;
        reply.items.into_iter().next().ok_or_else(|| unreadable("no item"))
    }

    pub(super) async fn log(&self, id: &str, token: &str, lines: &[String]) -> Result<(), Failure> {
        let body = json!({ "token": token, "data": lines });
        self.0.send(self.0.post(&format!("jobs/{id}/logs"), &body)).await.map(drop)
    }

    pub(super) async fn leave(&self, worker: &str) -> Result<(), Failure> {
        let request = self.0.request(Method::DELETE, &format!("workers/{worker}"));
        self.0.send(request).await.map(drop)
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let response = self.0.send(request).await?;
        // An answer that breaks off may be asked for again.
        let body = response.bytes().await.map_err(|error| {
            Failure::new(Exit::Unreachable, format!("the answer broke off: {error}"))
        })?;
        serde_json::from_slice(&body).map_err(|error| unreadable(&error.to_string()))
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn unreadable(why: &str) -> Failure {
    Failure::new(Exit::Failure, format!("the answer is not what was expected: {why}"))
}
