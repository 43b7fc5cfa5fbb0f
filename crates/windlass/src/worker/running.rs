//! A worker at work, and the four steps of its stop.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::context::StopCause;
use super::engine::{Engine, InFlight};
use super::heartbeat::{Heartbeat, register};
use super::settler::{self, REPORTS_MAX};
use super::shares::shares;
use super::{Worker, fetcher, guard};
use crate::queue::Queue;
use crate::runtime::Tasks;
use crate::store::{NewWorker, WorkerKey};
use crate::{Error, upkeep};

/// How long handlers may take to heed the cancellation at the end of a stop.
const CANCEL_GRACE: Duration = Duration::from_secs(5);

impl<S: Send + Sync + 'static> Worker<S> {
    /// Registers the worker and starts its tasks.
    ///
    /// # Errors
    /// [`Error::Invalid`] for two handlers of one kind, none at all, or an option out of range;
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn start(self) -> Result<RunningWorker, Error> {
        self.check()?;
        guard::install_hook();
        let Self { queue, state, registry, observers, settings } = self;
        let namespace = (!settings.all_namespaces).then(|| queue.namespace().to_owned());
        let worker = NewWorker {
            name: settings.name.clone(),
            nonce: 0,
            namespace: namespace.clone(),
            queues: settings.queues.clone(),
            kinds: registry.handlers.keys().cloned().collect(),
            slots: settings.concurrency,
            lease: settings.lease,
        };
        let store = Arc::clone(queue.store());
        let cancelling = store.signals().cancelling.listen();
        let renewed_at = queue.clock().now();
        let identity = register(&store, &worker).await?;
        let shares = shares(&settings, &registry, namespace.as_deref());
        let (reports, outcomes) = mpsc::channel(REPORTS_MAX);
        let seed = match settings.seed {
            Some(seed) => seed,
            None => crate::core::random_i64()?.unsigned_abs(),
        };
        let quiet = CancellationToken::new();
        let in_flight = Arc::new(InFlight::default());
        let identity = watch::Sender::new(identity);
        let identities = identity.subscribe();
        let engine = Arc::new(Engine {
            queue: queue.clone(),
            state,
            registry,
            observers,
            in_flight: Arc::clone(&in_flight),
            identity,
            quiet: quiet.clone(),
            reports,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
        });
        let tasks = Parts::default();
        for share in shares {
            let run = fetcher::run(Arc::clone(&engine), share, tasks.attempts.clone());
            tasks.fetchers.spawn(run);
        }
        let stop = tasks.settler.stop_token().clone();
        tasks.settler.spawn(settler::run(Arc::clone(&engine), outcomes, stop));
        let beat = Heartbeat { engine, worker, renewed_at, cancelling };
        tasks.heartbeat.spawn(beat.run(tasks.heartbeat.stop_token().clone()));
        upkeep::start(&queue, &tasks.upkeep, settings.sweep);
        Ok(RunningWorker { queue, in_flight, identities, quiet, tasks, grace: settings.grace })
    }
}

/// The tasks of a worker, in the order in which they stop.
#[derive(Debug, Default)]
struct Parts {
    fetchers: Tasks,
    attempts: Tasks,
    settler: Tasks,
    heartbeat: Tasks,
    upkeep: Tasks,
}

/// A worker at work. Dropping it leaves it running until the process ends; its leases then expire.
#[derive(Debug)]
#[must_use = "keep it, and stop it at the end"]
pub struct RunningWorker {
    queue: Queue,
    in_flight: Arc<InFlight>,
    identities: watch::Receiver<WorkerKey>,
    quiet: CancellationToken,
    tasks: Parts,
    grace: Duration,
}

impl RunningWorker {
    /// Stops in four steps: no more claims; wait for running handlers up to the grace time; cancel
    /// their contexts; give back what is left. Nothing given back counts as an attempt.
    pub async fn stop(self) {
        self.stop_or(std::future::pending::<()>()).await;
    }

    /// The same, until `hurry` ends: then the running handlers are cancelled and their jobs given
    /// back at once. For a second signal that means now.
    pub async fn stop_or<F: Future>(self, hurry: F) {
        self.be_quiet().await;
        let orderly = async {
            self.drain(self.grace).await;
            self.cancel(CANCEL_GRACE).await;
        };
        tokio::select! {
            biased;
            _ = hurry => self.cancel(Duration::ZERO).await,
            () = orderly => {}
        }
        self.leave().await;
    }

    /// Stops now: cancels the running handlers and gives their jobs back.
    pub async fn stop_now(self) {
        self.stop_or(std::future::ready(())).await;
    }

    async fn be_quiet(&self) {
        self.quiet.cancel();
        self.tasks.fetchers.stop().await;
    }

    async fn drain(&self, at_most: Duration) {
        let clock = self.queue.clock();
        tokio::select! {
            biased;
            () = self.tasks.attempts.stop() => {}
            () = clock.sleep(at_most) => {
                let left = self.in_flight.all().len();
                tracing::warn!(left, "handlers still run at the end of the grace time");
            }
        }
    }

    async fn cancel(&self, grace: Duration) {
        self.in_flight.stop_all(StopCause::Shutdown, None);
        self.drain(grace).await;
    }

    /// Writes what was reported, and gives back the rest.
    async fn leave(&self) {
        self.tasks.settler.stop().await;
        self.tasks.heartbeat.stop().await;
        self.tasks.upkeep.stop().await;
        let worker = self.identities.borrow().clone();
        match self.queue.store().leave(&worker).await {
            Ok(released) => tracing::info!(worker = %worker.name, released, "worker stopped"),
            Err(error) => tracing::warn!(%error, "leases not released: they will expire"),
        }
    }
}
