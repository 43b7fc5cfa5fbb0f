//! The steps of a random sequence, each done to the store and to the model.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::reference::{
    BACKOFF, End, KEYS, KINDS, LEASE, MAX_ATTEMPTS, MAX_CRASHES, MOST, RETENTION, Reference, Wanted,
};
use super::ticking::PLANS;
use crate::core::{State, settle};
use crate::job::{
    Backoff, Dependency, Ending, Failure, FailureClass, JobId, Keep, Limit, NewJob, PauseOptions,
    PauseScope, Priority, QueueSettings, Retention, Unique,
};
use crate::runtime::Clock;
use crate::store::{
    Claimed, Claims, Expected, NewWorker, RetryOptions, Served, Settled, Store, WorkerKey,
};

/// A job to enqueue; times in seconds from now.
#[derive(Debug, Clone)]
pub(super) struct Enqueue {
    kind: usize,
    priority: i64,
    delay: u64,
    start_by: Option<u64>,
    /// A unique key, and whether it supersedes.
    unique: Option<(usize, bool)>,
    key: Option<usize>,
    /// Jobs, and whether any end will do.
    parents: Vec<(usize, bool)>,
}

/// One step; numbers choose among what there is.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Enqueue(Enqueue),
    Register,
    Claim {
        worker: usize,
        limit: usize,
    },
    Settle {
        held: usize,
        end: End,
    },
    /// Settles again what was settled or lost before: must change nothing.
    SettleStale {
        old: usize,
        end: End,
    },
    Heartbeat {
        worker: usize,
    },
    Leave {
        worker: usize,
    },
    Advance {
        seconds: u64,
    },
    Promote,
    Resolve,
    Admit,
    Rescue,
    Expire,
    Prune,
    /// Pauses a kind for so many seconds, or none: it goes on.
    Pause {
        kind: usize,
        seconds: Option<u64>,
    },
    /// Ticks whose time has come become jobs.
    Fire,
    Trigger {
        schedule: usize,
    },
    /// Pauses a schedule for so many seconds or without an end, or none: it goes on.
    PauseSchedule {
        schedule: usize,
        seconds: Option<Option<u64>>,
    },
    Cancel {
        job: usize,
        force: bool,
    },
    Retry {
        job: usize,
        reset: bool,
    },
    Delete {
        job: usize,
        force: bool,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let some = 0..1000usize;
    prop_oneof![
        8 => enqueue().prop_map(Step::Enqueue),
        1 => Just(Step::Register),
        6 => (some.clone(), 1..4usize).prop_map(|(worker, limit)| Step::Claim { worker, limit }),
        8 => (some.clone(), end()).prop_map(|(held, end)| Step::Settle { held, end }),
        3 => (some.clone(), end()).prop_map(|(old, end)| Step::SettleStale { old, end }),
        2 => some.clone().prop_map(|worker| Step::Heartbeat { worker }),
        1 => some.clone().prop_map(|worker| Step::Leave { worker }),
        4 => (1..40u64).prop_map(|seconds| Step::Advance { seconds }),
        3 => Just(Step::Promote),
        3 => Just(Step::Resolve),
        4 => Just(Step::Admit),
        3 => Just(Step::Rescue),
        2 => Just(Step::Expire),
        2 => Just(Step::Prune),
        2 => (0..2usize, prop::option::of(1..60u64)).prop_map(|(kind, seconds)| Step::Pause { kind, seconds }),
        4 => Just(Step::Fire),
        1 => (0..PLANS.len()).prop_map(|schedule| Step::Trigger { schedule }),
        1 => pause_schedule(),
        2 => (some.clone(), any::<bool>()).prop_map(|(job, force)| Step::Cancel { job, force }),
        2 => (some.clone(), any::<bool>()).prop_map(|(job, reset)| Step::Retry { job, reset }),
        1 => (some, any::<bool>()).prop_map(|(job, force)| Step::Delete { job, force }),
    ]
}

fn pause_schedule() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![Just(None), prop::option::of(1..60u64).prop_map(Some),];
    (0..PLANS.len(), seconds)
        .prop_map(|(schedule, seconds)| Step::PauseSchedule { schedule, seconds })
}

