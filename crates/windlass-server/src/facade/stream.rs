//! The stream of ticks, as pgqueue's clients read it: `event: ticker`, and `event: ping` when all is quiet.
//!
//! Every client sees every tick of its namespace that comes while it listens. A stream looks once a second at the
//! schedules, so ticks that came together are one: the last.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse as _;
use futures_util::stream::unfold;
use tokio_util::sync::CancellationToken;
use windlass::{Error, Queue, ScheduleRecord, Timestamp};

use super::Span;
use super::tickers::{TickerObject, all};
use crate::app::Shared;
use crate::auth::{Caller, Standing};
use crate::request::{Namespaced, Pairs};
use crate::routes::Answer;

/// Between two looks. Tickers tick once a second at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Between two pings on a stream that is quiet.
const PING_EVERY: Duration = Duration::from_secs(10);

const PING: &str = "event: ping\n\n";

pub(crate) async fn stream(
    State(app): State<Shared>,
    (caller, Namespaced(queue)): (Caller, Namespaced),
    pairs: Pairs,
) -> Answer {
    Span::only(&pairs)?;
    stream_of(&app, &caller, queue).await
}

pub(super) async fn stream_of(app: &Shared, caller: &Caller, queue: Queue) -> Answer {
    let known = ticks(&all(&queue).await?);
    let said_at = queue.clock().now();
    let feed = Feed {
        known,
        said_at,
        waiting: VecDeque::from([PING.to_owned()]),
        shows_payloads: caller.role().sees_payloads(),
        stop: app.stop.clone(),
        standing: Standing::new(app, caller),
        queue,
    };
    let body = unfold(feed, async |mut feed| {
        let text = feed.next().await?;
        Some((Ok::<_, Infallible>(text), feed))
    });
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-cache"),
        ("x-accel-buffering", "no"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// The last tick of each ticker that has had one.
fn ticks(tickers: &[ScheduleRecord]) -> BTreeMap<String, Timestamp> {
    let last = |it: &ScheduleRecord| Some((it.name.clone(), it.last_tick?));
    tickers.iter().filter_map(last).collect()
}

/// One client's stream.
struct Feed {
    queue: Queue,
    stop: CancellationToken,
    standing: Standing,
    known: BTreeMap<String, Timestamp>,
    waiting: VecDeque<String>,
    said_at: Timestamp,
    shows_payloads: bool,
}

impl Feed {
    /// What to write next; none at the end.
    async fn next(&mut self) -> Option<String> {
        let clock = self.queue.clock().clone();
        loop {
            if let Some(text) = self.waiting.pop_front() {
                self.said_at = clock.now();
                return Some(text);
            }
            let slept = clock.sleep(LOOK_EVERY);
            self.stop.run_until_cancelled(slept).await?;
            if self.standing.is_over().await {
                return None;
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "a stream of ticks ends");
                return None;
            }
            if self.waiting.is_empty() && clock.now().since(self.said_at) >= PING_EVERY {
                self.waiting.push_back(PING.to_owned());
            }
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let tickers = all(&self.queue).await?;
        for ticker in &tickers {
            let is_new = ticker.last_tick > self.known.get(&ticker.name).copied();
            let object = TickerObject::of(ticker).filter(|_| is_new);
            let Some(mut object) = object else { continue };
            if !self.shows_payloads {
                object.payload = None;
            }
            let data = serde_json::to_string(&object).unwrap_or_default().replace('\n', " ");
            self.waiting.push_back(format!("event: ticker\ndata: {data}\n\n"));
        }
        self.known = ticks(&tickers);
        Ok(())
    }
}
