//! The answer to a claim: its jobs go back unless the connection takes it.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use windlass::protocol::ClaimObject;
use windlass::remote::Handed;

use crate::problem::Problem;

/// One piece of bytes, with the jobs in it until it is taken.
struct Delivery {
    bytes: Option<Bytes>,
    jobs: Option<Handed>,
}

/// The answer that carries these jobs. It is written by the task of the connection, after the handler has ended: when
/// the client is gone by then, the body is dropped unread, and the jobs go back.
pub(crate) fn deliver(jobs: Handed) -> Response {
    let Ok(bytes) = serde_json::to_vec(&ClaimObject::from(&jobs)) else {
        return axum::response::IntoResponse::into_response(Problem::internal());
    };
    deliver_bytes(bytes, jobs)
}

/// As [`deliver`], in words of another protocol.
pub(crate) fn deliver_bytes(bytes: Vec<u8>, jobs: Handed) -> Response {
    let body = Delivery { bytes: Some(bytes.into()), jobs: Some(jobs) };
    let mut response = Response::new(Body::new(body));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

impl HttpBody for Delivery {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(jobs) = self.jobs.take() {
            jobs.received();
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("jobs", &self.jobs).finish_non_exhaustive()
    }
}
