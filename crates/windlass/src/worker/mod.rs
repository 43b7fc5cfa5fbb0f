//! The worker: claims jobs, runs handlers, settles their outcomes.
//!
//! fetcher -> attempts that wait for a slot -> handler -> settler. Nothing here decides what an
//! outcome means (`core::settle` does) and nothing here talks SQL (the store does).

mod context;
mod dispatcher;
mod engine;
mod event;
mod fetcher;
mod follow_ups;
mod guard;
mod heartbeat;
mod layer;
mod log_buffer;
mod notes;
mod parents;
mod registry;
mod running;
mod settler;
mod shares;
mod slot;
mod steps;
#[cfg(feature = "testing")]
mod test_worker;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use context::Ctx;
pub use event::{Event, JobInfo};
pub use layer::{Handled, Next};
pub use parents::Parent;
pub use registry::{HandlerOptions, Undecodable};
pub use running::RunningWorker;
#[cfg(feature = "testing")]
pub use test_worker::TestWorker;

use self::engine::Hooks;
use self::registry::{Registered, Registry, erase, erase_raw};
use crate::job::{CLAIM_JOBS_MAX, DELAY_MAX, IntoOutcome, Job, JobError, LEASE_RANGE, check_name};
use crate::queue::{Queue, check_schedule};
use crate::store::Declared;
use crate::{Error, FieldError, Schedule};

/// A worker in the making: handlers and options. [`run_until`](Self::run_until) or
/// [`start`](Self::start) set it to work.
///
/// Defaults: every queue, 10 slots, 100 more jobs held ready, lease 30 s, grace 30 s.
#[must_use = "a worker does nothing until it is started"]
pub struct Worker<S> {
    queue: Queue,
    state: Arc<S>,
    registry: Registry<S>,
    hooks: Hooks,
    schedules: Declared,
    schedules_twice: Vec<String>,
    settings: Settings,
}

/// Options of a worker.
#[derive(Debug, Clone)]
struct Settings {
    name: String,
    queues: Vec<String>,
    queue_concurrency: BTreeMap<String, usize>,
    all_namespaces: bool,
    concurrency: usize,
    prefetch: usize,
    claim_batch: usize,
    aging: Option<Duration>,
    lease: Duration,
    poll: Option<Duration>,
    grace: Duration,
    sweep: Duration,
    seed: Option<u64>,
}

impl Worker<()> {
    pub(crate) fn new(queue: Queue) -> Self {
        let settings = Settings {
            name: format!("worker-{}", std::process::id()),
            queues: Vec::new(),
            queue_concurrency: BTreeMap::new(),
            all_namespaces: false,
            concurrency: 10,
            prefetch: 100,
            claim_batch: 500,
            aging: None,
            lease: Duration::from_secs(30),
            poll: None,
            grace: Duration::from_secs(30),
            sweep: Duration::from_secs(5),
            seed: None,
        };
        let (registry, hooks) = (Registry::new(), Hooks::default());
        let (schedules, schedules_twice) = (Declared::new(), Vec::new());
        let state = Arc::new(());
        Self { queue, state, registry, hooks, schedules, schedules_twice, settings }
    }

    /// The application's state, handed to every handler. Comes before the handlers.
    ///
    /// # Panics
    /// If a handler was already given: it was made for another state.
    pub fn state<S: Send + Sync + 'static>(self, state: S) -> Worker<S> {
        assert!(self.registry.is_empty(), "state(..) has to come before handle(..)");
        let Self { queue, hooks, schedules, schedules_twice, settings, .. } = self;
        let (state, registry) = (Arc::new(state), Registry::new());
        Worker { queue, state, registry, hooks, schedules, schedules_twice, settings }
    }
}

