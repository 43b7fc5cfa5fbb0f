//! What all requests share.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio_util::sync::CancellationToken;
use windlass::remote::RemoteWorkers;
use windlass::{Clock, Queue, Timestamp};

use crate::auth::{KeyRing, Meter, Proxies, Refusals};
use crate::dashboard::Dashboard;
use crate::edge::HostRule;
use crate::metrics::HttpLabels;
use crate::observer::Observer;
use crate::problem::Problem;
use crate::scale::Samples;
use crate::traces::Traces;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) queue: Door,
    /// Made with the first worker that speaks HTTP.
    pub(crate) remote: OnceLock<RemoteWorkers>,
    pub(crate) observer: Observer,
    pub(crate) hosts: HostRule,
    pub(crate) keys: KeyRing,
    pub(crate) refusals: Refusals,
    pub(crate) meter: Meter,
    pub(crate) proxies: Proxies,
    pub(crate) dashboard: Dashboard,
    /// For a body, and another second for every 8 KiB of it.
    pub(crate) body_limit: Duration,
    pub(crate) version: String,
    /// The label `service` of every metric.
    pub(crate) service: Option<String>,
    /// Told of each job that is stored.
    pub(crate) traces: Option<Traces>,
    pub(crate) started: Instant,
    pub(crate) samples: Samples,
    pub(crate) requests: Family<HttpLabels, Counter>,
    /// Says how many lines of its log this process has dropped.
    pub(crate) log_dropped: fn() -> u64,
    /// Jobs that a list looks at where no index answers it, and for how long.
    pub(crate) looks: (usize, Duration),
    /// Trips when the process is about to stop: nobody should send it anything new.
    pub(crate) leaving: CancellationToken,
    /// Trips when the server is to stop: waits end early then.
    pub(crate) stop: CancellationToken,
}

pub(crate) type Shared = Arc<App>;

/// Where the queue appears once its database is open.
pub(crate) type Door = Arc<OnceLock<Queue>>;

impl App {
    /// The queue, or why there is none yet.
    pub(crate) fn queue(&self) -> Result<&Queue, Problem> {
        let opened = self.queue.get();
        opened.ok_or_else(|| Problem::unavailable("the database is not open yet; try again"))
    }

    /// What serves remote workers.
    pub(crate) fn remote(&self) -> Result<&RemoteWorkers, Problem> {
        let queue = self.queue()?;
        Ok(self.remote.get_or_init(|| RemoteWorkers::new(queue)))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.queue.get().map_or_else(|| Clock::system().now(), |queue| queue.clock().now())
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}
