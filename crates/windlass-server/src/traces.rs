//! Spans of jobs, as OpenTelemetry has them: one where a job is stored, one for each run of its handler, in the
//! trace that its `traceparent` names.
//!
//! Invariant: nobody waits for spans; when nobody takes them, they are dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Serialize, Serializer};
use serde_json::json;
use tokio::sync::mpsc;
use windlass::{Clock, Handled, JobInfo, Next, Outcome, Timestamp, TraceContext};

/// Which traces are told of, of those that nobody has decided on yet. A trace that began elsewhere is told of as
/// its flag `sampled` says, unless `ignores_parent`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// The share of new traces, 0 to 1.
    pub ratio: f64,
    /// Whether that share holds for traces that began elsewhere as well.
    pub ignores_parent: bool,
}

impl Default for Sampler {
    /// Every trace, but for those that others have decided not to tell of.
    fn default() -> Self {
        Self { ratio: 1.0, ignores_parent: false }
    }
}

/// Makes spans.
#[derive(Debug, Clone)]
pub struct Traces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sampler: Sampler,
    sender: mpsc::Sender<Span>,
    dropped: AtomicU64,
}

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// A job is stored.
    Producer,
    /// A handler runs.
    Consumer,
}

/// A span that has ended. As JSON it is what OTLP has.
#[derive(Debug, Clone)]
pub struct Span {
    trace: u128,
    id: u64,
    parent: Option<u64>,
    kind: SpanKind,
    name: String,
    began_at: Timestamp,
    ended_at: Timestamp,
    attributes: Vec<(&'static str, serde_json::Value)>,
    error: Option<String>,
}

/// A span that has not ended. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Open {
    traces: Traces,
    span: Option<Span>,
    /// What is handed on.
    pub(crate) context: TraceContext,
}

/// The trace and the span that a `traceparent` names, and whether they are told of.
fn parts(context: &TraceContext) -> Option<(u128, u64, bool)> {
    let mut parts = context.traceparent().split('-').skip(1);
    let trace = u128::from_str_radix(parts.next()?, 16).ok()?;
    let span = u64::from_str_radix(parts.next()?, 16).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    Some((trace, span, flags & 1 == 1))
}

impl Traces {
    /// Spans that are told to the receiver; beyond so many that wait there, they are dropped.
    pub fn new(sampler: Sampler, room: usize) -> (Self, mpsc::Receiver<Span>) {
        let (sender, receiver) = mpsc::channel(room.max(1));
        (Self(Arc::new(Inner { sampler, sender, dropped: AtomicU64::new(0) })), receiver)
    }

    /// Spans dropped since the last call.
    pub fn take_dropped(&self) -> u64 {
        self.0.dropped.swap(0, Ordering::Relaxed)
    }

    /// A layer for [`Worker::wrap`](windlass::Worker::wrap): each run of a handler is a span.
    ///
    /// # Errors
    /// What the handler returned.
    pub async fn around(self, info: Arc<JobInfo>, next: Next) -> Handled {
        let name = format!("process {}", info.queue);
        let Some(mut open) = self.open(info.trace().as_ref(), SpanKind::Consumer, name) else {
            return next.run().await;
        };
        open.messaging("process", &info.queue);
        open.set("messaging.message.id", info.id.to_string());
        open.set("messaging.message.body.size", info.payload_bytes);
        open.set("windlass.job.type", &*info.kind);
        open.set("windlass.job.attempt", info.attempt);
        open.set("windlass.namespace", &*info.namespace);
        // Taken back at the end: a handler that is dropped has no outcome.
        open.fail("timeout", "ended by force");
        let outcome = next.run().await;
        match &outcome {
            Ok(outcome) => {
                let word = match outcome {
                    Outcome::Complete(_) => "complete",
                    Outcome::Snooze(_) => "snooze",
                    Outcome::Cancel(_) => "cancel",
                };
                open.succeed();
                open.set("windlass.job.outcome", word);
            }
            Err(error) => open.fail(error.class(), &error.to_string()),
        }
        outcome
    }

    /// The span of storing jobs in a queue.
    pub(crate) fn enqueue(
        &self,
        parent: Option<&TraceContext>,
        queue: &str,
        jobs: usize,
    ) -> Option<Open> {
        let mut open = self.open(parent, SpanKind::Producer, format!("enqueue {queue}"))?;
        open.messaging("send", queue);
        if jobs != 1 {
            open.set("messaging.batch.message_count", jobs);
        }
        Some(open)
    }

    /// A span, if its trace is told of.
    fn open(&self, parent: Option<&TraceContext>, kind: SpanKind, name: String) -> Option<Open> {
        let known = parent.and_then(|parent| parts(parent).map(|it| (it, parent)));
        let trace = known.map_or_else(|| fastrand::u128(1..), |((trace, ..), _)| trace);
        let sampler = self.0.sampler;
        let is_told = match known {
            Some(((.., is_told), _)) if !sampler.ignores_parent => is_told,
            // Of the random part of the id, so that all who ask decide alike.
            _ => fraction(trace) < sampler.ratio,
        };
        if !is_told {
            return None;
        }
        let id = fastrand::u64(1..);
        let state = known.and_then(|(_, parent)| parent.tracestate());
        let context = TraceContext::new(&format!("00-{trace:032x}-{id:016x}-01"), state)?;
        let began_at = Clock::system().now();
        let span = Span {
            trace,
            id,
            parent: known.map(|((_, parent, _), _)| parent),
            kind,
            name,
            began_at,
            ended_at: began_at,
            attributes: Vec::new(),
            error: None,
        };
        Some(Open { traces: self.clone(), span: Some(span), context })
    }
}

