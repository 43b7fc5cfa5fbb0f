//! Enqueue of typed jobs: a builder that is awaited, and what it leaves in hand.

use std::collections::HashMap;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
#[cfg(feature = "sqlite")]
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Queue, check_batch};
use crate::Error;
use crate::core::State;
use crate::job::{
    Backoff, Job, JobId, JobRecord, NewJob, Pressure, Priority, Timestamp, TraceContext, Unique,
};
use crate::store::within::Transaction;
use crate::store::{Existing, Known, Stored};

/// A job about to be enqueued: set options, then await it.
#[derive(Debug)]
#[must_use = "nothing is enqueued until this is awaited"]
pub struct Enqueue<J> {
    queue: Queue,
    job: Result<NewJob, Error>,
    kind: PhantomData<fn() -> J>,
}

impl Queue {
    /// Enqueues a typed job, with the queue and policy of its kind unless options say otherwise.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)] struct Greet { name: String }
    /// # impl windlass::Job for Greet { const KIND: &'static str = "greet"; type Output = (); }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), windlass::Error> {
    /// # let queue = windlass::Queue::open("memory:").await?;
    /// # use std::time::Duration;
    /// let job = Greet { name: "Ada".into() };
    /// queue.enqueue(job).delay(Duration::from_secs(5)).tag("team", "growth").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "a job that is handed over is gone")]
    pub fn enqueue<J: Job>(&self, job: J) -> Enqueue<J> {
        Enqueue { queue: self.clone(), job: NewJob::of(&job), kind: PhantomData }
    }

    /// Enqueues jobs of one kind in one transaction, all or none, and returns their ids in order.
    ///
    /// # Errors
    /// As [`enqueue_batch`](Self::enqueue_batch).
    pub async fn enqueue_all<J: Job>(
        &self,
        jobs: impl IntoIterator<Item = J>,
    ) -> Result<Vec<JobId>, Error> {
        let jobs: Result<Vec<NewJob>, Error> =
            jobs.into_iter().map(|job| NewJob::of(&job)).collect();
        let replies = self.enqueue_batch(jobs?, true).await?;
        replies.into_iter().map(|reply| Ok(reply?.id())).collect()
    }
}

impl Queue {
    /// As [`enqueue_batch`](Self::enqueue_batch), with each job beside its answer; none where it could not be
    /// read, which leaves it stored all the same. What is plain needs no second look at the database.
    ///
    /// # Errors
    /// As [`enqueue_batch`](Self::enqueue_batch).
    pub async fn enqueue_and_read(
        &self,
        jobs: Vec<NewJob>,
        atomic: bool,
    ) -> Result<Vec<Result<(Enqueued, Option<Box<JobRecord>>), Error>>, Error> {
        check_batch(jobs.len())?;
        let mut known =
            self.store.enqueue_known(&self.namespace, self.traced(jobs), atomic).await?;
        let open = |reply: &Result<Known, Error>| match reply {
            Ok((stored, None)) => Some(stored.id),
            Ok((_, Some(_))) | Err(_) => None,
        };
        let unknown: Vec<JobId> = known.iter().filter_map(open).collect();
        if !unknown.is_empty() {
            let read = self.get_many(unknown).await.unwrap_or_default();
            let read: HashMap<JobId, JobRecord> =
                read.into_iter().map(|job| (job.id, job)).collect();
            for (stored, record) in known.iter_mut().flatten().filter(|(_, it)| it.is_none()) {
                *record = read.get(&stored.id).cloned().map(Box::new);
            }
        }
        let answer = |(stored, record)| (Enqueued::new(self, stored), record);
        Ok(known.into_iter().map(|reply| reply.map(answer)).collect())
    }

    /// Stores one job inside a transaction of the application's own; see [`Enqueue::within`].
    ///
    /// # Errors
    /// As [`Enqueue::within`].
    pub async fn enqueue_new_within<X: Transaction>(
        &self,
        job: NewJob,
        tx: &mut X,
    ) -> Result<Enqueued, Error> {
        let mut stored = self.enqueue_batch_within(vec![job], tx).await?;
        stored.pop().ok_or_else(|| Error::bug("an enqueue was not answered"))
    }

