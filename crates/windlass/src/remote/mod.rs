//! What a server needs to serve workers in other languages: they register, claim, tell that they live, report.
//!
//! Thin over the store's verbs, which workers in this process use as well. What is here beside them: claims that
//! wait (`desk`), and the memory of who was heard of when (`roster`).

mod desk;
mod handed;
mod leases;
mod line;
mod renewals;
mod report;
mod requests;
mod retained;
mod roster;
mod round;

use std::sync::Arc;
use std::time::Duration;

pub use handed::{Handed, HandedJob};
pub use requests::{
    ClaimRequest, HeldJob, NewRemoteWorker, PassingClaim, Pulse, ReportReply, ReportedJob,
};

use self::desk::{Desk, Wanted};
use self::requests::check_served;
use crate::core::random_i64;
use crate::job::{JobId, LEASE_RANGE, LeaseToken, Timestamp, WorkerId, WorkerState};
use crate::queue::Queue;
use crate::store::{
    Beat, HeldBy, KnownWorker, NewWorker, ProgressNote, Served, TakenBy, WorkerKey, WorkerOrigin,
};
use crate::{Error, FieldError};

/// Serves workers that are somewhere else, in the namespace of a queue handle.
///
/// A server makes one for its database with [`new`](Self::new), and from it one for each request with
/// [`of`](Self::of): they share the claims that wait, so that one job wakes one of them. Something has to do the
/// upkeep (rescue, delays): a [`Worker`](crate::Worker) in this or another process.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), windlass::Error> {
/// use windlass::remote::{ClaimRequest, NewRemoteWorker, RemoteWorkers};
///
/// let queue = windlass::Queue::open("memory:").await?;
/// queue.enqueue_new(windlass::NewJob::new("greet", r#"{"name":"Ada"}"#)).await?;
/// let remote = RemoteWorkers::new(&queue);
///
/// let worker = remote.register(NewRemoteWorker::new("w1")).await?;
/// let handed = remote.claim(worker, ClaimRequest::default()).await?;
/// assert_eq!(&*handed.jobs()[0].info.kind, "greet");
/// drop(handed); // nobody received it: it is given back
/// remote.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RemoteWorkers {
    queue: Queue,
    desk: Arc<Desk>,
}

impl RemoteWorkers {
    /// Serves workers of this database.
    pub fn new(queue: &Queue) -> Self {
        Self { queue: queue.clone(), desk: Desk::new(queue.store()) }
    }

    /// The same, in the namespace of another handle on the same database.
    #[must_use]
    pub fn of(&self, queue: &Queue) -> Self {
        Self { queue: queue.clone(), desk: Arc::clone(&self.desk) }
    }

    /// Registers a worker. It has to be heard of again within its lease: every call with its id counts, and so
    /// does a claim that waits.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each broken rule, [`Error::Full`] when there are 20,000 workers,
    /// [`Error::NotFound`] for an unknown namespace.
    pub async fn register(&self, worker: NewRemoteWorker) -> Result<WorkerId, Error> {
        worker.check()?;
        let new = NewWorker {
            name: worker.name,
            nonce: random_i64()?,
            namespace: Some(self.queue.namespace().to_owned()),
            queues: worker.queues,
            kinds: worker.kinds,
            slots: worker.concurrency,
            lease: worker.lease,
            labels: worker.labels,
            version: worker.version,
            origin: WorkerOrigin::Remote,
        };
        let now = self.queue.clock().now();
        let id = self.queue.store().register(new.clone()).await?;
        let key = WorkerKey { id, nonce: new.nonce, name: new.name.into() };
        self.desk.roster().learn(KnownWorker {
            key,
            namespace: new.namespace,
            queues: new.queues,
            kinds: new.kinds,
            lease: new.lease,
            expires_at: now + new.lease,
            origin: new.origin,
        });
        Ok(WorkerId::from_i64(id))
    }

    /// Claims up to `limit` jobs, and waits for the first of them as long as the request says. Dropping the
    /// future, or what it returns before [`Handed::received`], leaves nothing leased.
    ///
    /// # Errors
    /// [`Error::Invalid`] for queues or kinds that the worker did not register, [`Error::NotFound`] when there is
    /// no such worker, [`Error::Conflict`] with code `lease_lost` when it has expired: it registers anew then.
    pub async fn claim(&self, id: WorkerId, wanted: ClaimRequest) -> Result<Handed, Error> {
        let worker = self.worker(id).await?;
        let served = wanted.served(&worker)?;
        if !self.is_heard(&worker).await? {
            return Err(self.expired(id));
        }
        let (state, cancel) = self.news(&worker).await?;
        let mut handed = if state == WorkerState::Run {
            let by = TakenBy::Registered(worker.key.clone());
            self.hand(by, served, (wanted.limit, wanted.wait)).await?
        } else {
            self.queue.clock().sleep(wanted.wait).await;
            Handed::none(&self.desk)
        };
        (handed.state, handed.cancel) = (state, cancel);
        Ok(handed)
    }

