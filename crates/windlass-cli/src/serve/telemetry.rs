//! Sends spans to a collector of OpenTelemetry (OTLP over HTTP, as JSON), as the variables `OTEL_*` say.
//!
//! Invariant: a collector that is slow or away costs spans and lines of the log, nothing else.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use windlass::{ServerAccess, http_client};
use windlass_server::{Sampler, Span, Traces};

use crate::exit::Failure;

/// Spans in one request, and at most waiting, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise.
const BATCH_MAX: usize = 512;
const ROOM: usize = 2048;

/// How long spans are gathered, and an export may take, unless variables say otherwise.
const DELAY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Waits before a failed export is tried again; then its spans are dropped.
const AGAIN: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// How long a stop waits for the last spans.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// Where spans go.
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) traces: Traces,
    spans: mpsc::Receiver<Span>,
    /// Taken from there and not sent yet: what outlives a loop that is dropped.
    batch: Vec<Span>,
    client: Client,
    endpoint: Url,
    headers: HeaderMap,
    resource: Value,
    delay: Duration,
    timeout: Duration,
}

/// The variables of the environment, by name; empty ones count as not set.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Telemetry {
    /// What the environment asks for; nothing unless it names an endpoint.
    pub(crate) fn of_environment(service: Option<&str>) -> Result<Option<Self>, Failure> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        Self::open(&read, service)
    }

    fn open(read: Variables<'_>, service: Option<&str>) -> Result<Option<Self>, Failure> {
        let Some(endpoint) = endpoint(read)? else { return Ok(None) };
        let wrong =
            |error: windlass::Error| Failure::usage(format!("OTEL_EXPORTER_OTLP_*: {error}"));
        let ca_file = read("OTEL_EXPORTER_OTLP_CERTIFICATE").map(PathBuf::from);
        let access = ServerAccess { api_key: None, ca_file };
        let (client, _) = http_client(endpoint.as_str(), &access).map_err(wrong)?;
        let room = number(read, "OTEL_BSP_MAX_QUEUE_SIZE")?.map_or(ROOM, |room| room as usize);
        let millis = |name, default| {
            number(read, name).map(|it| it.map_or(default, |ms| Duration::from_millis(ms.into())))
        };
        let (traces, spans) = Traces::new(sampler(read)?, room);
        Ok(Some(Self {
            traces,
            spans,
            batch: Vec::new(),
            client,
            endpoint,
            headers: headers(read)?,
            resource: resource(read, service),
            delay: millis("OTEL_BSP_SCHEDULE_DELAY", DELAY)?,
            timeout: millis("OTEL_EXPORTER_OTLP_TIMEOUT", TIMEOUT)?,
        }))
    }

    async fn run(&mut self) -> Infallible {
        loop {
            let Self { spans, batch, delay, .. } = &mut *self;
            if spans.recv_many(batch, BATCH_MAX).await == 0 {
                std::future::pending::<()>().await;
            }
            // What comes in a moment goes along.
            let gathering = async {
                while batch.len() < BATCH_MAX && spans.recv_many(batch, BATCH_MAX).await > 0 {}
            };
            drop(timeout(*delay, gathering).await);
            self.send(&self.batch).await;
            self.batch.clear();
        }
    }

    /// Sends what is left.
    pub(crate) async fn finish(mut self) {
        while let Ok(span) = self.spans.try_recv() {
            self.batch.push(span);
        }
        let sending = self.send(&self.batch);
        if !self.batch.is_empty() && timeout(FLUSH_MAX, sending).await.is_err() {
            tracing::warn!(spans = self.batch.len(), "spans not sent: no answer in time");
        }
    }

    async fn send(&self, batch: &[Span]) {
        let dropped = self.traces.take_dropped();
        if dropped > 0 {
            tracing::warn!(spans = dropped, "spans dropped: the collector is too slow");
        }
        let scope = json!({ "name": "windlass", "version": env!("CARGO_PKG_VERSION") });
        let spans = json!([{ "scope": scope, "spans": batch }]);
        let body = json!({ "resourceSpans": [{ "resource": self.resource, "scopeSpans": spans }] });
        let mut waits = AGAIN.iter();
        loop {
            let why = match self.post(&body).await {
                Ok(()) => return,
                Err((why, is_worth_it)) => match waits.next().filter(|_| is_worth_it) {
                    Some(wait) => {
                        sleep(*wait).await;
                        continue;
                    }
                    None => why,
                },
            };
            tracing::warn!(spans = batch.len(), "spans not sent: {why}");
            return;
        }
    }

    /// Why it did not work, and whether it is worth another try.
    async fn post(&self, body: &Value) -> Result<(), (String, bool)> {
        let request = self.client.post(self.endpoint.clone()).headers(self.headers.clone());
        let response = request.timeout(self.timeout).json(body).send().await;
        let response = response.map_err(|error| (error.without_url().to_string(), true))?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            status => {
                let why = format!("the collector answered {status}");
                Err((why, matches!(status, 429 | 502 | 503 | 504)))
            }
        }
    }
}