/// Where the lower half of a trace's id stands between 0 and 1.
#[expect(clippy::cast_precision_loss, reason = "a share")]
fn fraction(trace: u128) -> f64 {
    let low = u64::try_from(trace & u128::from(u64::MAX)).unwrap_or(u64::MAX);
    low as f64 / u64::MAX as f64
}

impl Open {
    fn messaging(&mut self, operation: &'static str, queue: &str) {
        self.set("messaging.system", "windlass");
        self.set("messaging.operation.type", operation);
        self.set(
            "messaging.operation.name",
            if operation == "send" { "enqueue" } else { operation },
        );
        self.set("messaging.destination.name", queue);
    }

    /// Says more of it; what is said again replaces what was said before.
    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<serde_json::Value>) {
        if let Some(span) = &mut self.span {
            span.attributes.retain(|(known, _)| *known != key);
            span.attributes.push((key, value.into()));
        }
    }

    pub(crate) fn fail(&mut self, class: &str, message: &str) {
        self.set("error.type", class);
        if let Some(span) = &mut self.span {
            span.error = Some(message.to_owned());
        }
    }

    fn succeed(&mut self) {
        if let Some(span) = &mut self.span {
            span.attributes.retain(|(key, _)| *key != "error.type");
            span.error = None;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(mut span) = self.span.take() else { return };
        span.ended_at = Clock::system().now();
        if self.traces.0.sender.try_send(span).is_err() {
            self.traces.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nanos = |at: Timestamp| format!("{}000", at.as_micros());
        let attributes = self.attributes.iter().map(|(key, value)| {
            let value = match value {
                serde_json::Value::Number(number) => json!({ "intValue": number.to_string() }),
                serde_json::Value::String(text) => json!({ "stringValue": text }),
                other => json!({ "stringValue": other.to_string() }),
            };
            json!({ "key": key, "value": value })
        });
        let status = match &self.error {
            Some(message) => json!({ "code": 2, "message": message }),
            None => json!({}),
        };
        let kind = match self.kind {
            SpanKind::Producer => 4,
            SpanKind::Consumer => 5,
        };
        let mut span = json!({
            "traceId": format!("{:032x}", self.trace),
            "spanId": format!("{:016x}", self.id),
            "name": self.name,
            "kind": kind,
            "startTimeUnixNano": nanos(self.began_at),
            "endTimeUnixNano": nanos(self.ended_at),
            "attributes": attributes.collect::<Vec<_>>(),
            "status": status,
        });
        if let Some(parent) = self.parent {
            span["parentSpanId"] = format!("{parent:016x}").into();
        }
        span.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const SILENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    fn is_told(sampler: Sampler, parent: Option<&str>) -> bool {
        let (traces, _receiver) = Traces::new(sampler, 1);
        let parent = parent.map(|text| TraceContext::new(text, None).expect("a valid context"));
        traces.enqueue(parent.as_ref(), "q", 1).is_some()
    }

    #[test]
    fn a_span_is_the_child_of_what_the_request_names() {
        let (traces, mut told) = Traces::new(Sampler::default(), 4);
        let parent = TraceContext::new(TOLD, Some("a=b"));

        let open = traces.enqueue(parent.as_ref(), "mail", 3).expect("it is told of");
        let handed_on = open.context.clone();
        drop(open);

        let span = serde_json::to_value(told.try_recv().expect("a span")).expect("JSON");
        assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span["parentSpanId"], "00f067aa0ba902b7");
        assert_eq!(span["kind"], 4);
        assert_eq!(handed_on.tracestate(), Some("a=b"));
        let expected = format!(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01",
            span["spanId"].as_str().unwrap_or_default()
        );
        assert_eq!(handed_on.traceparent(), expected);
    }

    #[test]
    fn who_began_a_trace_decides_unless_told_otherwise() {
        let never = Sampler { ratio: 0.0, ignores_parent: false };
        assert!(is_told(Sampler::default(), None) && is_told(Sampler::default(), Some(TOLD)));
        assert!(!is_told(Sampler::default(), Some(SILENT)));
        assert!(!is_told(never, None) && is_told(never, Some(TOLD)));
        assert!(!is_told(Sampler { ignores_parent: true, ..never }, Some(TOLD)));
        assert!(is_told(Sampler { ratio: 1.0, ignores_parent: true }, Some(SILENT)));
    }

    #[test]
    fn what_nobody_takes_is_counted() {
        let (traces, _told) = Traces::new(Sampler::default(), 1);

        for _ in 0..3 {
            drop(traces.enqueue(None, "q", 1));
        }

        assert_eq!((traces.take_dropped(), traces.take_dropped()), (2, 0));
    }
}
