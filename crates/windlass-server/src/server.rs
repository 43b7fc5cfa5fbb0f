//! The server: options, and serving until it is told to stop.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use prometheus_client::metrics::family::Family;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use windlass::Queue;

use crate::app::{App, Door, Shared};
use crate::auth::{KeyRing, Meter, Network, Proxies, Rates};
use crate::base_path::BasePath;
use crate::dashboard::Dashboard;
use crate::edge::HostRule;
use crate::listen::{self, Limits, Tls};
use crate::observer::Observer;
use crate::router::routes;
use crate::traces::Traces;

/// How long a stop waits until jobs are given back that were claimed and not received.
const GIVE_BACK_MAX: Duration = Duration::from_secs(5);

/// Jobs that a list looks at where no index answers it, and for how long.
const LOOKS: (usize, Duration) = (100_000, Duration::from_millis(250));

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
    looks: (usize, Duration),
    service: Option<String>,
    traces: Option<Traces>,
    limits: Limits,
    tls: Option<Tls>,
    proxies: Proxies,
    keys_needed: Option<bool>,
    rates: Rates,
    /// Lines of its log that this process has dropped.
    log_dropped: fn() -> u64,
    /// Where the dashboard is mounted in another program.
    mount: String,
    base_path: BasePath,
    leaving: CancellationToken,
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
            looks: LOOKS,
            service: None,
            traces: None,
            limits: Limits::default(),
            tls: None,
            proxies: Proxies::default(),
            keys_needed: None,
            rates: Rates::default(),
            log_dropped: || 0,
            mount: String::new(),
            base_path: BasePath::default(),
            leaving: CancellationToken::new(),
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

    /// Ends a page of jobs early when so many were looked at, or for so long, where no index answers what
    /// was asked (default 100,000 jobs and 250 ms).
    pub const fn look_at_most(mut self, jobs: usize, span: Duration) -> Self {
        self.looks = (jobs, span);
        self
    }

    /// A name to tell the metrics of this service from those of others (label `service`; default: none).
    pub fn service(mut self, name: Option<String>) -> Self {
        self.service = name;
        self
    }

    /// Tells of each job that is stored as a span. Pass a clone's [`around`](Traces::around) to the workers.
    pub fn traces(mut self, traces: Option<Traces>) -> Self {
        self.traces = traces;
        self
    }

    /// Bounds of connections (default: [`Limits::default`]).
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Says at `/ready` that the server is stopping, once this token is cancelled: cancel it before jobs are
    /// waited for, so that whoever spreads the load looks elsewhere by then.
    pub fn leaving(mut self, leaving: CancellationToken) -> Self {
        self.leaving = leaving;
        self
    }

    /// Speaks TLS on every connection.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Believes what proxies in these networks say in `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Prefix`.
    pub fn proxies(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.proxies = Proxies(networks.into_iter().collect());
        self
    }

    /// Shows the server below this path, as a proxy in front of it does: the links of the dashboard begin with it, and
    /// requests may (default: the root). A proxy that is believed may say another one in `X-Forwarded-Prefix`.
    pub fn base_path(mut self, path: BasePath) -> Self {
        self.base_path = path;
        self
    }

    /// Whether requests need an API key although there is none yet. Default: on an address that other machines reach,
    /// and behind proxies. Once there is a key, requests need one everywhere.
    pub const fn keys_needed(mut self, always: bool) -> Self {
        self.keys_needed = Some(always);
        self
    }

    /// How often somebody may ask (default: as often as they like).
    pub const fn rates(mut self, rates: Rates) -> Self {
        self.rates = rates;
        self
    }

    /// Reports how many lines of its log this process has dropped so far (default: none).
    pub const fn log_dropped(mut self, count: fn() -> u64) -> Self {
        self.log_dropped = count;
        self
    }

    /// Serves until `stop` trips, then ends waits early, finishes what is under way and returns,
    /// after at most 5 s.
    ///
    /// # Errors
    /// When the listener has no address; errors of single connections end only these.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let is_loopback = listener.local_addr()?.ip().is_loopback();
        let entrance = listen::Entrance {
            limits: self.limits.clone(),
            tls: self.tls.clone(),
            proxies: self.proxies.clone(),
            base_path: self.base_path.clone(),
            stop: stop.clone(),
        };
        let app = self.app(is_loopback, stop);
        entrance.serve(listener, routes(Arc::clone(&app))).await;
        if let Some(remote) = app.remote.get()
            && tokio::time::timeout(GIVE_BACK_MAX, remote.stop()).await.is_err()
        {
            tracing::warn!(
                "jobs that nobody received are not given back: their leases will expire"
            );
        }
        Ok(())
    }

    /// The routes alone, as on a loopback address, for tests without a listener.
    pub fn router(self) -> Router {
        routes(self.app(true, CancellationToken::new()))
    }

    /// What the requests of a dashboard inside another program share.
    pub(crate) fn mounted(mut self, base: &str) -> Shared {
        // Whoever reaches that program is not known to be somebody on this machine.
        self.keys_needed = Some(self.keys_needed.unwrap_or(true));
        self.mount = base.trim_end_matches('/').to_owned();
        let is_named = !self.hosts.is_empty() || self.keys_needed == Some(false);
        self.app(is_named, CancellationToken::new())
    }

    fn app(self, is_loopback: bool, stop: CancellationToken) -> Shared {
        let is_reached = !is_loopback || !self.proxies.0.is_empty();
        Arc::new(App {
            hosts: HostRule::new(is_loopback, self.hosts),
            keys: KeyRing::new(self.keys_needed.unwrap_or(is_reached)),
            refusals: crate::auth::Refusals::default(),
            meter: Meter::new(self.rates),
            proxies: self.proxies,
            dashboard: Dashboard::new(self.mount, self.base_path, self.tls.is_some()),
            body_limit: self.limits.body,
            started: Instant::now(),
            queue: self.queue,
            remote: std::sync::OnceLock::new(),
            observer: self.observer,
            version: self.version,
            service: self.service,
            traces: self.traces,
            samples: crate::scale::Samples::default(),
            requests: Family::default(),
            log_dropped: self.log_dropped,
            looks: self.looks,
            leaving: self.leaving,
            stop,
        })
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