fn enqueue() -> impl Strategy<Value = Enqueue> {
    let what = (0..KINDS.len(), 0..3i64);
    let delay = prop_oneof![3 => Just(0u64), 1 => 1..40u64];
    let start_by = prop::option::weighted(0.2, 1..60u64);
    let unique = prop::option::weighted(0.2, (0..2usize, any::<bool>()));
    let key = prop::option::weighted(0.3, 0..KEYS.len());
    let parents = prop_oneof![
        4 => Just(Vec::new()),
        1 => prop::collection::vec((0..1000usize, any::<bool>()), 1..3),
    ];
    (what, delay, start_by, unique, key, parents).prop_map(
        |((kind, priority), delay, start_by, unique, key, parents)| Enqueue {
            kind,
            priority,
            delay,
            start_by,
            unique,
            key,
            parents,
        },
    )
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => Just(End::Complete),
        4 => Just(End::Fail),
        1 => Just(End::FailForGood),
        2 => (1..30u64).prop_map(|seconds| End::Snooze(Duration::from_secs(seconds))),
        2 => Just(End::Release),
        1 => Just(End::Cancel),
    ]
}

/// Does the steps to a store, holding what a worker process would hold.
pub(super) struct Player {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    pub(super) namespace: Arc<str>,
    workers: Vec<WorkerKey>,
    held: Vec<(usize, Claimed)>,
    old: Vec<(usize, Claimed)>,
}

