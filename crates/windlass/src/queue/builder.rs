//! Options of a queue before it is opened, and which store its URL means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Queue;
use crate::Error;
use crate::job::{TraceContext, check_name};
use crate::runtime::Clock;
use crate::store::{self, Store};

/// Says of which trace the caller is.
pub(super) type Tracer = Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>;

/// Options of [`Queue::open`].
#[derive(Clone)]
pub struct QueueBuilder {
    namespace: String,
    clock: Clock,
    migrate: bool,
    tracer: Option<Tracer>,
    audit_kept: Option<Duration>,
    #[cfg(feature = "remote")]
    access: store::remote::ServerAccess,
}

impl fmt::Debug for QueueBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueBuilder").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl QueueBuilder {
    pub(super) fn new() -> Self {
        Self {
            namespace: "default".to_owned(),
            clock: Clock::system(),
            migrate: true,
            tracer: None,
            audit_kept: None,
            #[cfg(feature = "remote")]
            access: store::remote::ServerAccess::default(),
        }
    }

    /// Works in this namespace (default `default`). It must exist when it is first used.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Takes the time from this clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Whether opening may create and change tables (default true). Otherwise a database that lacks
    /// something is refused; see [`schema`](crate::schema).
    #[must_use]
    pub const fn migrate(mut self, migrate: bool) -> Self {
        self.migrate = migrate;
        self
    }

    /// Makes every job that says nothing else part of the trace that `current` returns: it is asked in
    /// the task of each enqueue, and may ask the tracing library for the current span (default: none).
    #[must_use]
    pub fn trace_from(
        mut self,
        current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        self.tracer = Some(Arc::new(current));
        self
    }

    /// Lets the upkeep of this process delete lines of the audit that are older (default: it deletes none). Of several
    /// processes on one database the shortest holds; `windlass serve` says 365 days unless told otherwise.
    #[must_use]
    pub const fn audit_retention(mut self, kept: Duration) -> Self {
        self.audit_kept = Some(kept);
        self
    }

    /// Shows this API key to the server (default: none).
    #[cfg(feature = "remote")]
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.access.api_key = Some(key.into());
        self
    }

    /// Lets the certificates in this file (PEM) vouch for the server, beside those that this machine trusts.
    #[cfg(feature = "remote")]
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<std::path::PathBuf>) -> Self {
        self.access.ca_file = Some(file.into());
        self
    }

    /// Opens the database.
    ///
    /// # Errors
    /// As [`Queue::open`].
    pub async fn open(self, url: &str) -> Result<Queue, Error> {
        check_name(&self.namespace).map_err(|detail| Error::invalid("/namespace", detail))?;
        let store = self.store(url).await?;
        let (namespace, health) = (self.namespace.into(), Arc::default());
        let Self { tracer, audit_kept, .. } = self;
        Ok(Queue { store, namespace, health, tracer, audit_kept, feed: Arc::default() })
    }

    async fn store(&self, url: &str) -> Result<Arc<dyn Store>, Error> {
        #[cfg(feature = "remote")]
        if store::is_server(url) {
            let store = store::remote::RemoteStore::open(url, &self.access, self.clock.clone())?;
            return Ok(Arc::new(store));
        }
        store::open(url, self.clock.clone(), self.migrate).await
    }
}
