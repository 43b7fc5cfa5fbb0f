//! A worker at work, and the four steps of its stop.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::context::StopCause;
use super::engine::{Engine, InFlight};
use super::fetcher::Share;
use super::heartbeat::{Heartbeat, register};
use super::registry::Registry;
use super::settler::{self, Desk, Done, REPORTS_MAX};
use super::shares::shares;
use super::slot::GIVE_UP_GRACE;
use super::{Settings, Worker, dispatcher, fetcher, guard, notes};
use crate::job::WorkerId;
use crate::queue::Queue;
use crate::runtime::{Tasks, tasks::at_most};
use crate::store::{Declared, NewWorker, WorkerKey};
use crate::{Error, upkeep};

/// How often a worker looks for jobs by itself: where something looks for all of them, and elsewhere.
const POLL: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1));

/// How long each step of the farewell may take; without it leases expire instead.
const LEAVE_STEP: Duration = Duration::from_secs(4);

impl<S: Send + Sync + 'static> Worker<S> {
    /// Registers the worker and starts its tasks.
    ///
    /// # Errors
    /// [`Error::Invalid`] for two handlers of one kind, none at all, or an option out of range;
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn start(self) -> Result<RunningWorker, Error> {
        let Assembled { engine, worker, outcomes, schedules, settings } = self.assemble().await?;
        let queue = engine.queue.clone();
        let default = if queue.store().is_watched() { POLL.0 } else { POLL.1 };
        let poll = settings.poll.unwrap_or(default);
        let shares = shares(&settings, &engine.registry, worker.namespace.as_deref(), poll);
        let identities = engine.identity.subscribe();
        let (quiet, abort) = (engine.quiet.clone(), engine.abort.clone());
        let terminate = engine.terminate.clone();
        let in_flight = Arc::clone(&engine.in_flight);
        let tasks = Parts::default();
        for share in shares {
            start_share(&engine, &tasks, share);
        }
        start_loops(&engine, &tasks, worker, outcomes);
        upkeep::start(&queue, &tasks.upkeep, settings.sweep, &schedules);
        let grace = settings.grace;
        Ok(RunningWorker { queue, in_flight, identities, quiet, terminate, abort, tasks, grace })
    }

    /// Checks the worker, declares its schedules, registers it, and puts together what its tasks share.
    pub(super) async fn assemble(self) -> Result<Assembled<S>, Error> {
        self.check()?;
        guard::install_hook();
        let Self { queue, state, registry, hooks, schedules, settings, .. } = self;
        let schedules = Arc::new(schedules);
        for ((namespace, name), schedule) in &*schedules {
            queue.store().declare_schedule(namespace, name, schedule.clone()).await?;
        }
        let worker = NewWorker {
            name: settings.name.clone(),
            nonce: 0,
            namespace: (!settings.all_namespaces).then(|| queue.namespace().to_owned()),
            queues: all_queues(&settings, &registry),
            kinds: registry.handlers.keys().cloned().collect(),
            slots: settings.concurrency,
            lease: settings.lease,
            ..NewWorker::default()
        };
        let renewed_at = queue.clock().now();
        let identity = register(queue.store(), &worker).await?;
        let (reports, outcomes) = mpsc::channel(REPORTS_MAX);
        let seed = match settings.seed {
            Some(seed) => seed,
            None => crate::core::random_i64()?.unsigned_abs(),
        };
        let engine = Arc::new(Engine {
            queue,
            state,
            registry,
            hooks,
            in_flight: Arc::default(),
            identity: watch::Sender::new(identity),
            renewed_at: AtomicI64::new(renewed_at.as_micros()),
            retired: AtomicI64::new(0),
            quiet: CancellationToken::new(),
            terminate: CancellationToken::new(),
            abort: CancellationToken::new(),
            reports,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
        });
        Ok(Assembled { engine, worker, outcomes, schedules, settings })
    }
}

/// A worker that is registered, and whose tasks are not started yet.
pub(super) struct Assembled<S> {
    pub(super) engine: Arc<Engine<S>>,
    pub(super) worker: NewWorker,
    pub(super) outcomes: mpsc::Receiver<Done>,
    pub(super) schedules: Arc<Declared>,
    pub(super) settings: Settings,
}

/// What the worker says it serves: its queues and those of its handlers.
fn all_queues<S>(settings: &Settings, registry: &Registry<S>) -> Vec<String> {
    let mut queues = settings.queues.clone();
    if !queues.is_empty() {
        let own = registry.handlers.values().filter_map(|handler| handler.options.queue.clone());
        queues.extend(own);
        queues.sort_unstable();
        queues.dedup();
    }
    queues
}

