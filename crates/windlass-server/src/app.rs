//! What all requests share.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio_util::sync::CancellationToken;
use windlass::{Queue, Timestamp};

use crate::edge::HostRule;
use crate::metrics::HttpLabels;
use crate::observer::Observer;
use crate::scale::Samples;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) queue: Queue,
    pub(crate) observer: Observer,
    pub(crate) hosts: HostRule,
    pub(crate) version: String,
    pub(crate) started_at: Timestamp,
    pub(crate) samples: Samples,
    pub(crate) requests: Family<HttpLabels, Counter>,
    /// Trips when the server is to stop: waits end early then.
    pub(crate) stop: CancellationToken,
}

pub(crate) type Shared = Arc<App>;

impl App {
    pub(crate) fn now(&self) -> Timestamp {
        self.queue.clock().now()
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.now().since(self.started_at)
    }
}