    /// Stores jobs inside a transaction of the application's own, all or none, and answers in their
    /// order; see [`Enqueue::within`].
    ///
    /// # Errors
    /// As [`Enqueue::within`].
    pub async fn enqueue_batch_within<X: Transaction>(
        &self,
        jobs: Vec<NewJob>,
        tx: &mut X,
    ) -> Result<Vec<Enqueued>, Error> {
        check_batch(jobs.len())?;
        let work = self.store().enlist_enqueue(&self.namespace, self.traced(jobs)).await?;
        let stored = tx.enlist(work).await?.stored()?;
        self.store().signals().expected.raise();
        Ok(stored.into_iter().map(|stored| Enqueued::new(self, stored)).collect())
    }

    #[cfg(feature = "sqlite")]
    fn run_on_rusqlite(
        &self,
        jobs: Vec<NewJob>,
        tx: &rusqlite::Connection,
    ) -> Result<Enqueued, Error> {
        let mut preparing = self.store().enlist_enqueue(&self.namespace, self.traced(jobs));
        // On an embedded database this asks nobody and so never waits.
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(work) = preparing.as_mut().poll(&mut context) else {
            return Err(Error::invalid(
                "/transaction",
                "is of SQLite, but the queue lives elsewhere",
            ));
        };
        let mut stored = crate::store::within::run_on_rusqlite(tx, work?)?.stored()?;
        let stored = stored.pop().ok_or_else(|| Error::bug("an enqueue was not answered"))?;
        Ok(Enqueued::new(self, stored))
    }
}

impl<J> Enqueue<J> {
    fn with(mut self, change: impl FnOnce(NewJob) -> NewJob) -> Self {
        self.job = self.job.map(change);
        self
    }

    /// Puts the job into this queue.
    pub fn queue(self, queue: impl Into<String>) -> Self {
        self.with(|job| job.queue(queue))
    }

    /// Sets the priority.
    pub fn priority(self, priority: Priority) -> Self {
        self.with(|job| job.priority(priority))
    }

    /// Runs no earlier than `delay` after it was stored.
    pub fn delay(self, delay: Duration) -> Self {
        self.with(|job| job.delay(delay))
    }

    /// Runs no earlier than this instant.
    pub fn at(self, instant: impl Into<Timestamp>) -> Self {
        self.with(|job| job.at(instant))
    }

    /// Longest run of one attempt.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|job| job.timeout(timeout))
    }

    /// No attempt starts later than this.
    pub fn start_by(self, instant: impl Into<Timestamp>) -> Self {
        self.with(|job| job.start_by(instant))
    }

    /// End of the job's whole life.
    pub fn deadline(self, instant: impl Into<Timestamp>) -> Self {
        self.with(|job| job.deadline(instant))
    }

    /// Attempts before the job becomes a dead letter.
    pub fn max_attempts(self, attempts: u32) -> Self {
        self.with(|job| job.max_attempts(attempts))
    }

    /// The wait between attempts.
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.with(|job| job.backoff(backoff))
    }

    /// Same key, same job: a second enqueue returns the first job while that is kept.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        self.with(|job| job.idempotency_key(key))
    }

    /// Is stored only if no live job has the same unique key.
    pub fn unique(self, unique: Unique) -> Self {
        self.with(|job| job.unique(unique))
    }

    /// A string of the caller's that ties jobs, logs and requests together.
    pub fn correlation_id(self, id: impl Into<String>) -> Self {
        self.with(|job| job.correlation_id(id))
    }

    /// Adds a tag to filter by.
    pub fn tag(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|job| job.tag(key, value))
    }

    /// Adds an entry that is handed to the handler.
    pub fn metadata(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|job| job.metadata(key, value))
    }
}

