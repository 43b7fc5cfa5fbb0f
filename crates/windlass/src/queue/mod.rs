//! The client: opens a database, enqueues, looks, steers.

mod buffer;
mod builder;
mod bundles;
mod enqueue;
mod events;
mod explain;
mod inspect;
mod keys;
mod limits;
mod manage;
mod operate;
mod replies;
mod schedules;
mod series;
mod sessions;
mod transfer;
mod workers;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use buffer::{Drained, EnqueueBuffer};
pub use builder::QueueBuilder;
use builder::Tracer;
pub use bundles::Started;
pub use enqueue::{Enqueue, Enqueued};
use events::Feed;
pub(crate) use schedules::check_schedule;
pub use series::{Rates, Series, SeriesPoint, SeriesQuery, Took};
pub use transfer::{ExportLine, Imported};

pub use operate::{DeadGroup, DeadGroups, OperationPreview};
pub use replies::{Opened, Request};

pub use events::{EventFilter, EventStream, Observed, QueueEvent};
pub use inspect::{JobFilter, KindStats, Page, Stats, WorkerStats};

use crate::job::{
    AttemptRecord, BATCH_JOBS_MAX, DELAY_MAX, HistoryEntry, JobId, JobRecord, JobRef, LogLine,
    NewJob, PAYLOAD_BYTES_MAX, TraceContext, check_name, history,
};
use crate::runtime::Clock;
use crate::store::{Part, RetryOptions, Scope, Store};
use crate::upkeep::{Health, RunningUpkeep};
use crate::worker::Worker;
use crate::{Error, FieldError, Timestamp};

/// How often lost leases are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// A handle on one database and one namespace in it. Cheap to clone; every clone shares the same
/// connections.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), windlass::Error> {
/// use windlass::{NewJob, Queue};
///
/// let queue = Queue::open("memory:").await?;
/// let job = queue.enqueue_new(NewJob::new("greet", r#"{"name":"Ada"}"#)).await?;
/// assert_eq!(queue.get(job.id()).await?.kind, "greet");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Queue {
    store: Arc<dyn Store>,
    namespace: Arc<str>,
    health: Arc<Health>,
    tracer: Option<Tracer>,
    /// How long the upkeep of this process keeps the audit; none for ever.
    audit_kept: Option<Duration>,
    feed: Arc<Feed>,
}

