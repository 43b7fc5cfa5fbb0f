//! A database of a test's own, with a clock that stands still until the test moves it.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use tempfile::TempDir;
use windlass::{
    Clock, Error, JobId, JobRecord, NewJob, Queue, RunningWorker, State, Timestamp, Worker,
};

use crate::backend::Backend;
use crate::script::{Script, scripted};

/// Where every test's clock starts: a Monday in 2026, on the second.
const START: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

/// Real time a test may wait for something that should happen at once.
const DEADLINE: Duration = Duration::from_secs(60);

/// Looks at the database between two steps of the clock: the loops under test get as many turns, so
/// that time does not run away from them.
const LOOKS_PER_STEP: u32 = 25;

/// A database of a test's own.
#[derive(Debug)]
pub struct Harness {
    /// The queue under test, in namespace `default`.
    pub queue: Queue,
    /// The clock of the queue and of everything opened from it.
    pub clock: Clock,
    url: String,
    _folder: Option<TempDir>,
}

#[expect(clippy::missing_panics_doc, reason = "a test helper: panics are its way to fail")]
#[expect(clippy::panic, reason = "a test helper: panics are its way to fail")]
impl Harness {
    /// A database in a file of its own.
    pub async fn sqlite_file() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
        Self::open(url, Some(folder)).await
    }

    /// A database in memory.
    pub async fn sqlite_memory() -> Self {
        Self::open("memory:".to_owned(), None).await
    }

    /// A schema of its own in the PostgreSQL server of the tests; none when there is no server.
    pub async fn postgres() -> Option<Self> {
        Some(Self::open(Backend::Postgres.fresh_url()?, None).await)
    }

    /// Tables of its own in the MySQL server of the tests; none when there is no server.
    pub async fn mysql() -> Option<Self> {
        Some(Self::open(Backend::Mysql.fresh_url()?, None).await)
    }

    /// A schema of its own, reached through PgBouncer; none when there is no server.
    pub async fn pgbouncer() -> Option<Self> {
        Some(Self::open(Backend::PgBouncer.fresh_url()?, None).await)
    }

    /// The database at `url`, which a test has made itself.
    pub async fn at(url: &str) -> Self {
        Self::open(url.to_owned(), None).await
    }

    async fn open(url: String, folder: Option<TempDir>) -> Self {
        Self::open_with(url, Clock::manual(START), folder).await
    }

    pub(crate) async fn open_with(url: String, clock: Clock, folder: Option<TempDir>) -> Self {
        let queue = Queue::builder().clock(clock.clone()).open(&url).await.expect("a new database");
        Self { queue, clock, url, _folder: folder }
    }

    /// The address of the same database for the application's own connections.
    pub fn app_url(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }

    /// The address of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// True when other processes can open the same database.
    pub fn is_shared(&self) -> bool {
        self.url != "memory:"
    }

    /// Another connection to the same database, as another process would have; for a database in
    /// memory there is none.
    pub async fn reopen(&self) -> Option<Queue> {
        if !self.is_shared() {
            return None;
        }
        let builder = Queue::builder().clock(self.clock.clone());
        Some(builder.open(&self.url).await.expect("the same database"))
    }

    /// A job of `kind` about to be enqueued: set options, then await its id.
    pub fn job(&self, kind: &str) -> JobBuilder {
        JobBuilder { queue: self.queue.clone(), job: NewJob::new(kind, "null") }
    }

    /// Enqueues `job` and returns its id.
    pub async fn enqueue(&self, job: NewJob) -> JobId {
        self.queue.enqueue_new(job).await.expect("a valid job").id()
    }

    /// Reads a job.
    pub async fn get(&self, job: JobId) -> JobRecord {
        self.queue.get(job).await.expect("a known job")
    }

    /// A worker that acts out `script` for the kinds `mail` and `other`, with no buffer and the
    /// random part of waits fixed.
    pub fn worker(&self, script: &Script) -> Worker<Script> {
        scripted(self.queue.worker(), script)
    }

    /// Starts [`worker`](Self::worker).
    pub async fn start(&self, script: &Script) -> RunningWorker {
        self.worker(script).start().await.expect("a worker")
    }

    /// Moves the clock.
    pub fn advance(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// Moves the clock in small steps until a job is in `state`, and returns it.
    pub async fn reaches(&self, job: JobId, state: State) -> JobRecord {
        self.until(&format!("job {job} is {state}"), async || {
            let record = self.get(job).await;
            (record.state == state).then_some(record)
        })
        .await
    }

    /// Waits, in real time and without moving the clock, until `look` finds something.
    pub async fn until<R>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<R>) -> R {
        let looking = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(DEADLINE, looking).await {
            Ok(found) => found,
            Err(_) => panic!("waited {DEADLINE:?} in vain until {what}"),
        }
    }

    /// Moves the clock by `step` again and again until `look` finds something: for what takes
    /// several rounds of loops.
    pub async fn until_after<R>(
        &self,
        what: &str,
        step: Duration,
        mut look: impl AsyncFnMut() -> Option<R>,
    ) -> R {
        let clock = self.clock.clone();
        let mut looks = 0;
        self.until(what, async || {
            // A turn through the database, which the loops under test have to take as well.
            self.queue.get_many(Vec::new()).await.expect("a read of nothing");
            let found = look().await;
            looks += 1;
            if found.is_none() && looks % LOOKS_PER_STEP == 0 {
                clock.advance(step);
            }
            found
        })
        .await
    }

    /// Fails the test when an invariant of the database is broken.
    pub async fn check(&self) {
        let found = match self.queue.verify().await {
            // A behaviour may have closed it.
            Err(Error::Closed) => match self.reopen().await {
                Some(queue) => queue.verify().await,
                None => return,
            },
            found => found,
        };
        let found = found.expect("a database that can be checked");
        assert!(found.is_empty(), "broken invariants: {found:#?}");
    }
}

/// A job about to be enqueued by a test.
#[derive(Debug)]
#[must_use = "nothing is enqueued until this is awaited"]
pub struct JobBuilder {
    queue: Queue,
    job: NewJob,
}

impl JobBuilder {
    /// Changes the job.
    pub fn with(mut self, change: impl FnOnce(NewJob) -> NewJob) -> Self {
        self.job = change(self.job);
        self
    }

    /// Enqueues it and returns whatever the queue says.
    ///
    /// # Errors
    /// As [`Queue::enqueue_new`].
    pub async fn try_enqueue(self) -> Result<JobId, Error> {
        Ok(self.queue.enqueue_new(self.job).await?.id())
    }
}

impl IntoFuture for JobBuilder {
    type Output = JobId;
    type IntoFuture = Pin<Box<dyn Future<Output = JobId> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.try_enqueue().await.expect("a valid job") })
    }
}
