//! The server: options, and serving until it is told to stop.

use std::future::IntoFuture as _;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::serve::ListenerExt as _;
use prometheus_client::metrics::family::Family;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use windlass::Queue;

use crate::app::{App, Door};
use crate::edge::HostRule;
use crate::observer::Observer;
use crate::router::routes;

/// Longest time a stop waits for connections that are in the middle of a request.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// The HTTP API over one queue.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use tokio_util::sync::CancellationToken;
///
/// let queue = windlass::Queue::open("sqlite:windlass.db").await?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// windlass_server::Server::new(queue).serve(listener, CancellationToken::new()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is served until `serve` is awaited"]
pub struct Server {
    queue: Door,
    observer: Observer,
    hosts: Vec<String>,
    version: String,
    service: Option<String>,
}

impl Server {
    /// A server over `queue`, whose namespace holds for requests that name none.
    pub fn new(queue: Queue) -> Self {
        let (server, opening) = Self::opening();
        opening.opened(queue);
        server
    }

    /// A server whose database is still being opened: until [`Opening::opened`], `/live` answers,
    /// `/ready` and `/health` say 503 and what is missing, and everything else says 503.
    pub fn opening() -> (Self, Opening) {
        let queue = Door::default();
        let server = Self {
            queue: Door::clone(&queue),
            observer: Observer::new(),
            hosts: Vec::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            service: None,
        };
        (server, Opening(queue))
    }

    /// Reports what this observer saw. Pass a clone's [`observe`](Observer::observe) to the workers.
    pub fn observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Also answers requests for these host names. A server on a loopback address answers only for
    /// localhost and these, so that no web page reaches it under a name of its own.
    pub fn hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// The version to report (default: this crate's).
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// A name to tell the metrics of this service from those of others (label `service`; default: none).
    pub fn service(mut self, name: Option<String>) -> Self {
        self.service = name;
        self
    }

    /// Serves until `stop` trips, then ends waits early, finishes what is under way and returns,
    /// after at most 5 s.
    ///
    /// # Errors
    /// When the listener has no address; errors of single connections end only these.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let is_loopback = listener.local_addr()?.ip().is_loopback();
        let router = self.routes(is_loopback, stop.clone());
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection does not take TCP_NODELAY");
            }
        });
        let served =
            axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::select! {
            result = served.into_future() => result,
            () = drain_ended(&stop) => Ok(()),
        }
    }

    /// The routes alone, as on a loopback address, for tests without a listener.
    pub fn router(self) -> Router {
        self.routes(true, CancellationToken::new())
    }

    fn routes(self, is_loopback: bool, stop: CancellationToken) -> Router {
        routes(Arc::new(App {
            hosts: HostRule::new(is_loopback, self.hosts),
            started: Instant::now(),
            queue: self.queue,
            observer: self.observer,
            version: self.version,
            service: self.service,
            samples: crate::scale::Samples::default(),
            requests: Family::default(),
            stop,
        }))
    }
}

/// Where a server waits for its database.
#[derive(Debug)]
pub struct Opening(Door);

impl Opening {
    /// From here on the server serves `queue`, whose namespace holds for requests that name none.
    pub fn opened(self, queue: Queue) {
        // Only this can fill it, and is gone then.
        drop(self.0.set(queue));
    }
}

/// A client that never finishes its request must not keep the process from ending.
async fn drain_ended(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(DRAIN_MAX).await;
}