/// A share has a fetcher, which is started again should it panic, and a dispatcher.
fn start_share<S: Send + Sync + 'static>(engine: &Arc<Engine<S>>, tasks: &Parts, share: Share) {
    let (jobs, claimed) = mpsc::unbounded_channel();
    let gates = Arc::clone(&share.gates);
    let dispatcher = dispatcher::run(Arc::clone(engine), gates, claimed, tasks.attempts.clone());
    tasks.fetchers.spawn(dispatcher);
    let engine = Arc::clone(engine);
    tasks.fetchers.supervise("fetcher", move |_| {
        fetcher::run(Arc::clone(&engine), share.clone(), jobs.clone())
    });
}

fn start_loops<S: Send + Sync + 'static>(
    engine: &Arc<Engine<S>>,
    tasks: &Parts,
    worker: NewWorker,
    outcomes: mpsc::Receiver<Done>,
) {
    let desk = Desk::new(outcomes);
    let of = Arc::clone(engine);
    tasks
        .settler
        .supervise("settler", move |stop| settler::run(Arc::clone(&of), Arc::clone(&desk), stop));
    let of = Arc::clone(engine);
    tasks.heartbeat.supervise("heartbeat", move |stop| {
        Heartbeat::new(Arc::clone(&of), worker.clone()).run(stop)
    });
    let of = Arc::clone(engine);
    tasks.heartbeat.supervise("notes", move |stop| notes::run(Arc::clone(&of), stop));
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
    terminate: CancellationToken,
    abort: CancellationToken,
    tasks: Parts,
    grace: Duration,
}

impl RunningWorker {
    /// The id under which the worker is registered now: a new one when it had to register anew.
    pub fn id(&self) -> WorkerId {
        WorkerId::from_i64(self.identities.borrow().id)
    }

    /// Ends when someone asks the worker to terminate ([`Queue::ask_worker`]): it claims no more then, and is to
    /// be stopped.
    pub async fn asked_to_stop(&self) {
        self.terminate.cancelled().await;
    }

    /// Stops in four steps: no more claims; wait for running handlers up to the grace time; cancel
    /// their contexts; drop what is left and give it back. Nothing given back counts as an attempt.
    pub async fn stop(self) {
        self.stop_or(std::future::pending::<()>()).await;
    }

    /// Stops now: cancels the running handlers and gives their jobs back.
    pub async fn stop_now(self) {
        self.stop_or(std::future::ready(())).await;
    }

    /// Stops as [`stop`](Self::stop) until `hurry` ends, from then on as
    /// [`stop_now`](Self::stop_now). For a second signal that means now.
    pub async fn stop_or<F: Future>(self, hurry: F) {
        self.quiet.cancel();
        let orderly = async {
            self.drain(self.grace).await;
            self.in_flight.stop(StopCause::Shutdown, |_| true);
            self.drain(GIVE_UP_GRACE).await;
        };
        tokio::select! {
            biased;
            _ = hurry => self.in_flight.stop(StopCause::Shutdown, |_| true),
            () = orderly => {}
        }
        self.abort.cancel();
        self.leave().await;
    }

    async fn drain(&self, at_most: Duration) {
        let drained = async {
            self.tasks.fetchers.stop().await;
            self.tasks.attempts.stop().await;
        };
        tokio::select! {
            biased;
            () = drained => {}
            () = self.queue.clock().sleep(at_most) => {
                let left = self.in_flight.all().len();
                tracing::warn!(left, "handlers still run");
            }
        }
    }

    /// Writes what was reported, and gives back the rest. A step that hangs (a handler that blocks
    /// its thread, a database that does not answer) does not keep the next from being tried.
    async fn leave(&self) {
        let tasks = &self.tasks;
        let steps = [
            ("fetchers", &tasks.fetchers),
            ("handlers", &tasks.attempts),
            ("settler", &tasks.settler),
            ("heartbeat", &tasks.heartbeat),
            ("upkeep", &tasks.upkeep),
        ];
        for (name, step) in steps {
            if at_most(LEAVE_STEP, step.stop()).await.is_none() {
                tracing::warn!(name, "did not stop in time");
            }
        }
        let worker = self.identities.borrow().clone();
        match at_most(LEAVE_STEP, self.queue.store().leave(&worker, None)).await {
            Some(Ok(released)) => tracing::info!(worker = %worker.name, released, "worker stopped"),
            Some(Err(error)) => tracing::warn!(%error, "leases not released: they will expire"),
            None => tracing::warn!("the database does not answer: leases will expire"),
        }
    }
}