impl Player {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        let namespace = "default".into();
        let (workers, held, old) = (Vec::new(), Vec::new(), Vec::new());
        Self { store, clock, namespace, workers, held, old }
    }

    pub(super) async fn play(&mut self, model: &mut Reference, step: &Step) {
        match step {
            Step::Enqueue(enqueue) => self.enqueue(model, enqueue).await,
            Step::Register => self.register(model).await,
            Step::Claim { worker, limit } => self.claim(model, *worker, *limit).await,
            Step::Settle { held, end } => self.settle(model, *held, *end).await,
            Step::SettleStale { old, end } => self.settle_stale(*old, *end).await,
            Step::Heartbeat { worker } => self.heartbeat(model, *worker).await,
            Step::Leave { worker } => self.leave(model, *worker).await,
            Step::Advance { seconds } => {
                self.clock.advance(Duration::from_secs(*seconds));
                model.now = self.clock.now();
            }
            Step::Promote => {
                self.store.promote(1000).await.unwrap();
                model.promote();
            }
            Step::Resolve => {
                self.store.resolve(Vec::new(), i64::MIN, 1000).await.unwrap();
                model.resolve();
            }
            Step::Admit => {
                self.store.readmit().await.unwrap();
                model.admit();
            }
            Step::Rescue => {
                self.store.rescue(1000).await.unwrap();
                model.rescue();
                self.forget_lost(model);
            }
            Step::Expire => {
                self.store.expire(1000).await.unwrap();
                model.expire();
            }
            Step::Prune => self.prune(model).await,
            Step::Pause { kind, seconds } => self.pause(model, *kind, *seconds).await,
            Step::Fire => self.fire(model).await,
            Step::Trigger { schedule } => self.trigger(model, *schedule).await,
            Step::PauseSchedule { schedule, seconds } => {
                self.pause_schedule(model, *schedule, *seconds).await;
            }
            Step::Cancel { .. } | Step::Retry { .. } | Step::Delete { .. } => {
                self.by_hand(model, step).await;
            }
        }
        model.note_ends();
    }

    /// What has ended is kept for as long as the model says; keys have their limit, and there are schedules.
    pub(super) async fn configure(&self) {
        let keep = Some(Keep::For(RETENTION));
        let retention =
            Retention { completed: keep, failed: keep, dead_letter: keep, cancelled: keep };
        let settings = QueueSettings { retention, ..QueueSettings::default() };
        let made = self.store.put_queue(&self.namespace, "default", settings, Expected::New);
        made.await.unwrap();
        let limit = Limit::concurrency(u32::try_from(MOST).unwrap());
        self.store.put_limit(&self.namespace, "k", limit, None).await.unwrap();
        self.make_schedules().await;
    }

    async fn prune(&mut self, model: &mut Reference) {
        let mut deleted = 0;
        for state in State::ALL.into_iter().filter(|state| state.is_terminal()) {
            deleted += self.store.prune(state, 0, 1000, false).await.unwrap().deleted;
        }
        assert_eq!(deleted, model.prune(), "pruned");
        self.forget_lost(model);
    }

    async fn pause(&self, model: &mut Reference, kind: usize, seconds: Option<u64>) {
        let until = seconds.map(|span| self.clock.now() + Duration::from_secs(span));
        let scope = PauseScope::Kind(KINDS[kind].to_owned());
        let options = until.map(|until| PauseOptions { until: Some(until), ..Default::default() });
        // A kind is known from its first job on.
        if self.store.change_pause(&self.namespace, scope, options).await.is_ok() {
            model.pause(kind, until);
        }
    }

    async fn enqueue(&self, model: &mut Reference, step: &Enqueue) {
        let jobs: Vec<JobId> = model.jobs().keys().copied().collect();
        let parent =
            |(job, any_end): &(usize, bool)| Some((jobs[job.checked_rem(jobs.len())?], *any_end));
        let mut parents: Vec<(JobId, bool)> = step.parents.iter().filter_map(parent).collect();
        parents.dedup_by_key(|(id, _)| *id);
        let wanted = Wanted {
            kind: step.kind,
            priority: step.priority,
            delay: Duration::from_secs(step.delay),
            start_by: step.start_by.map(|span| self.clock.now() + Duration::from_secs(span)),
            unique: step.unique,
            key: step.key,
            parents,
        };
        let stored = self.store.enqueue(&self.namespace, vec![new_job(&wanted)], false);
        let stored = stored.await.unwrap().remove(0).unwrap();
        assert_eq!(stored.id, model.enqueue(stored.id, &wanted), "unique key");
        assert_eq!(stored.existing.is_some(), jobs.contains(&stored.id), "{stored:?}");
    }

    async fn register(&mut self, model: &mut Reference) {
        let name = format!("w{}", self.workers.len());
        let worker = NewWorker {
            name: name.clone(),
            nonce: 7,
            slots: 1,
            lease: LEASE,
            ..NewWorker::default()
        };
        let id = self.store.register(worker).await.unwrap();
        self.workers.push(WorkerKey { id, nonce: 7, name: name.into() });
        model.workers.push(Some(self.clock.now() + LEASE));
    }

    async fn claim(&mut self, model: &mut Reference, worker: usize, limit: usize) {
        let Some(worker) = worker.checked_rem(self.workers.len()) else { return };
        let served = Served {
            namespace: None,
            queues: Vec::new(),
            except_queues: Vec::new(),
            kinds: Vec::new(),
            aging: None,
        };
        let claims =
            self.store.claim(&self.workers[worker], &Arc::new(served), limit, 1).await.unwrap();
        let jobs = match claims {
            Claims::Jobs { jobs, .. } => jobs,
            Claims::WorkerExpired => {
                assert!(!model.is_alive(worker), "a live worker was called expired");
                return;
            }
        };
        let ids: Vec<JobId> = jobs.iter().map(|job| job.run.job).collect();
        assert_eq!(ids, model.claim(worker, limit), "claim order");
        self.held.extend(jobs.into_iter().map(|job| (worker, job)));
    }

    async fn settle(&mut self, model: &mut Reference, held: usize, end: End) {
        let Some(index) = held.checked_rem(self.held.len()) else { return };
        let (worker, claimed) = self.held.swap_remove(index);
        let status = self.write(worker, &claimed, end).await;
        let id = claimed.run.job;
        let holds = model.jobs().get(&id).is_some_and(|job| job.holder == Some(worker));
        assert_eq!(matches!(status, Settled::Applied(_)), holds, "{status:?} for job {id}");
        if holds {
            model.settle(id, end);
        }
        self.old.push((worker, claimed));
    }

    async fn settle_stale(&mut self, old: usize, end: End) {
        let Some(index) = old.checked_rem(self.old.len()) else { return };
        let (worker, claimed) = &self.old[index];
        let status = self.write(*worker, claimed, end).await;
        assert!(!matches!(status, Settled::Applied(_)), "a stale outcome took effect");
    }

    async fn write(&self, worker: usize, claimed: &Claimed, end: End) -> Settled {
        let ending = match end {
            End::Complete => Ending::Complete { result: None },
            End::Fail => Ending::Fail(Failure::new(FailureClass::Retryable, "no")),
            End::FailForGood => Ending::Fail(Failure::new(FailureClass::Permanent, "never")),
            End::Snooze(delay) => Ending::Snooze { delay, rate_limited: false },
            End::Release => Ending::Release,
            End::Cancel => Ending::Cancel { reason: "done with".to_owned() },
        };
        let settlement = settle(&claimed.run, ending, self.clock.now(), 0.0);
        self.store.settle(&self.workers[worker], vec![settlement]).await.unwrap()[0]
    }

    async fn heartbeat(&self, model: &mut Reference, worker: usize) {
        let Some(worker) = worker.checked_rem(self.workers.len()) else { return };
        let beat = self.store.heartbeat(&self.workers[worker], Some(LEASE)).await.unwrap();
        assert_eq!(beat.alive, model.is_alive(worker), "heartbeat of worker {worker}");
        if beat.alive {
            model.workers[worker] = Some(self.clock.now() + LEASE);
        }
    }

    async fn leave(&mut self, model: &mut Reference, worker: usize) {
        let Some(worker) = worker.checked_rem(self.workers.len()) else { return };
        let released = self.store.leave(&self.workers[worker], None).await.unwrap();
        assert_eq!(released, model.held_by(worker).len(), "leave of worker {worker}");
        model.leave(worker);
        self.forget_lost(model);
    }

    async fn by_hand(&mut self, model: &mut Reference, step: &Step) {
        let (Step::Cancel { job, .. } | Step::Retry { job, .. } | Step::Delete { job, .. }) = step
        else {
            return;
        };
        let ids: Vec<JobId> = model.jobs().keys().copied().collect();
        let Some(index) = job.checked_rem(ids.len()) else { return };
        let (id, ns) = (ids[index], &self.namespace);
        let (done, expected) = match step {
            Step::Cancel { force, .. } => (
                self.store.cancel(ns, id.into(), None, *force).await.is_ok(),
                model.cancel(id, *force),
            ),
            Step::Retry { reset, .. } => {
                let options = RetryOptions { reset_attempts: *reset, ..RetryOptions::default() };
                (self.store.retry(ns, id.into(), options).await.is_ok(), model.retry(id, *reset))
            }
            Step::Delete { force, .. } => {
                (self.store.delete(ns, id.into(), *force).await.is_ok(), model.delete(id, *force))
            }
            _ => return,
        };
        assert_eq!(done, expected, "{step:?} of job {id}");
        self.forget_lost(model);
    }

    /// What the model says is no longer held becomes material for stale outcomes.
    pub(super) fn forget_lost(&mut self, model: &Reference) {
        let lost = |(worker, claimed): &mut (usize, Claimed)| {
            model.jobs().get(&claimed.run.job).is_none_or(|job| job.holder != Some(*worker))
        };
        self.old.extend(self.held.extract_if(.., lost));
    }
}

pub(super) fn new_job(wanted: &Wanted) -> NewJob {
    let mut job = NewJob::new(KINDS[wanted.kind], "1")
        .priority(Priority::new(wanted.priority).unwrap())
        .max_attempts(MAX_ATTEMPTS)
        .max_crashes(MAX_CRASHES)
        .backoff(Backoff::constant(BACKOFF).jitter(0.0));
    if !wanted.delay.is_zero() {
        job = job.delay(wanted.delay);
    }
    if let Some(start_by) = wanted.start_by {
        job = job.start_by(start_by);
    }
    if let Some((key, supersedes)) = wanted.unique {
        let unique = Unique::key(format!("unique {key}"));
        job = job.unique(if supersedes { unique.supersede() } else { unique });
    }
    if let Some(key) = wanted.key {
        job = job.concurrency_key(KEYS[key]);
    }
    for (parent, any_end) in &wanted.parents {
        let on = Dependency::on(*parent);
        job = job.depends_on(if *any_end { on.any_end() } else { on });
    }
    job
}
