//! Server-sent events: what happens, as it happens.
//!
//! A client that is slow to read holds nothing here but its place: it is told `resync` when that is no
//! longer remembered.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use windlass::{EventFilter, EventStream, Observed, Queue};

use super::Answer;
use crate::app::Shared;
use crate::auth::{Caller, Standing};
use crate::problem::Problem;
use crate::request::{Namespaced, Pairs, header_text, unknown_parameter};

/// Between two comments on a stream that is quiet: proxies close what says nothing for a minute.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// Least time between two writes to a client. What comes after a quiet spell goes out at once; on a busy
/// stream what happens meanwhile goes out together, or thousands of clients would each cost a wake-up and a
/// system call per event.
const WRITE_EVERY: Duration = Duration::from_millis(50);

/// Bytes that are written at once, roughly, when many events are there.
const CHUNK_BYTES: usize = 32 << 10;

pub(crate) async fn events(
    State(app): State<Shared>,
    (caller, Namespaced(queue)): (Caller, Namespaced),
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Answer {
    let filter = filter(&pairs, &headers)?;
    let stream = queue.events(filter).await?;
    let standing = Standing::new(&app, &caller);
    let stop = app.stop.clone();
    let feed = Feed { stream, queue, stop, standing, is_new: true, may_write: Instant::now() };
    let body = unfold(feed, async |mut feed| {
        let text = feed.next().await?;
        Some((Ok::<_, Infallible>(text), feed))
    });
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-cache"),
        // nginx and others would collect events before they pass them on.
        ("x-accel-buffering", "no"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// One client's stream.
struct Feed {
    stream: EventStream,
    queue: Queue,
    stop: CancellationToken,
    standing: Standing,
    is_new: bool,
    may_write: Instant,
}

impl Feed {
    /// What to write next; none at the end.
    async fn next(&mut self) -> Option<String> {
        if std::mem::take(&mut self.is_new) {
            return Some(self.greeting());
        }
        let clock = self.queue.clock().clone();
        let quiet = clock.sleep(COMMENT_EVERY);
        tokio::pin!(quiet);
        let first = loop {
            if self.standing.is_over().await {
                return None;
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                observed = self.stream.next() => break observed?,
                () = &mut quiet => return Some(": nothing new\n\n".to_owned()),
                () = self.standing.due(&clock) => {}
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => return None,
            () = sleep_until(self.may_write) => {}
        }
        self.may_write = Instant::now() + WRITE_EVERY;
        let mut text = String::new();
        write(&mut text, &first);
        while text.len() < CHUNK_BYTES
            && let Some(observed) = self.stream.ready()
        {
            write(&mut text, &observed);
        }
        Some(text)
    }

    fn greeting(&self) -> String {
        let (namespace, id) = (self.queue.namespace(), self.stream.position());
        let complete_from = self.stream.complete_from();
        let data = json!({ "namespace": namespace, "complete_from": complete_from });
        format!("event: connected\nid: {id}\ndata: {data}\n\n")
    }
}

/// Clients of other queues take the name from the line before the data.
fn write(text: &mut String, observed: &Observed) {
    // Writing to a string cannot fail.
    let _ = match observed {
        Observed::Event(event) => {
            write!(text, "event: {}\nid: {}\ndata: {}\n\n", event.name, event.id, event.json())
        }
        Observed::Resync(id) => {
            write!(text, "event: resync\nid: {id}\ndata: {{\"reason\":\"too_far_behind\"}}\n\n")
        }
    };
}

fn filter(pairs: &[(String, String)], headers: &HeaderMap) -> Result<EventFilter, Problem> {
    let mut filter = EventFilter::new();
    let mut since = None;
    for (name, value) in pairs {
        filter = match name.as_str() {
            "job_id" => filter.job(read(name, value)?),
            "type" => filter.kind(value),
            "queue" => filter.queue(value),
            "event" => filter.name(read(name, value)?),
            "since" if since.is_some() => {
                return Err(Problem::unreadable("since: may be given once"));
            }
            "since" => {
                since = Some(read_id(name, value)?);
                filter
            }
            _ => return Err(unknown_parameter(name)),
        };
    }
    // A browser that comes back asks with the URL it had at first; the header knows better.
    if let Some(last) = header_text(headers, "last-event-id")?.filter(|last| !last.is_empty()) {
        since = Some(read_id("last-event-id", last)?);
    }
    Ok(match since {
        Some(id) => filter.since(id),
        None => filter,
    })
}

fn read_id(name: &str, value: &str) -> Result<i64, Problem> {
    let id: Option<i64> = value.parse().ok().filter(|id| *id >= 0);
    id.ok_or_else(|| Problem::unreadable(format!("{name}: must be the id of an event")))
}

fn read<T: FromStr<Err = String>>(name: &str, value: &str) -> Result<T, Problem> {
    value.parse().map_err(|detail| Problem::unreadable(format!("{name}: {detail}")))
}