impl<S: Send + Sync + 'static> Worker<S> {
    /// Runs jobs of kind `J` with `handler`, an `async fn(J, Ctx<S>) -> Result<_, _>`.
    pub fn handle<J, F, Fut, R, E>(self, handler: F) -> Self
    where
        J: Job,
        F: Fn(J, Ctx<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoOutcome<J::Output>,
        E: Into<JobError>,
    {
        self.handle_with(handler, |options| options)
    }

    /// The same, with options for this kind in this worker.
    pub fn handle_with<J, F, Fut, R, E>(
        mut self,
        handler: F,
        options: impl FnOnce(HandlerOptions) -> HandlerOptions,
    ) -> Self
    where
        J: Job,
        F: Fn(J, Ctx<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoOutcome<J::Output>,
        E: Into<JobError>,
    {
        self.registry.add(J::KIND, erase(handler), options(HandlerOptions::default()));
        self
    }

    /// Runs jobs of the kind named `kind` with a handler that takes and returns bytes.
    pub fn handle_raw<F, Fut, E>(mut self, kind: &str, handler: F) -> Self
    where
        F: Fn(Vec<u8>, Ctx<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<u8>, E>> + Send + 'static,
        E: Into<JobError>,
    {
        self.registry.add(kind, erase_raw(handler), HandlerOptions::default());
        self
    }

    /// As [`handle_raw`](Self::handle_raw), with options for this kind in this worker.
    pub fn handle_raw_with<F, Fut, E>(
        mut self,
        kind: &str,
        handler: F,
        options: impl FnOnce(HandlerOptions) -> HandlerOptions,
    ) -> Self
    where
        F: Fn(Vec<u8>, Ctx<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<u8>, E>> + Send + 'static,
        E: Into<JobError>,
    {
        self.registry.add(kind, erase_raw(handler), options(HandlerOptions::default()));
        self
    }

    /// Runs jobs of every kind with a handler that takes and returns bytes; `ctx.info().kind` tells which it
    /// is. Such a worker can have no other handler.
    pub fn handle_any<F, Fut, E>(mut self, handler: F) -> Self
    where
        F: Fn(Vec<u8>, Ctx<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<u8>, E>> + Send + 'static,
        E: Into<JobError>,
    {
        let options = HandlerOptions::default();
        self.registry.any = Some(Registered { run: erase_raw(handler), options });
        self
    }

    /// Lets a module add its handlers.
    pub fn with(self, add: impl FnOnce(Self) -> Self) -> Self {
        add(self)
    }

    /// Calls `observer` with each event, after its commit. It must not block.
    pub fn on_event(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.hooks.observers.push(Arc::new(observer));
        self
    }

    /// Declares a schedule of the queue handle's namespace: the start of the worker makes it, or changes it
    /// to what is declared here, unless people have changed it since. A pause stays. What is no longer
    /// declared goes on until someone deletes it.
    pub fn schedule(mut self, name: impl Into<String>, schedule: Schedule) -> Self {
        let name = name.into();
        let key = (self.queue.namespace().into(), name.clone());
        if self.schedules.insert(key, schedule).is_some() {
            self.schedules_twice.push(name);
        }
        self
    }

    /// The name shown for this worker (default `worker-PID`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Serves these queues only, taking turns in this order (default: all).
    pub fn queues<Q: Into<String>>(mut self, queues: impl IntoIterator<Item = Q>) -> Self {
        self.settings.queues = queues.into_iter().map(Into::into).collect();
        self
    }

    /// Runs at most this many jobs of one queue at a time in this worker.
    pub fn queue_concurrency(mut self, queue: impl Into<String>, slots: usize) -> Self {
        self.settings.queue_concurrency.insert(queue.into(), slots);
        self
    }

    /// Serves every namespace instead of the queue handle's own.
    pub const fn all_namespaces(mut self) -> Self {
        self.settings.all_namespaces = true;
        self
    }

    /// Jobs run at a time, 1 to 10,000 (default 10).
    pub const fn concurrency(mut self, slots: usize) -> Self {
        self.settings.concurrency = slots;
        self
    }

    /// Jobs held ready beyond those that run, 0 to 10,000 (default 100). With 0, and without limits per
    /// kind or queue, a job never waits in one worker while another is idle.
    pub const fn prefetch(mut self, jobs: usize) -> Self {
        self.settings.prefetch = jobs;
        self
    }

    /// Jobs in one claim, 1 to 1000 (default 500: larger ones save little, smaller ones share better).
    pub const fn claim_batch(mut self, jobs: usize) -> Self {
        self.settings.claim_batch = jobs;
        self
    }

    /// Turns strict priorities into head starts: a job of priority p waits no longer than if it had
    /// been enqueued p times `step` later at priority 0. With it, the lowest class still moves.
    pub const fn aging(mut self, step: Duration) -> Self {
        self.settings.aging = Some(step);
        self
    }

    /// How long this process may be silent before its jobs are given to others, 1 s to 24 h
    /// (default 30 s; renewed three times as often).
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// How often to look for jobs although nothing was announced. Default: 1 s on SQLite; 60 s on the
    /// others, where one small statement looks for all workers of the process twice a second.
    pub const fn poll(mut self, every: Duration) -> Self {
        self.settings.poll = Some(every);
        self
    }

    /// How often to look for lost leases (default 5 s).
    pub const fn sweep(mut self, every: Duration) -> Self {
        self.settings.sweep = every;
        self
    }

    /// How long a stop waits for running handlers before it cancels them (default 30 s).
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// Fixes the random part of waits, for tests.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// Works until `shutdown` ends, someone asks the worker to terminate or the storage fails, then stops as [`RunningWorker::stop`].
    ///
    /// # Errors
    /// As [`start`](Self::start); [`Error::Unavailable`] when the storage failed.
    pub async fn run_until<F: Future>(self, shutdown: F) -> Result<(), Error> {
        let queue = self.queue.clone();
        let running = self.start().await?;
        let failed = tokio::select! {
            _ = shutdown => false,
            () = running.asked_to_stop() => false,
            () = queue.storage_failed() => true,
        };
        if failed {
            running.stop_now().await;
            return Err(Error::unavailable("the storage failed: see the log"));
        }
        running.stop().await;
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        let settings = &self.settings;
        let mut broken = Vec::new();
        let mut refuse = |pointer: &str, detail: String| {
            broken.push(FieldError::new(pointer, detail));
        };
        for detail in self.registry.faults() {
            refuse("/handlers", detail);
        }
        for name in &self.schedules_twice {
            refuse("/schedules", format!("has two schedules named `{name}`"));
        }
        for ((_, name), schedule) in &self.schedules {
            if let Err(Error::Invalid(wrong)) = check_schedule(name, schedule) {
                wrong.into_iter().for_each(|it| {
                    let it = it.under(&format!("/schedules/{name}"));
                    refuse(&it.pointer, it.detail);
                });
            }
        }
        let names = self.registry.handlers.keys().map(|kind| ("/handlers", kind));
        let queues = self.registry.handlers.values();
        let queues = queues.filter_map(|handler| handler.options.queue.as_ref());
        let queues = settings.queues.iter().chain(queues).map(|queue| ("/queues", queue));
        for (pointer, name) in names.chain(queues) {
            if let Err(detail) = check_name(name) {
                refuse(pointer, format!("`{name}` {detail}"));
            }
        }
        let kinds = self.registry.handlers.values();
        let kinds = kinds.filter_map(|handler| handler.options.concurrency);
        for (pointer, slots) in [("/concurrency", settings.concurrency)]
            .into_iter()
            .chain(settings.queue_concurrency.values().map(|n| ("/queue_concurrency", *n)))
            .chain(kinds.map(|n| ("/handlers/concurrency", n)))
        {
            if !(1..=10_000).contains(&slots) {
                refuse(pointer, format!("is {slots} (1 to 10000 allowed)"));
            }
        }
        for queue in settings.queue_concurrency.keys() {
            if !settings.queues.is_empty() && !settings.queues.contains(queue) {
                refuse("/queue_concurrency", format!("names queue `{queue}`, which is not served"));
            }
        }
        if let Err(detail) = check_name(&settings.name) {
            refuse("/name", detail);
        }
        let poll = settings.poll.map(|poll| ("/poll", poll));
        for (pointer, every) in poll.into_iter().chain([("/sweep", settings.sweep)]) {
            if every < Duration::from_millis(1) || every > DELAY_MAX {
                refuse(pointer, "must be between 1 ms and 366 days".to_owned());
            }
        }
        if settings.aging.is_some_and(|step| step > DELAY_MAX) {
            refuse("/aging", "is longer than 366 days".to_owned());
        }
        if settings.prefetch > 10_000 {
            refuse("/prefetch", format!("is {} (0 to 10000 allowed)", settings.prefetch));
        }
        if !(1..=CLAIM_JOBS_MAX).contains(&settings.claim_batch) {
            let batch = settings.claim_batch;
            refuse("/claim_batch", format!("is {batch} (1 to {CLAIM_JOBS_MAX} allowed)"));
        }
        if settings.lease < LEASE_RANGE.0 || settings.lease > LEASE_RANGE.1 {
            refuse("/lease", "must be between 1 s and 24 h".to_owned());
        }
        if broken.is_empty() { self.check_place() } else { Err(Error::Invalid(broken)) }
    }

    /// What a worker cannot do that speaks to a server.
    fn check_place(&self) -> Result<(), Error> {
        let settings = &self.settings;
        let is_divided = settings.queues.is_empty() && !settings.queue_concurrency.is_empty();
        let what = match () {
            () if !self.queue.store().is_remote() => return Ok(()),
            () if settings.all_namespaces => "a worker of all namespaces",
            () if settings.aging.is_some() => "aging of priorities in a worker",
            () if is_divided => "a limit of one queue in a worker of all queues",
            () if !self.schedules.is_empty() => "a declaration of schedules",
            () => return Ok(()),
        };
        Err(Error::Unsupported { what })
    }
}

impl<S> fmt::Debug for Worker<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("kinds", &self.registry.handlers.keys())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