/// Sends spans until it is dropped; without anywhere to send them there is nothing to do, forever.
pub(crate) async fn run(telemetry: Option<&mut Telemetry>) -> Infallible {
    match telemetry {
        Some(telemetry) => telemetry.run().await,
        None => std::future::pending().await,
    }
}

fn endpoint(read: Variables<'_>) -> Result<Option<Url>, Failure> {
    let is_off = read("OTEL_SDK_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let is_none = read("OTEL_TRACES_EXPORTER").is_some_and(|it| it == "none");
    if is_off || is_none {
        return Ok(None);
    }
    let whole = read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let base = read("OTEL_EXPORTER_OTLP_ENDPOINT");
    let base = base.map(|base| format!("{}/v1/traces", base.trim_end_matches('/')));
    let Some(url) = whole.or(base) else { return Ok(None) };
    let protocol = read("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL");
    if protocol.or_else(|| read("OTEL_EXPORTER_OTLP_PROTOCOL")).is_some_and(|it| it == "grpc") {
        tracing::warn!(
            "no spans are sent: OTEL_EXPORTER_OTLP_PROTOCOL is grpc (http/json is spoken)"
        );
        return Ok(None);
    }
    let wrong =
        |error| Failure::usage(format!("the endpoint of OTEL_EXPORTER_OTLP_* is no URL: {error}"));
    Url::parse(&url).map(Some).map_err(wrong)
}

fn number(read: Variables<'_>, name: &str) -> Result<Option<u32>, Failure> {
    let wrong = |text| Failure::usage(format!("{name} is `{text}`, which is no number"));
    read(name).map(|text| text.trim().parse().map_err(|_| wrong(text))).transpose()
}

fn sampler(read: Variables<'_>) -> Result<Sampler, Failure> {
    let name = read("OTEL_TRACES_SAMPLER").unwrap_or_else(|| "parentbased_always_on".to_owned());
    let ratio = || match read("OTEL_TRACES_SAMPLER_ARG") {
        None => Ok(1.0),
        Some(text) => match text.trim().parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
            _ => {
                Err(Failure::usage(format!("OTEL_TRACES_SAMPLER_ARG is `{text}` (0 to 1 allowed)")))
            }
        },
    };
    let (kind, ignores_parent) = match name.strip_prefix("parentbased_") {
        Some(kind) => (kind, false),
        None => (name.as_str(), true),
    };
    let ratio = match kind {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => ratio()?,
        _ => {
            return Err(Failure::usage(format!(
                "OTEL_TRACES_SAMPLER is `{name}` (always_on, always_off or traceidratio, each also with parentbased_ before it)"
            )));
        }
    };
    Ok(Sampler { ratio, ignores_parent })
}

/// Pairs of `KEY=VALUE,..`, percent-encoded.
fn pairs(read: Variables<'_>, name: &str) -> Vec<(String, String)> {
    let text = read(name).unwrap_or_default();
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), decoded(value.trim()))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn headers(read: Variables<'_>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(read, "OTEL_EXPORTER_OTLP_HEADERS") {
        // What was given is not repeated: it may be a secret.
        let wrong = || Failure::usage(format!("OTEL_EXPORTER_OTLP_HEADERS: `{name}` is no header"));
        let key = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

fn resource(read: Variables<'_>, service: Option<&str>) -> Value {
    let mut of = pairs(read, "OTEL_RESOURCE_ATTRIBUTES");
    let named = read("OTEL_SERVICE_NAME").or_else(|| service.map(str::to_owned));
    if named.is_some() || !of.iter().any(|(key, _)| key == "service.name") {
        of.retain(|(key, _)| key != "service.name");
        let name = named.unwrap_or_else(|| "windlass".to_owned());
        of.insert(0, ("service.name".to_owned(), name));
    }
    let attribute = |(key, value)| json!({ "key": key, "value": { "stringValue": value } });
    json!({ "attributes": of.into_iter().map(attribute).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(variables: &[(&str, &str)]) -> Result<Option<Telemetry>, Failure> {
        let read = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Telemetry::open(&read, Some("jobs"))
    }

    #[test]
    fn the_variables_of_opentelemetry_are_read() {
        let all = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x,b=c"),
            ("OTEL_RESOURCE_ATTRIBUTES", "zone=eu,service.name=other"),
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
        ];

        let telemetry = open(&all).unwrap().expect("an endpoint is named");

        assert_eq!(telemetry.endpoint.as_str(), "http://collector:4318/v1/traces");
        assert_eq!(telemetry.headers["authorization"], "Bearer x");
        let resource = telemetry.resource.to_string();
        assert!(resource.contains(r#""jobs""#) && resource.contains(r#""eu""#), "{resource}");
        assert!(!resource.contains("other"), "{resource}");
    }

    #[test]
    fn nothing_is_sent_unless_it_is_asked_for() {
        let endpoint = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/t");
        for more in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert!(open(&[endpoint, more]).unwrap().is_none(), "{more:?}");
        }
        assert!(open(&[]).unwrap().is_none());
        assert!(open(&[endpoint]).unwrap().is_some());
        for wrong in [
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a b=c"),
        ] {
            assert!(open(&[wrong, endpoint]).is_err(), "{wrong:?}");
        }
    }
}
