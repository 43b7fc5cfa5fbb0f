//! A connection that ends when the other side is too slow.
//!
//! Invariant: a timer runs while, and only while, we wait for the other side: for the head of a request, or for room to
//! write to.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::Limits;

/// Where a connection is: waiting for a head, answering, or idle.
#[derive(Debug, Default)]
pub(super) struct Phase(AtomicU8);

const HEAD: u8 = 0;
const ANSWER: u8 = 1;
const IDLE: u8 = 2;

impl Phase {
    fn is(&self, phase: u8) -> bool {
        self.0.load(Ordering::Acquire) == phase
    }

    fn set(&self, phase: u8) {
        self.0.store(phase, Ordering::Release);
    }
}

/// The answer to one request, from its head to the end of its body.
#[derive(Debug)]
pub(super) struct Turn(Arc<Phase>);

impl Turn {
    pub(super) fn begin(phase: &Arc<Phase>) -> Self {
        phase.set(ANSWER);
        Self(Arc::clone(phase))
    }

    /// The body; the turn ends with it.
    pub(super) fn until_end_of(self, body: Body) -> Body {
        Body::new(Lasting { body, _turn: self })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.set(IDLE);
    }
}

struct Lasting {
    body: Body,
    _turn: Turn,
}

impl HttpBody for Lasting {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

type Timer = Option<Pin<Box<Sleep>>>;

/// A connection with timers.
#[derive(Debug)]
pub(super) struct Paced<I> {
    io: I,
    phase: Arc<Phase>,
    head: (Duration, Timer),
    write: (Duration, Timer),
}

impl<I> Paced<I> {
    pub(super) fn new(io: I, phase: Arc<Phase>, limits: &Limits) -> Self {
        // The first head is waited for from now on, its first byte included.
        let head = (limits.head, Some(Box::pin(tokio::time::sleep(limits.head))));
        Self { io, phase, head, write: (limits.write, None) }
    }
}

/// Whether the time is up; the timer starts with the first question.
fn is_late((limit, timer): &mut (Duration, Timer), context: &mut Context<'_>) -> bool {
    let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(*limit)));
    timer.as_mut().poll(context).is_ready()
}

fn late<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other side is too slow")))
}

impl<I: AsyncRead + Unpin> AsyncRead for Paced<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if self.phase.is(IDLE) && buffer.filled().len() > before {
            self.phase.set(HEAD);
            self.head.1 = None;
        }
        if !self.phase.is(HEAD) {
            return read;
        }
        // A head that comes byte by byte is late all the same.
        match (read, is_late(&mut self.head, context)) {
            (Poll::Pending, true) => late(),
            (read, _) => read,
        }
    }
}

impl<I: AsyncWrite + Unpin> Paced<I> {
    fn written<T>(
        &mut self,
        done: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.write.1 = None;
            return done;
        }
        if is_late(&mut self.write, context) { late() } else { done }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Paced<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.io).poll_write(context, bytes);
        self.written(done, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.written(done, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.io).poll_flush(context);
        self.written(done, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.io).poll_shutdown(context);
        self.written(done, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn who_reads_nothing_is_cut_off() {
        let (near, _far) = tokio::io::duplex(8);
        let limits = Limits { write: Duration::from_millis(20), ..Limits::default() };
        let mut paced = Paced::new(near, Arc::default(), &limits);

        let failed = paced.write_all(&[0; 100]).await.unwrap_err();

        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_turn_lasts_as_long_as_its_body() {
        let phase = Arc::new(Phase::default());

        let body = Turn::begin(&phase).until_end_of(Body::from("text"));
        assert!(phase.is(ANSWER) && body.size_hint().exact() == Some(4));
        drop(body);

        assert!(phase.is(IDLE));
    }
}