impl Queue {
    /// Opens `sqlite:PATH`, `memory:`, `postgres://USER:PASSWORD@HOST/DATABASE` or
    /// `mysql://USER:PASSWORD@HOST/DATABASE`, creating and migrating what is missing.
    ///
    /// Tables are in the schema `windlass` on PostgreSQL (`?schema=NAME` changes it) and have the
    /// prefix `windlass_` on MySQL (`?prefix=NAME_`). `?pooled=true` says that PostgreSQL is reached
    /// through a pooler that hands out connections by transaction, such as `PgBouncer`.
    ///
    /// With the feature `remote`, `http://HOST:PORT` and `https://HOST:PORT` are a server whose database this
    /// is: jobs are stored, read, awaited and steered through its API, and a [`Worker`] speaks its worker
    /// protocol. Nothing is asked of it here. What is not possible through a server (schedules, limits, steps,
    /// transactions of the application ..) is [`Error::Unsupported`].
    ///
    /// # Errors
    /// [`Error::Incompatible`] for another kind of URL or a database of a newer release,
    /// [`Error::Unavailable`] when it cannot be opened.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::builder().open(url).await
    }

    /// Options before opening.
    pub fn builder() -> QueueBuilder {
        QueueBuilder::new()
    }

    /// The same database, another namespace.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the name is not a name.
    pub fn in_namespace(&self, namespace: &str) -> Result<Self, Error> {
        check_name(namespace).map_err(|detail| Error::invalid("/namespace", detail))?;
        Ok(Self { namespace: namespace.into(), ..self.clone() })
    }

    /// The namespace this handle works in.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The clock this handle takes the time from.
    pub fn clock(&self) -> &Clock {
        self.store.clock()
    }

    /// Stores one job; `Ok` means that it is on stable storage.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each broken rule, [`Error::Conflict`] when the idempotency key
    /// belongs to a different job, [`Error::Full`] when its queue has a limit and as many jobs wait
    /// already, [`Error::Unavailable`] when the database does not answer (repeat
    /// with an idempotency key to be safe).
    pub async fn enqueue_new(&self, job: NewJob) -> Result<Enqueued, Error> {
        let mut replies =
            self.store.enqueue(&self.namespace, self.traced(vec![job]), false).await?;
        let reply = replies.pop().unwrap_or_else(|| Err(Error::bug("an enqueue was not answered")));
        Ok(Enqueued::new(self, reply?))
    }

    /// Stores up to 10,000 jobs in one transaction and answers in their order.
    ///
    /// With `atomic`, one refused job refuses all; without, each stands for itself.
    ///
    /// # Errors
    /// As [`enqueue_new`](Self::enqueue_new) for the whole; each answer is the same for its job.
    pub async fn enqueue_batch(
        &self,
        jobs: Vec<NewJob>,
        atomic: bool,
    ) -> Result<Vec<Result<Enqueued, Error>>, Error> {
        check_batch(jobs.len())?;
        let replies = self.store.enqueue(&self.namespace, self.traced(jobs), atomic).await?;
        Ok(replies.into_iter().map(|reply| Ok(Enqueued::new(self, reply?))).collect())
    }

    /// Reads one job.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such job.
    pub async fn get(&self, job: JobId) -> Result<JobRecord, Error> {
        let found = self.store.get(&self.namespace, vec![job]).await?;
        found.into_iter().next().ok_or_else(|| Error::not_found(format!("job {job}")))
    }

    /// Reads jobs by id from one snapshot, in the order asked for; unknown ones are left out.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn get_many(&self, jobs: Vec<JobId>) -> Result<Vec<JobRecord>, Error> {
        self.store.get(&self.namespace, jobs).await
    }

    /// The jobs that wait for this one and have not been released yet, the first 1,000 by id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job.
    pub async fn dependents(&self, job: JobId) -> Result<Vec<JobId>, Error> {
        self.store.dependents(&self.namespace, job).await
    }

    /// Reads the attempts of one job: failed ones, then the running or final one.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such job.
    pub async fn attempts(&self, job: JobId) -> Result<Vec<AttemptRecord>, Error> {
        self.store.attempts(&self.namespace, job).await
    }

    /// What happened to one job so far, as its rows tell it: it was stored, attempts began and ended, it
    /// ended. What moved it otherwise is not kept; [`events`](Self::events) tells it when it happens.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such job.
    pub async fn history(&self, job: JobId) -> Result<Vec<HistoryEntry>, Error> {
        let record = self.get(job).await?;
        Ok(history(&record, &self.attempts(job).await?))
    }

    /// Reads what the handler of one job kept with its last checkpoint, byte for byte; none when there
    /// was none.
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such job.
    pub async fn checkpoint(&self, job: JobId) -> Result<Option<Vec<u8>>, Error> {
        let saved = self.store.saved(Some(&self.namespace), job, Part::Checkpoint).await?;
        Ok(saved.into_iter().next().and_then(|saved| saved.data))
    }

    /// Reads the log of one job: what its handlers wrote with [`Ctx::log`](crate::Ctx::log).
    ///
    /// # Errors
    /// [`Error::NotFound`] when this namespace has no such job.
    pub async fn logs(&self, job: JobId) -> Result<Vec<LogLine>, Error> {
        self.store.log(&self.namespace, job).await
    }

    /// Gives a signal to a job that has not ended: a handler that waits for one of that name
    /// ([`Ctx::wait_signal`](crate::Ctx::wait_signal)) goes on with the payload (JSON, at most 1 MiB), now
    /// or when it comes to wait. False when the job was given one of that name before, which stands.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or payload that breaks a rule, [`Error::Conflict`] when the job has
    /// ended, [`Error::NotFound`].
    pub async fn signal(
        &self,
        job: JobId,
        name: &str,
        payload: impl Into<Vec<u8>>,
    ) -> Result<bool, Error> {
        let payload = payload.into();
        let mut broken = Vec::new();
        if let Err(detail) = check_name(name) {
            broken.push(FieldError::new("/name", detail));
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            let detail = format!("is {} bytes long (at most {PAYLOAD_BYTES_MAX})", payload.len());
            broken.push(FieldError::new("/payload", detail));
        }
        if !broken.is_empty() {
            return Err(Error::Invalid(broken));
        }
        self.store.signal(&self.namespace, job, name, payload).await
    }

    /// Reads a page of jobs.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn list(&self, filter: JobFilter) -> Result<Page, Error> {
        let limit = filter.page_size();
        let listed = self.store.list(&self.namespace, filter.into_query()).await?;
        Ok(Page::new(listed, limit))
    }

    /// Cancels one job and returns it: a waiting one ends now, a running one is asked to stop
    /// (`running (cancelling)`) and is cut off after 30 s.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has already ended, or is not of
    /// the version that was named; [`Error::NotFound`].
    pub async fn cancel(
        &self,
        job: impl Into<JobRef>,
        reason: Option<&str>,
    ) -> Result<JobRecord, Error> {
        let reason = reason.map(|text| crate::job::truncated(text.to_owned()));
        self.store.cancel(&self.namespace, job.into(), reason, false).await
    }

    /// Cancels one job now, also when it runs: whatever its worker reports later is refused.
    ///
    /// # Errors
    /// As [`cancel`](Self::cancel).
    pub async fn cancel_by_force(
        &self,
        job: impl Into<JobRef>,
        reason: Option<&str>,
    ) -> Result<JobRecord, Error> {
        let reason = reason.map(|text| crate::job::truncated(text.to_owned()));
        self.store.cancel(&self.namespace, job.into(), reason, true).await
    }

    /// Gives an ended job another attempt, or runs a waiting one now; returns it. Nodes of its workflow that
    /// ended because of it wait for it again.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is pending or running, or is not of
    /// the version that was named; [`Error::NotFound`].
    pub async fn retry(
        &self,
        job: impl Into<JobRef>,
        options: RetryOptions,
    ) -> Result<JobRecord, Error> {
        let job: JobRef = job.into();
        if options.delay > DELAY_MAX {
            return Err(Error::invalid("/delay", "is longer than 366 days"));
        }
        let record = self.store.retry(&self.namespace, job, options).await?;
        if let Some(workflow) = record.workflow_id {
            let (scope, options) = ((Scope::Descendants, Some(job.id)), RetryOptions::default());
            self.store.reopen(&self.namespace, workflow, scope, options).await?;
        }
        Ok(record)
    }

    /// Deletes one job with its history; a running one only with `force`.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it runs and `force` is false, or is not of
    /// the version that was named; [`Error::NotFound`].
    pub async fn delete(&self, job: impl Into<JobRef>, force: bool) -> Result<(), Error> {
        self.store.delete(&self.namespace, job.into(), force).await
    }

    /// Waits until a job has ended, at most `timeout`; returns it as it stands then.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job, also when it is deleted meanwhile.
    pub async fn wait(&self, job: JobId, timeout: Duration) -> Result<JobRecord, Error> {
        let clock = self.clock();
        let end = clock.now() + timeout;
        let waiter = self.store.signals().ended.of(job);
        loop {
            let news = waiter.news();
            tokio::pin!(news);
            news.as_mut().enable();
            let record = self.get(job).await?;
            let left = end.since(clock.now());
            if record.state.is_terminal() || left.is_zero() {
                return Ok(record);
            }
            tokio::select! {
                () = news => {}
                () = self.store.await_end(&self.namespace, job, left) => {}
            }
        }
    }

    /// Reads the maintained counts of this namespace: cheap at any number of jobs.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn stats(&self) -> Result<Stats, Error> {
        Ok(Stats::of(self.store.stats(&self.namespace).await?))
    }

    /// Checks every invariant of the whole database; an empty list means that all hold.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn verify(&self) -> Result<Vec<String>, Error> {
        self.store.verify().await
    }

    /// A worker on this database; give it handlers and run it.
    pub fn worker(&self) -> Worker<()> {
        Worker::new(self.clone())
    }

    /// Starts the upkeep (delays, rescue, schedules, retention ..) in a process that runs no jobs, such as a
    /// server for remote workers. A [`Worker`] does it by itself; doing it in many processes costs little.
    pub fn start_upkeep(&self) -> RunningUpkeep {
        RunningUpkeep::start(self, SWEEP)
    }

    /// Ends when the database can no longer be trusted, after a failed fsync or with a damaged
    /// file: the process should end then. Never ends while all is well.
    pub async fn storage_failed(&self) {
        self.store.failed().cancelled().await;
    }

    /// Finishes what is under way and closes the database for every clone of this handle.
    pub async fn close(&self) {
        self.feed.close().await;
        self.store.close().await;
    }

    /// When each upkeep loop of this process last succeeded; empty where no worker runs.
    pub fn upkeep_health(&self) -> Vec<(&'static str, Timestamp)> {
        self.health.last_successes()
    }

    /// The trace that the caller is part of, as the application says.
    fn trace(&self) -> Option<TraceContext> {
        self.tracer.as_ref().and_then(|current| current())
    }

    /// The jobs as part of the caller's trace, unless they are of one.
    fn traced(&self, jobs: Vec<NewJob>) -> Vec<NewJob> {
        match self.trace() {
            None => jobs,
            trace => jobs.into_iter().map(|job| job.trace_unless_set(trace.as_ref())).collect(),
        }
    }

    pub(crate) const fn health(&self) -> &Arc<Health> {
        &self.health
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

fn check_batch(count: usize) -> Result<(), Error> {
    if count > BATCH_JOBS_MAX {
        let detail = format!("has {count} jobs (at most {BATCH_JOBS_MAX})");
        return Err(Error::Invalid(vec![FieldError::new("/jobs", detail)]));
    }
    Ok(())
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