impl<J> Enqueue<J> {
    /// Makes the job part of a trace.
    pub fn trace(self, trace: &TraceContext) -> Self {
        self.with(|job| job.trace(trace))
    }
}

impl<J: Job> Enqueue<J> {
    /// Stores the job inside a transaction of the application's own, so that both are there or neither:
    /// the job exists when that commits, and is found within half a second.
    ///
    /// The transaction has to be on the database that the queue lives in. A duplicate by idempotency
    /// key is not an error, and a refused job leaves the transaction as it was. On SQLite it should be
    /// an immediate one (`begin immediate`), and the job is as durable as that connection makes it.
    ///
    /// # Errors
    /// As [`Queue::enqueue_new`]; [`Error::Invalid`] when the transaction is of another kind of
    /// database.
    pub async fn within<X: Transaction>(self, tx: &mut X) -> Result<Enqueued<J>, Error> {
        let stored = self.queue.enqueue_new_within(self.job?, tx).await?;
        Ok(Enqueued { queue: stored.queue, stored: stored.stored, kind: PhantomData })
    }

    /// As [`within`](Self::within), for a transaction of `rusqlite`, on its thread and without a
    /// runtime.
    ///
    /// # Errors
    /// As [`within`](Self::within).
    #[cfg(feature = "sqlite")]
    pub fn within_rusqlite(self, tx: &rusqlite::Connection) -> Result<Enqueued<J>, Error> {
        let job = self.job?;
        let stored = self.queue.run_on_rusqlite(vec![job], tx)?;
        Ok(Enqueued { queue: stored.queue, stored: stored.stored, kind: PhantomData })
    }
}

impl<J: Job> IntoFuture for Enqueue<J> {
    type Output = Result<Enqueued<J>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let stored = self.queue.enqueue_new(self.job?).await?;
            Ok(Enqueued { queue: stored.queue, stored: stored.stored, kind: PhantomData })
        })
    }
}

/// An enqueued job: its id, and a way to its end.
#[derive(Debug, Clone)]
pub struct Enqueued<J = ()> {
    queue: Queue,
    stored: Stored,
    kind: PhantomData<fn() -> J>,
}

impl Enqueued {
    pub(super) fn new(queue: &Queue, stored: Stored) -> Self {
        Self { queue: queue.clone(), stored, kind: PhantomData }
    }
}

impl<J> Enqueued<J> {
    /// The job's id.
    pub const fn id(&self) -> JobId {
        self.stored.id
    }

    /// False when an earlier job already had the idempotency key or holds the unique key: this is that
    /// job.
    pub const fn is_new(&self) -> bool {
        self.stored.existing.is_none()
    }

    /// Why this is an earlier job, if it is.
    pub const fn existing(&self) -> Option<Existing> {
        self.stored.existing
    }

    /// How full the job's queue is with it, where that has a limit and the job is new.
    pub const fn pressure(&self) -> Option<Pressure> {
        self.stored.pressure
    }

    /// Waits until the job has ended, at most `timeout`.
    ///
    /// # Errors
    /// As [`Queue::wait`].
    pub async fn wait(&self, timeout: Duration) -> Result<JobRecord, Error> {
        self.queue.wait(self.id(), timeout).await
    }
}

impl<J: Job> Enqueued<J> {
    /// Waits until the job has completed, however long that takes, and returns its output.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it ended without success, [`Error::Bug`] when the stored output is
    /// not of the expected type.
    pub async fn output(&self) -> Result<J::Output, Error> {
        loop {
            let job = self.wait(Duration::from_secs(3600)).await?;
            match job.state {
                State::Completed => {
                    let result = job.result.as_deref().unwrap_or(b"null");
                    return serde_json::from_slice(result).map_err(|error| {
                        Error::bug(format!("the output of job {} is unreadable: {error}", job.id))
                    });
                }
                state if state.is_terminal() => {
                    let why = job.last_error.unwrap_or_default();
                    return Err(Error::conflict(format!("job {} ended {state}: {why}", job.id)));
                }
                _ => {}
            }
        }
    }
}
