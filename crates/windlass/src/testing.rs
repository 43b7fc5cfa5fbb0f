//! Jobs and handlers in the tests of an application: a database in memory, a clock that stands still until
//! it is moved, and workers that run one job when they are told to.
//!
//! Needs the feature `testing`, in `[dev-dependencies]`. Nothing here waits in real time, and nothing
//! happens by itself.
//!
//! ```
//! use std::time::Duration;
//!
//! use windlass::testing::{TestQueue, TestWorker};
//! use windlass::{Ctx, Job, State};
//!
//! #[derive(serde::Serialize, serde::Deserialize, Job)]
//! struct Greet { name: String }
//!
//! async fn greet(job: Greet, _: Ctx<()>) -> windlass::Result {
//!     if job.name.is_empty() { Err("nobody to greet")?; }
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), windlass::Error> {
//! let test = TestQueue::open().await?;
//! test.enqueue(Greet { name: String::new() }).await?;
//! test.assert_enqueued(|job: &Greet| job.name.is_empty()).await;
//!
//! let mut worker = TestWorker::new(test.worker().handle(greet)).await?;
//! let job = worker.run_next().await?.expect("a job");
//! assert_eq!((job.state, job.last_error.as_deref()), (State::Retrying, Some("nobody to greet")));
//! assert!(worker.run_next().await?.is_none(), "it waits for its next attempt");
//!
//! test.advance(Duration::from_secs(2));
//! assert_eq!(worker.drain().await?.len(), 1);
//! # Ok(())
//! # }
//! ```

use std::ops::Deref;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::core::State;
use crate::job::{Job, Timestamp};
use crate::queue::{JobFilter, Queue};
use crate::runtime::Clock;
use crate::{Error, JobRecord};

pub use crate::worker::TestWorker;

/// When the clock of a test stands at first: 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// Jobs of one kind that an assertion looks at.
const JOBS_SHOWN: usize = 500;

/// A queue in memory whose clock the test owns. It is a [`Queue`] in all other ways.
#[derive(Debug, Clone)]
pub struct TestQueue {
    queue: Queue,
    clock: Clock,
}

impl Deref for TestQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.queue
    }
}

impl TestQueue {
    /// An empty queue, at 2026-01-01T00:00:00Z.
    ///
    /// # Errors
    /// As [`Queue::open`].
    pub async fn open() -> Result<Self, Error> {
        Self::open_at(START).await
    }

    /// An empty queue, at this instant.
    ///
    /// # Errors
    /// As [`Queue::open`].
    pub async fn open_at(start: Timestamp) -> Result<Self, Error> {
        let clock = Clock::manual(start);
        let queue = Queue::builder().clock(clock.clone()).open("memory:").await?;
        Ok(Self { queue, clock })
    }

    /// Moves the clock. What is due then happens with the next run of a [`TestWorker`].
    pub fn advance(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// Jobs of a kind that wait (pending, delayed or retrying), in the order in which they were stored: at
    /// most 500.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the payload of one is not that of this kind, [`Error::Unavailable`].
    pub async fn enqueued<J: Job>(&self) -> Result<Vec<(JobRecord, J)>, Error> {
        let filter = [State::Pending, State::Delayed, State::Retrying]
            .into_iter()
            .fold(JobFilter::new(), JobFilter::state);
        let filter = filter.kind(J::KIND).oldest_first().limit(JOBS_SHOWN);
        let jobs = self.queue.list(filter).await?.jobs;
        let read = |record: JobRecord| match serde_json::from_slice(&record.payload) {
            Ok(job) => Ok((record, job)),
            Err(error) => {
                Err(Error::invalid("/payload", format!("of job {} is {error}", record.id)))
            }
        };
        jobs.into_iter().map(read).collect()
    }

    /// Fails the test unless a job of this kind waits that is as it should be.
    ///
    /// # Panics
    /// If there is none; the message shows those that are there.
    pub async fn assert_enqueued<J: Job>(&self, is_right: impl Fn(&J) -> bool) {
        let jobs = self.enqueued::<J>().await;
        let found = jobs.as_ref().is_ok_and(|jobs| jobs.iter().any(|(_, job)| is_right(job)));
        assert!(found, "no such job of kind `{}` waits; there are {}", J::KIND, shown(&jobs));
    }

    /// Fails the test if a job of this kind waits.
    ///
    /// # Panics
    /// If there is one; the message shows it.
    pub async fn assert_none_enqueued<J: Job>(&self) {
        let jobs = self.enqueued::<J>().await;
        let is_empty = jobs.as_ref().is_ok_and(Vec::is_empty);
        assert!(is_empty, "jobs of kind `{}` wait: {}", J::KIND, shown(&jobs));
    }

    /// Lets the next `count` enqueues fail with [`Error::Unavailable`]: nothing is stored.
    pub fn fail_enqueues(&self, count: u32) {
        self.queue.store().faults().refused.store(count, Ordering::SeqCst);
    }

    /// Lets the next `count` enqueues store their jobs and then fail with [`Error::Unavailable`], as when
    /// the connection breaks before the answer comes: a caller that repeats them needs an idempotency key.
    pub fn lose_enqueue_answers(&self, count: u32) {
        self.queue.store().faults().unanswered.store(count, Ordering::SeqCst);
    }
}

fn shown<J>(jobs: &Result<Vec<(JobRecord, J)>, Error>) -> String {
    match jobs {
        Ok(jobs) => {
            let payloads = jobs.iter().map(|(record, _)| String::from_utf8_lossy(&record.payload));
            format!("{} ({})", jobs.len(), payloads.collect::<Vec<_>>().join(", "))
        }
        Err(error) => error.to_string(),
    }
}