    /// Claims without a registration: the jobs of one claim share a lease that nothing renews but
    /// [`extend`](Self::extend).
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each broken rule, [`Error::NotFound`] for an unknown namespace.
    pub async fn claim_passing(&self, wanted: PassingClaim) -> Result<Handed, Error> {
        wanted.check()?;
        let PassingClaim { worker, lease, claim } = wanted;
        let namespace = Some(self.queue.namespace().to_owned());
        let served = Served {
            namespace: namespace.clone(),
            queues: claim.queues,
            except_queues: Vec::new(),
            kinds: claim.kinds,
            aging: None,
        };
        let new = NewWorker {
            name: worker,
            namespace,
            slots: claim.limit,
            lease,
            origin: WorkerOrigin::Passing,
            ..NewWorker::default()
        };
        self.hand(TakenBy::Passing(new), served, (claim.limit, claim.wait)).await
    }

    async fn hand(
        &self,
        by: TakenBy,
        served: Served,
        (limit, wait): (usize, Duration),
    ) -> Result<Handed, Error> {
        let wanted = Wanted { by, limit, served: Arc::new(served) };
        let mut handed = self.desk.claim(wanted, wait).await?;
        handed.read_checkpoints().await?;
        Ok(handed)
    }

    /// Says that the worker lives and how far its jobs are; answers which of them it is to stop, which it has
    /// lost, and what it is asked to do.
    ///
    /// With a list (empty or not), jobs that the worker was given more than a lease ago and that are not on it
    /// are given back, uncounted: the reply that carried them has not arrived.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    pub async fn heartbeat(
        &self,
        id: WorkerId,
        held: Option<Vec<HeldJob>>,
    ) -> Result<Pulse, Error> {
        let worker = self.worker(id).await?;
        let now = self.queue.clock().now();
        let beat = self.queue.store().heartbeat(&worker.key, Some(worker.lease)).await?;
        if !beat.alive {
            return Err(self.expired(id));
        }
        self.desk.roster().heard(id, now);
        let is_held = |token: &LeaseToken| {
            let is_ours = token.worker == id && token.nonce == worker.key.nonce;
            let same = |lease: &HeldBy| lease.job == token.job && lease.epoch == token.epoch;
            is_ours && beat.leases.iter().any(same)
        };
        let cancelling = beat.leases.iter().filter(|lease| lease.cancelling);
        let cancel = cancelling.map(|lease| lease.job).collect();
        let mut lost = Vec::new();
        if let Some(held) = held {
            let (ours, others): (Vec<_>, Vec<_>) =
                held.into_iter().partition(|one| one.token.job == one.job && is_held(&one.token));
            lost.extend(others.into_iter().map(|one| one.job));
            self.give_back_unlisted(&worker, (&ours, &beat), now).await?;
            self.keep_progress(&worker, ours).await?;
        }
        Ok(Pulse { cancel, lost, state: beat.asked })
    }

    async fn give_back_unlisted(
        &self,
        worker: &KnownWorker,
        (held, beat): (&[HeldJob], &Beat),
        now: Timestamp,
    ) -> Result<(), Error> {
        let is_listed =
            |job, epoch| held.iter().any(|one| one.job == job && one.token.epoch == epoch);
        let unlisted = beat.leases.iter().filter(|lease| {
            now.since(lease.claimed_at) > worker.lease && !is_listed(lease.job, lease.epoch)
        });
        let unlisted: Vec<(JobId, i64)> = unlisted.map(|lease| (lease.job, lease.epoch)).collect();
        if unlisted.is_empty() {
            return Ok(());
        }
        tracing::warn!(worker = %worker.key.name, jobs = unlisted.len(), "jobs that their worker does not know of are given back");
        self.queue.store().leave(&worker.key, Some(unlisted)).await.map(|_| ())
    }

    async fn keep_progress(&self, worker: &KnownWorker, held: Vec<HeldJob>) -> Result<(), Error> {
        let notes = held.into_iter().filter_map(|one| {
            let (job, epoch, message) = (one.job, one.token.epoch, one.message);
            Some(ProgressNote { job, epoch, thousandths: thousandths(one.percent?), message })
        });
        let notes: Vec<ProgressNote> = notes.collect();
        if notes.is_empty() {
            return Ok(());
        }
        self.queue.store().progress(&worker.key, notes).await
    }

    /// Forgets a worker; what it holds goes back at once, uncounted.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such worker.
    pub async fn unregister(&self, id: WorkerId) -> Result<(), Error> {
        let worker = self.worker(id).await?;
        let released = self.queue.store().leave(&worker.key, None).await?;
        self.desk.roster().forget(id);
        tracing::info!(worker = %worker.key.name, released, "a remote worker left");
        Ok(())
    }

    /// Ends what this does by itself: after all of its calls have ended. Jobs that nobody received are given back
    /// before it returns.
    pub async fn stop(&self) {
        self.desk.stop().await;
    }

    /// A registered worker of this namespace.
    async fn worker(&self, id: WorkerId) -> Result<KnownWorker, Error> {
        let found = self.find(id).await?.filter(|worker| worker.origin == WorkerOrigin::Remote);
        found.ok_or_else(|| Error::not_found(format!("registered worker {id}")))
    }

    /// Whoever has this id in this namespace, as it was when this process first met it.
    async fn find(&self, id: WorkerId) -> Result<Option<KnownWorker>, Error> {
        let roster = self.desk.roster();
        let known = match roster.get(id) {
            Some(known) => Some(known),
            None => {
                let found = self.queue.store().find_worker(id).await?;
                found.inspect(|worker| roster.meet(worker.clone()))
            }
        };
        Ok(known.filter(|worker| worker.namespace.as_deref() == Some(self.queue.namespace())))
    }

    /// Renews the worker unless that was done a moment ago; false when it has expired.
    async fn is_heard(&self, worker: &KnownWorker) -> Result<bool, Error> {
        let id = WorkerId::from_i64(worker.key.id);
        let now = self.queue.clock().now();
        if self.desk.roster().is_fresh(id, now) {
            return Ok(true);
        }
        let workers = vec![(worker.key.id, worker.key.nonce)];
        let is_alive = self.queue.store().renew_workers(workers).await? > 0;
        if is_alive {
            self.desk.roster().heard(id, now);
        }
        Ok(is_alive)
    }

    /// What the worker is asked to do, and which jobs it is to stop: read when something of the kind happened
    /// since the last look.
    async fn news(&self, worker: &KnownWorker) -> Result<(WorkerState, Vec<JobId>), Error> {
        let id = WorkerId::from_i64(worker.key.id);
        let store = self.queue.store();
        let version = store.signals().cancelling.version();
        if let Some(state) = self.desk.roster().state_at(id, version) {
            return Ok((state, Vec::new()));
        }
        let beat = store.heartbeat(&worker.key, None).await?;
        self.desk.roster().looked(id, version, beat.asked);
        let cancelling = beat.leases.iter().filter(|lease| lease.cancelling);
        Ok((beat.asked, cancelling.map(|lease| lease.job).collect()))
    }

    fn expired(&self, id: WorkerId) -> Error {
        self.desk.roster().forget(id);
        let message = format!("worker {id} was silent for longer than its lease: register anew");
        Error::Conflict { code: "lease_lost", message }
    }
}

