//! Enqueue without waiting: jobs are handed over in memory and stored in the background, in their order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::Queue;
use crate::Error;
use crate::job::{Job, NewJob};
use crate::runtime::Tasks;

/// Jobs in one transaction.
const BATCH_MAX: usize = 500;

/// First and longest wait while the database does not answer.
const RETRY_WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Takes jobs without waiting for the database; made by [`Queue::buffer`].
///
/// What it has taken lives in the memory of this process until it is stored, a moment later: a process that
/// is killed loses it. Use it where that is better than a caller that waits, and [`close`](Self::close) it
/// before the process ends. While the database does not answer, jobs are kept up to the capacity, and stored
/// when it is back; a job whose answer was lost may then be stored twice, unless it has an idempotency key.
///
/// ```
/// use windlass::{NewJob, Queue};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), windlass::Error> {
/// let queue = Queue::open("memory:").await?;
/// let buffer = queue.buffer(1000);
/// buffer.push(NewJob::new("page-view", r#"{"path":"/"}"#))?;
///
/// assert_eq!(buffer.close().await.stored, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EnqueueBuffer {
    jobs: mpsc::UnboundedSender<NewJob>,
    room: Arc<Semaphore>,
    capacity: usize,
    told: Arc<Told>,
    tasks: Tasks,
}

/// What became of the jobs so far.
#[derive(Debug, Default)]
struct Told {
    stored: AtomicU64,
    refused: AtomicU64,
}

/// What became of the jobs that a buffer has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Jobs that are on stable storage, or were there before under their key.
    pub stored: u64,
    /// Jobs that the queue refused (full, or a key that belongs to another job): each is in the log.
    pub refused: u64,
}

impl Queue {
    /// A buffer for enqueues that do not wait, of at most so many jobs.
    pub fn buffer(&self, capacity: usize) -> EnqueueBuffer {
        let (jobs, taken) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(capacity.min(Semaphore::MAX_PERMITS)));
        let (told, tasks) = (Arc::<Told>::default(), Tasks::default());
        let storer =
            Storer { queue: self.clone(), room: Arc::clone(&room), told: Arc::clone(&told) };
        tasks.spawn(storer.run(taken));
        EnqueueBuffer { jobs, room, capacity, told, tasks }
    }
}

impl EnqueueBuffer {
    /// Takes a job, to be stored soon.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each broken rule; [`Error::Full`] when as many jobs as the capacity are not
    /// stored yet.
    pub fn push(&self, job: NewJob) -> Result<(), Error> {
        job.check()?;
        let full = |_| Error::Full {
            message: format!("{} jobs are not stored yet: the buffer is full", self.capacity),
        };
        self.room.try_acquire().map_err(full)?.forget();
        self.jobs.send(job).map_err(|_| Error::Closed)
    }

    /// Takes a typed job, with the queue and policy of its kind.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    #[expect(clippy::needless_pass_by_value, reason = "a job that is handed over is gone")]
    pub fn push_job<J: Job>(&self, job: J) -> Result<(), Error> {
        self.push(NewJob::of(&job)?)
    }

    /// Jobs that are not stored yet.
    pub fn len(&self) -> usize {
        self.capacity.saturating_sub(self.room.available_permits())
    }

    /// Whether everything is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes no more, waits until everything is stored, and says what became of it. It waits for as long as
    /// the database does not answer: put a timeout around it, and read [`len`](Self::len) before.
    pub async fn close(self) -> Drained {
        let Self { jobs, told, tasks, .. } = self;
        drop(jobs);
        tasks.stop().await;
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Drained { stored: count(&told.stored), refused: count(&told.refused) }
    }
}

/// The task that stores.
struct Storer {
    queue: Queue,
    room: Arc<Semaphore>,
    told: Arc<Told>,
}

impl Storer {
    /// Stores what comes until nobody can hand over any more.
    async fn run(self, mut taken: mpsc::UnboundedReceiver<NewJob>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while taken.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let count = batch.len();
            self.store(std::mem::take(&mut batch)).await;
            self.room.add_permits(count);
        }
    }

    /// Stores a batch, again and again while the database does not answer.
    async fn store(&self, jobs: Vec<NewJob>) {
        let mut wait = RETRY_WAIT.0;
        loop {
            match self.queue.enqueue_batch(jobs.clone(), false).await {
                Ok(replies) => {
                    replies.into_iter().for_each(|reply| self.tell(reply.map(drop)));
                    return;
                }
                Err(error @ Error::Unavailable { .. }) => {
                    tracing::warn!(%error, jobs = jobs.len(), "jobs are not stored yet");
                    self.queue.clock().sleep(wait).await;
                    wait = (wait * 2).min(RETRY_WAIT.1);
                }
                Err(error) => {
                    tracing::error!(%error, jobs = jobs.len(), "jobs refused");
                    let count = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
                    self.told.refused.fetch_add(count, Ordering::SeqCst);
                    return;
                }
            }
        }
    }

    fn tell(&self, reply: Result<(), Error>) {
        match reply {
            Ok(()) => drop(self.told.stored.fetch_add(1, Ordering::SeqCst)),
            Err(error) => {
                tracing::error!(%error, "a job was refused");
                self.told.refused.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}
