//! Live pages: a page asked for as a stream of events is sent again whenever it looks different.
//!
//! Invariant: whoever may not see a page gets no stream of it: both are one request, told apart by `Accept`. What
//! many look at is rendered once: at most once in [`EVERY`] for all who see the same.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::convert::Infallible;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use tokio::time::Instant;

use super::Place;
use crate::app::Shared;
use crate::auth::Caller;

/// Between two frames of a page.
const EVERY: Duration = Duration::from_millis(700);

/// Frames in a row without a change, after which a client is told that the server is still there.
const QUIET_MAX: u32 = 20;

/// Pages that are remembered; beyond it those that nobody looks at are forgotten.
const PAGES_MAX: usize = 100;

/// Marks the request for the content of a page alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment;

/// The last frame of each page that somebody looks at.
#[derive(Debug, Default)]
pub(super) struct Frames(Mutex<HashMap<u64, Shown>>);

/// One page, as all see it who may see the same.
type Shown = Arc<tokio::sync::Mutex<Option<(Instant, Arc<Frame>)>>>;

#[derive(Debug)]
struct Frame {
    digest: u64,
    text: String,
}

impl Frames {
    fn of(&self, page: u64) -> Shown {
        let mut frames = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if frames.len() >= PAGES_MAX {
            frames.retain(|_, shown| Arc::strong_count(shown) > 1);
        }
        Arc::clone(frames.entry(page).or_default())
    }
}

/// One client's stream.
struct Feed {
    app: Shared,
    parts: Parts,
    next: Next,
    shown: Shown,
    /// Digest of the last frame that was sent.
    last: u64,
    /// What is sent first: the page may have changed since it was loaded.
    begin: Option<String>,
}

/// Answers a page as a stream where that is asked for.
pub(super) async fn live(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let accepted = request.headers().get(header::ACCEPT);
    let is_stream = accepted.is_some_and(|kind| kind == "text/event-stream");
    let caller = request.extensions().get::<Caller>().cloned();
    let (true, true, Some(caller)) = (is_stream, request.method() == Method::GET, caller) else {
        return next.run(request).await;
    };
    let (parts, _) = request.into_parts();
    let place = Place::of(&app, &parts.extensions, &parts.headers);
    let shown = app.dashboard.frames.of(page_of(&parts, &caller, &place));
    let mut feed = Feed { app, parts, next, shown, last: 0, begin: None };
    // What cannot be shown is answered as it is.
    let first = match feed.frame().await {
        Ok(frame) => frame,
        Err(response) => return response,
    };
    feed.last = first.digest;
    feed.begin = Some(format!("retry: 2000\n{}", first.text));
    let body = unfold(feed, async |mut feed| {
        let text = feed.next().await?;
        Some((Ok::<_, Infallible>(text), feed))
    });
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        // nginx and others would collect events before they pass them on.
        ("x-accel-buffering", "no"),
    ];
    (headers, Body::from_stream(body)).into_response()
}

/// What tells pages apart: address, where links lead, namespace, and what of it the caller sees.
fn page_of(parts: &Parts, caller: &Caller, place: &Place) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&parts.uri, &place.0).hash(&mut hasher);
    parts.headers.get("windlass-namespace").hash(&mut hasher);
    // Keys that are bound to queues see lists of their own.
    let own = if caller.has_queues() || caller.has_namespaces() { caller.name() } else { "" };
    (caller.role().as_str(), own).hash(&mut hasher);
    hasher.finish()
}

impl Feed {
    /// What to write next; none at the end.
    async fn next(&mut self) -> Option<String> {
        if let Some(begin) = self.begin.take() {
            return Some(begin);
        }
        for _ in 0..QUIET_MAX {
            tokio::select! {
                biased;
                () = self.app.stop.cancelled() => return None,
                () = tokio::time::sleep(EVERY) => {}
            }
            // A key that does not count any more ends what it began.
            self.app.keys.identify(&self.app, &self.parts).await.ok()?;
            let frame = self.frame().await.ok()?;
            if frame.digest != self.last {
                self.last = frame.digest;
                return Some(frame.text.clone());
            }
        }
        Some(": nothing new\n\n".to_owned())
    }

    /// The page as it is now, or was a moment ago for somebody else.
    async fn frame(&mut self) -> Result<Arc<Frame>, Response> {
        let mut shown = self.shown.lock().await;
        if let Some((at, frame)) = shown.as_ref()
            && at.elapsed() < EVERY * 9 / 10
        {
            return Ok(Arc::clone(frame));
        }
        let mut request = Request::from_parts(self.parts.clone(), Body::empty());
        request.extensions_mut().insert(Fragment);
        let response = self.next.clone().run(request).await;
        if !response.status().is_success() {
            return Err(response);
        }
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
        let frame = Arc::new(Frame::new(&String::from_utf8_lossy(&bytes)));
        *shown = Some((Instant::now(), Arc::clone(&frame)));
        Ok(frame)
    }
}

impl Frame {
    fn new(html: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        let mut text = String::with_capacity(html.len() + 64);
        text.push_str("event: frame\n");
        // A carriage return ends a line of a stream as well, and texts of users may hold one.
        for line in html.split(['\n', '\r']) {
            text.push_str("data: ");
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
        Self { digest: hasher.finish(), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_event_whatever_is_in_it() {
        let frame = Frame::new("<p>a</p>\n\n<pre>data: x\revent: y</pre>");

        let text =
            "event: frame\ndata: <p>a</p>\ndata: \ndata: <pre>data: x\ndata: event: y</pre>\n\n";
        assert_eq!(frame.text, text);
    }

    #[test]
    fn pages_that_nobody_looks_at_are_forgotten() {
        let frames = Frames::default();
        let watched = frames.of(0);

        (1..=2 * PAGES_MAX as u64).for_each(|page| drop(frames.of(page)));

        assert!(frames.0.lock().unwrap().len() <= PAGES_MAX);
        assert!(Arc::ptr_eq(&watched, &frames.of(0)));
    }
}
