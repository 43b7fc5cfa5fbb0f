//! A worker that works when it is told to: one job at a time, in the test's own task.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::context::Attempt;
use super::dispatcher::Waiting;
use super::engine::Engine;
use super::event::{Event, JobInfo};
use super::guard::Guarded;
use super::heartbeat::register;
use super::running::Assembled;
use super::settler::{self, Desk};
use super::{Worker, slot};
use crate::job::{JobId, JobRecord};
use crate::runtime::Tasks;
use crate::store::{Claimed, Claims, Declared, NewWorker, Served};
use crate::{Error, upkeep};

/// Jobs that one [`drain`](TestWorker::drain) may run.
const DRAIN_MAX: usize = 10_000;

/// A worker for tests, made of the same handlers as the real one, that runs one job when it is told to.
///
/// Nothing happens in between. What the loops of a real worker do (delays, schedules, dependencies, lost
/// leases) is done before each job, as far as it is due by the queue's clock. See [`testing`](crate::testing) for an example.
#[must_use = "it runs nothing by itself"]
pub struct TestWorker<S> {
    engine: Arc<Engine<S>>,
    worker: NewWorker,
    served: Arc<Served>,
    declared: Arc<Declared>,
    settled: mpsc::UnboundedReceiver<JobId>,
    settler: Tasks,
    turn: usize,
}

impl<S: Send + Sync + 'static> TestWorker<S> {
    /// Registers a worker that is run by hand.
    ///
    /// # Errors
    /// As [`Worker::start`].
    pub async fn new(mut worker: Worker<S>) -> Result<Self, Error> {
        let (tell, settled) = mpsc::unbounded_channel();
        worker = worker.on_event(move |event| {
            if let Event::Settled { info, .. } | Event::Lost(info) = event {
                // The test may have dropped its worker.
                let _ = tell.send(info.id);
            }
        });
        let Assembled { engine, worker, outcomes, schedules, settings } = worker.assemble().await?;
        let (settler, desk, of) = (Tasks::default(), Desk::new(outcomes), Arc::clone(&engine));
        settler.supervise("settler", move |stop| {
            settler::run(Arc::clone(&of), Arc::clone(&desk), stop)
        });
        let served = Arc::new(Served {
            namespace: worker.namespace.clone(),
            queues: worker.queues.clone(),
            except_queues: Vec::new(),
            kinds: worker.kinds.clone(),
            aging: settings.aging,
        });
        let (declared, turn) = (schedules, 0);
        Ok(Self { engine, worker, served, declared, settled, settler, turn })
    }

    /// Runs the next job to its stored outcome and returns it as it stands then; none when no job can run
    /// at this time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Bug`] of the database; what the handler returns is in the job.
    pub async fn run_next(&mut self) -> Result<Option<JobRecord>, Error> {
        let Some((attempt, claimed)) = self.claim().await? else { return Ok(None) };
        let info = Arc::clone(&attempt.info);
        let place = Arc::new(Semaphore::new(1)).acquire_owned().await;
        let place = place.map_err(|_| Error::bug("a fresh semaphore is closed"))?;
        let waiting = Waiting { attempt, claimed, place };
        slot::run(Arc::clone(&self.engine), waiting, Vec::new()).await;
        while self.settled.recv().await.is_some_and(|job| job != info.id) {}
        self.catch_up().await?;
        self.read(&info).await.map(Some)
    }

    /// Does what is due by now without running a job: delays that are over, ticks of schedules, dependencies,
    /// lost leases, operations. The worker itself lives on, however far the clock was moved.
    ///
    /// # Errors
    /// As [`run_next`](Self::run_next).
    pub async fn catch_up(&mut self) -> Result<(), Error> {
        let key = self.engine.identity.borrow().clone();
        let beat = self.engine.store().heartbeat(&key, Some(self.worker.lease)).await?;
        if !beat.alive {
            self.register().await?;
        }
        upkeep::turn(&self.engine.queue, &self.declared).await
    }

    /// Runs jobs until none can run at this time, and returns each run, in order; at most 10,000.
    ///
    /// # Errors
    /// As [`run_next`](Self::run_next).
    pub async fn drain(&mut self) -> Result<Vec<JobRecord>, Error> {
        let mut ran = Vec::new();
        while ran.len() < DRAIN_MAX {
            match self.run_next().await? {
                Some(job) => ran.push(job),
                None => break,
            }
        }
        Ok(ran)
    }

    /// Claims the next job, and dies before its handler starts: the lease stands until its time (30 s
    /// unless the worker says otherwise) is over, and then the job counts one crash. Returns the job.
    ///
    /// # Errors
    /// As [`run_next`](Self::run_next).
    pub async fn crash_before_next(&mut self) -> Result<Option<JobRecord>, Error> {
        let Some((attempt, _)) = self.claim().await? else { return Ok(None) };
        self.die(&attempt).await.map(Some)
    }

    /// Runs the handler of the next job to its end, and dies before the outcome is stored: as
    /// [`crash_before_next`](Self::crash_before_next), but what the handler did outside is done, and will be
    /// done again.
    ///
    /// # Errors
    /// As [`run_next`](Self::run_next).
    pub async fn crash_after_next(&mut self) -> Result<Option<JobRecord>, Error> {
        let Some((attempt, claimed)) = self.claim().await? else { return Ok(None) };
        let started_at = self.engine.clock().now();
        let work = slot::handle(&self.engine, &attempt, claimed, started_at);
        // A panic of the handler is lost with its worker.
        drop(Guarded(Box::pin(work)).await);
        self.die(&attempt).await.map(Some)
    }

    async fn claim(&mut self) -> Result<Option<(Arc<Attempt>, Claimed)>, Error> {
        self.catch_up().await?;
        let key = self.engine.identity.borrow().clone();
        self.turn += 1;
        let claimed = loop {
            let claims = self.engine.store().claim(&key, &self.served, 1, self.turn).await?;
            let Claims::Jobs { jobs, more, .. } = claims else {
                return Err(Error::unavailable("the clock was moved during a claim"));
            };
            match jobs.into_iter().next() {
                Some(claimed) => break claimed,
                None if more => {}
                None => return Ok(None),
            }
        };
        let clock = self.engine.clock().clone();
        let info = JobInfo::of(&claimed);
        let attempt = Arc::new(Attempt::new(info, claimed.run.clone(), key, clock));
        self.engine.hold(&attempt);
        Ok(Some((attempt, claimed)))
    }

    /// Nothing of this identity is heard of again.
    async fn die(&self, attempt: &Arc<Attempt>) -> Result<JobRecord, Error> {
        self.engine.in_flight.remove(attempt);
        self.register().await?;
        self.read(&attempt.info).await
    }

    async fn register(&self) -> Result<(), Error> {
        let key = register(self.engine.store(), &self.worker).await?;
        self.engine.identity.send_replace(key);
        Ok(())
    }

    async fn read(&self, info: &JobInfo) -> Result<JobRecord, Error> {
        self.engine.queue.in_namespace(&info.namespace)?.get(info.id).await
    }
}

impl<S> Drop for TestWorker<S> {
    fn drop(&mut self) {
        self.settler.cancel();
    }
}

impl<S> fmt::Debug for TestWorker<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestWorker").field("worker", &self.worker).finish_non_exhaustive()
    }
}