fn check_job(job: JobId, token: &LeaseToken) -> Result<(), Error> {
    if token.job == job {
        return Ok(());
    }
    Err(Error::invalid("/token", "is the token of another job"))
}

pub(crate) fn check_lease(lease: Duration) -> Result<(), Error> {
    if lease < LEASE_RANGE.0 || lease > LEASE_RANGE.1 {
        return Err(Error::invalid("/lease", "must be between 1 s and 24 h"));
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "between 0 and 100,000")]
fn thousandths(percent: f64) -> i64 {
    (percent.clamp(0.0, 100.0) * 1000.0).round() as i64
}

/// Checks that names of a claim are among those of the registration, where that has any.
fn within(pointer: &str, names: &[String], registered: &[String]) -> Vec<FieldError> {
    let is_foreign = |name: &&String| !registered.is_empty() && !registered.contains(name);
    let foreign = names.iter().enumerate().filter(|(_, name)| is_foreign(name));
    let refuse = |(place, _): (usize, &String)| {
        FieldError::new(format!("{pointer}/{place}"), "is not what this worker registered for")
    };
    foreign.map(refuse).collect()
}

impl ClaimRequest {
    /// What the worker takes with this claim.
    fn served(&self, worker: &KnownWorker) -> Result<Served, Error> {
        let mut broken = check_served(&self.queues, &self.kinds);
        broken.extend(within("/queues", &self.queues, &worker.queues));
        broken.extend(within("/types", &self.kinds, &worker.kinds));
        broken.extend(self.broken());
        if !broken.is_empty() {
            return Err(Error::Invalid(broken));
        }
        let chosen = |own: &[String], registered: &[String]| {
            if own.is_empty() { registered.to_vec() } else { own.to_vec() }
        };
        Ok(Served {
            namespace: worker.namespace.clone(),
            queues: chosen(&self.queues, &worker.queues),
            except_queues: Vec::new(),
            kinds: chosen(&self.kinds, &worker.kinds),
            aging: None,
        })
    }
}
