//! The door: accepts connections, bounds how many there are and how slow, and speaks HTTP/1.1 on them.
//!
//! Invariant: whoever connects can hold up nobody but themselves, and that for a bounded time.
//! HTTP/2 is not spoken: what it would save is nothing next to a commit, and its floods are a chapter of their own.

mod limits;
mod paced;
mod places;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::auth::{Peer, Proxies};
use crate::base_path::BasePath;
pub use limits::Limits;
use paced::{Paced, Phase, Turn};
use places::{Place, Places};
pub use tls::Tls;

/// Bytes of a request's head: 8 KiB of URI and 16 KiB of headers.
const HEAD_BYTES_MAX: usize = 24 << 10;

/// Headers of a request.
const HEADERS_MAX: usize = 100;

/// The wait after a failure to accept, which is most often too many open files: whoever ends gives some back.
const ACCEPT_WAIT: Duration = Duration::from_millis(500);

/// Longest time a stop waits for connections that are in the middle of a request.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How connections are served.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Tls>,
    pub(crate) proxies: Proxies,
    pub(crate) base_path: BasePath,
    pub(crate) stop: CancellationToken,
}

impl Entrance {
    /// Serves until the stop; then lets requests that are under way end.
    pub(crate) async fn serve(self, listener: TcpListener, router: Router) {
        let (places, entrance) = (Places::new(&self.limits), Arc::new(self));
        let mut connections = JoinSet::new();
        loop {
            let next = entrance.stop.run_until_cancelled(accept(&listener, &places));
            let Some((stream, address, room)) = next.await else { break };
            while connections.try_join_next().is_some() {}
            let is_proxy = entrance.proxies.contain(address.ip().to_canonical());
            let Some(place) = places.take(address.ip(), room, is_proxy) else {
                tracing::warn!(ip = %address.ip(), "too many connections from one address");
                continue;
            };
            let (entrance, router) = (Arc::clone(&entrance), router.clone());
            connections
                .spawn(async move { entrance.connection(stream, address, router, place).await });
        }
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        // A client that never finishes its request must not keep the process from ending.
        if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
            tracing::debug!("connections were cut off at the end");
        }
    }

    async fn connection(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        router: Router,
        _place: Place,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection does not take TCP_NODELAY");
        }
        let Some(tls) = &self.tls else {
            return self.speak(stream, address, router).await;
        };
        let greeted = tokio::time::timeout(self.limits.head, tls.accept(stream));
        match self.stop.run_until_cancelled(greeted).await {
            Some(Ok(Ok(stream))) => self.speak(stream, address, router).await,
            Some(Ok(Err(error))) => tracing::debug!(%error, "a TLS handshake failed"),
            Some(Err(_)) => tracing::debug!("a TLS handshake took too long"),
            None => {}
        }
    }

    async fn speak<I>(&self, io: I, address: SocketAddr, router: Router)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let phase = Arc::new(Phase::default());
        let (io, router) =
            (Paced::new(io, Arc::clone(&phase), &self.limits), TowerToHyperService::new(router));
        let base_path = self.base_path.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(address.ip()));
            base_path.take_from(&mut request);
            let turn = Turn::begin(&phase);
            let answer = router.call(request);
            async move {
                let Ok(response) = answer.await;
                Ok::<Response<Body>, Infallible>(response.map(|body| turn.until_end_of(body)))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.idle)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(io), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// The next connection, once there is room for one.
async fn accept(listener: &TcpListener, places: &Places) -> (TcpStream, SocketAddr, places::Room) {
    let room = places.room().await;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return (stream, address, room),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted for the moment");
                tokio::time::sleep(ACCEPT_WAIT).await;
            }
        }
    }
}

/// The client went away before it was let in.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
