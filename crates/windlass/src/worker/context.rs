//! What a handler holds while it runs: its job's facts, the application's state, a way to be stopped.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::event::JobInfo;
use super::follow_ups::FollowUpList;
use super::log_buffer::LogBuffer;
use super::steps::Steps;
use crate::core::{Run, settle};
use crate::job::{Ending, Job, LogLevel, LogLine, NewJob, PAYLOAD_BYTES_MAX, to_json};
use crate::runtime::Clock;
#[cfg(feature = "sqlite")]
use crate::store::within::run_on_rusqlite;
use crate::store::within::{Transaction, Work};
use crate::store::{Fence, Part, Saved, Settled, Store, WorkerKey};
use crate::{Error, Timestamp};

/// Context of one attempt; `S` is the application's state, given with
/// [`Worker::state`](crate::Worker::state).
pub struct Ctx<S = ()> {
    pub(super) state: Arc<S>,
    pub(super) attempt: Arc<Attempt>,
    pub(super) store: Arc<dyn Store>,
}

impl<S> Ctx<S> {
    /// The application's state.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// The job and this attempt.
    pub fn info(&self) -> &JobInfo {
        &self.attempt.info
    }

    /// When this attempt will be ended by force: timeout or the job's deadline, whichever is first.
    pub fn deadline(&self) -> Timestamp {
        self.attempt.ends_at()
    }

    /// Ends when this attempt is to stop: cancelled, timed out, shutting down, or its lease lost.
    pub async fn cancelled(&self) {
        self.attempt.stop.cancelled().await;
    }

    /// True once this attempt is to stop.
    pub fn is_cancelled(&self) -> bool {
        self.attempt.stop.is_cancelled()
    }

    /// A token for code that takes one.
    pub fn cancellation(&self) -> CancellationToken {
        self.attempt.stop.clone()
    }

    /// Tells how far the work is, 0 to 1. Only the last call of each second is stored.
    pub fn progress(&self, fraction: f64, message: impl Into<String>) {
        let thousandths = (fraction.clamp(0.0, 1.0) * 100_000.0).round();
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 100,000")]
        let note = (thousandths as i64, crate::job::truncated(message.into()));
        *self.attempt.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(note);
    }

    /// Adds a line to the log of the job, which the API, the CLI and [`Queue::logs`](crate::Queue::logs)
    /// show. Lines are stored together, once a second and before the attempt's end is.
    ///
    /// A line has at most 4 KiB, a longer one is cut. A job keeps 1,000 lines and 256 KiB of all its
    /// attempts; then a last line says that there were more.
    pub fn log(&self, level: LogLevel, text: impl Into<String>) {
        let attempt = &self.attempt;
        let at = attempt.clock.now();
        attempt.log.push(LogLine::new(at, attempt.info.attempt, level, text.into()));
    }

    /// Asks for a follow-up job: stored in the very transaction in which this one completes, so that it
    /// is there exactly if the completion is. When the attempt ends in any other way, or its lease is
    /// lost, it is not stored.
    ///
    /// It is in the namespace of this job, and part of its trace unless it says otherwise. At most 1,000
    /// jobs and 10 MiB of payload an attempt. A job that its queue refuses (full) fails the attempt.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)] struct Charge { order: i64 }
    /// # impl windlass::Job for Charge { const KIND: &'static str = "charge"; type Output = (); }
    /// # #[derive(Serialize, Deserialize)] struct Ship { order: i64 }
    /// # impl windlass::Job for Ship { const KIND: &'static str = "ship"; type Output = (); }
    /// async fn charge(job: Charge, ctx: windlass::Ctx) -> windlass::Result {
    ///     // .. take the money ..
    ///     ctx.enqueue(Ship { order: job.order }).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each bound that is broken; [`Error::Conflict`] after
    /// [`complete_within`](Self::complete_within).
    pub async fn enqueue<J: Job>(&self, job: J) -> Result<(), Error> {
        self.enqueue_new(NewJob::of(&job)?).await
    }

    /// As [`enqueue`](Self::enqueue), for a job with options.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    pub async fn enqueue_new(&self, job: NewJob) -> Result<(), Error> {
        let trace = self.attempt.info.trace();
        self.attempt.follow_ups.push(job.trace_unless_set(trace.as_ref()))
    }

    /// Completes the job inside a transaction of the application's own, so that its effects and its end
    /// are stored together: when that commits the job has completed with this output, even if the
    /// process ends before the handler returns. The handler commits, and returns the same output.
    ///
    /// ```no_run
    /// # #[cfg(feature = "postgres")]
    /// # mod example {
    /// # #[derive(serde::Serialize, serde::Deserialize)] struct Charge { order: i64 }
    /// # impl windlass::Job for Charge { const KIND: &'static str = "charge"; type Output = (); }
    /// # struct App { pool: sqlx::PgPool }
    /// async fn charge(job: Charge, ctx: windlass::Ctx<App>) -> windlass::Result {
    ///     let mut tx = ctx.state().pool.begin().await?;
    ///     // .. write what the job is about, in `tx` ..
    ///     ctx.complete_within(&(), &mut tx).await?;
    ///     tx.commit().await?;
    ///     Ok(())
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Lost`] when another attempt owns the job by now: the transaction is to be rolled back.
    /// [`Error::Invalid`] when the output is too large or the transaction is of another kind of
    /// database than the queue, [`Error::Conflict`] when the handler asked for follow-up jobs (they go
    /// into that transaction with [`Enqueue::within`](crate::Enqueue::within)), [`Error::Unavailable`].
    pub async fn complete_within<O: Serialize, X: Transaction>(
        &self,
        output: &O,
        tx: &mut X,
    ) -> Result<(), Error> {
        let work = self.completion(output)?;
        self.completed(tx.enlist(work).await?.settled()?)
    }

    /// As [`complete_within`](Self::complete_within), for a transaction of `rusqlite`.
    ///
    /// # Errors
    /// As [`complete_within`](Self::complete_within).
    #[cfg(feature = "sqlite")]
    pub fn complete_within_rusqlite<O: Serialize>(
        &self,
        output: &O,
        tx: &rusqlite::Connection,
    ) -> Result<(), Error> {
        let work = self.completion(output)?;
        self.completed(run_on_rusqlite(tx, work)?.settled()?)
    }

    /// Keeps `value` with the job, instead of what an earlier call kept: the next attempt finds it with
    /// [`resume`](Self::resume), whatever ends this one. Stored when this answers; at most 1 MiB of JSON.
    ///
    /// ```
    /// # #[derive(serde::Serialize, serde::Deserialize)] struct Import { files: Vec<String> }
    /// # impl windlass::Job for Import { const KIND: &'static str = "import"; type Output = (); }
    /// # async fn load(file: &str) -> Result<(), windlass::JobError> { Ok(()) }
    /// async fn import(job: Import, ctx: windlass::Ctx) -> windlass::Result {
    ///     let done: usize = ctx.resume().await?.unwrap_or(0);
    ///     for (n_done, file) in job.files.iter().enumerate().skip(done) {
    ///         load(file).await?;
    ///         ctx.checkpoint(&(n_done + 1)).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::Lost`] when another attempt owns the job by now: nothing is kept. [`Error::Invalid`] when
    /// the value is too large or cannot be written as JSON, [`Error::Unavailable`].
    pub async fn checkpoint<T: Serialize + Sync>(&self, value: &T) -> Result<(), Error> {
        let data = Some(bounded_json(value, "/checkpoint")?);
        let item = Saved { data, ..Saved::default() };
        let is_kept = self.store.save(&self.attempt.fence(), Part::Checkpoint, item).await?;
        if is_kept { Ok(()) } else { Err(Error::Lost { job: self.attempt.info.id }) }
    }

    /// Reads what the last [`checkpoint`](Self::checkpoint) of this job kept, in this attempt or an
    /// earlier one; none when there was none.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is no `T`, [`Error::Unavailable`].
    pub async fn resume<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let saved = self.store.saved(None, self.attempt.info.id, Part::Checkpoint).await?;
        let Some(data) = saved.into_iter().next().and_then(|saved| saved.data) else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&data);
        let refused = |error| Error::invalid("/checkpoint", format!("cannot be read: {error}"));
        value.map(Some).map_err(refused)
    }

    fn completion<O: Serialize>(&self, output: &O) -> Result<Work, Error> {
        let result = bounded_json(output, "/output")?;
        self.attempt.follow_ups.close()?;
        let ending = Ending::Complete { result: Some(result) };
        let settlement = settle(&self.attempt.run, ending, self.attempt.clock.now(), 0.0);
        self.store.enlist_settle(&self.attempt.worker, settlement)
    }

    fn completed(&self, status: Settled) -> Result<(), Error> {
        self.store.signals().expected.raise();
        match status {
            Settled::Applied(_) | Settled::AlreadyApplied(_) => Ok(()),
            Settled::Lost => Err(Error::Lost { job: self.attempt.info.id }),
        }
    }

    /// Waits in the slot, on the worker's clock, so that tests with a manual clock need not. For longer
    /// waits see [`sleep`](Self::sleep), which frees the slot.
    pub async fn pause(&self, span: Duration) {
        self.attempt.clock.sleep(span).await;
    }
}

/// Writes a value as JSON of at most 1 MiB, or says why not.
pub(super) fn bounded_json<T: Serialize>(value: &T, pointer: &str) -> Result<Vec<u8>, Error> {
    let bytes = to_json(value, pointer)?;
    if bytes.len() > PAYLOAD_BYTES_MAX {
        let detail = format!("is {} bytes long (at most {PAYLOAD_BYTES_MAX})", bytes.len());
        return Err(Error::invalid(pointer, detail));
    }
    Ok(bytes)
}

impl<S> Clone for Ctx<S> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            attempt: Arc::clone(&self.attempt),
            store: Arc::clone(&self.store),
        }
    }
}

impl<S> fmt::Debug for Ctx<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx").field("info", &self.attempt.info).finish_non_exhaustive()
    }
}

/// One attempt, from the moment it was claimed until its outcome is stored.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) info: Arc<JobInfo>,
    pub(super) run: Run,
    pub(super) worker: WorkerKey,
    pub(super) clock: Clock,
    pub(super) stop: CancellationToken,
    ends_at: AtomicI64,
    cause: AtomicU8,
    pub(super) log: LogBuffer,
    pub(super) follow_ups: FollowUpList,
    pub(super) steps: Steps,
    progress: Mutex<Option<(i64, String)>>,
}

/// Why an attempt is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopCause {
    Request = 1,
    Shutdown = 2,
    LeaseLost = 3,
}

impl Attempt {
    pub(super) fn new(info: JobInfo, run: Run, worker: WorkerKey, clock: Clock) -> Self {
        Self {
            info: Arc::new(info),
            run,
            worker,
            clock,
            stop: CancellationToken::new(),
            ends_at: AtomicI64::new(i64::MAX),
            cause: AtomicU8::new(0),
            log: LogBuffer::default(),
            follow_ups: FollowUpList::default(),
            steps: Steps::default(),
            progress: Mutex::new(None),
        }
    }

    /// The lease it runs under.
    pub(super) fn fence(&self) -> Fence {
        Fence { job: self.info.id, epoch: self.info.epoch, worker: self.worker.clone() }
    }

    /// When the attempt ends by force; known once its handler starts.
    pub(super) fn ends_at(&self) -> Timestamp {
        Timestamp::from_micros(self.ends_at.load(Ordering::Acquire))
    }

    pub(super) fn start(&self, ends_at: Timestamp) {
        self.ends_at.store(ends_at.as_micros(), Ordering::Release);
    }

    /// Asks the handler to stop; the first cause stands.
    pub(super) fn stop_for(&self, cause: StopCause) {
        let set = self.cause.compare_exchange(0, cause as u8, Ordering::AcqRel, Ordering::Acquire);
        if set.is_ok() {
            self.stop.cancel();
        }
    }

    /// True when the handler was told to stop for a reason of the worker's, not of the job's.
    pub(super) fn is_given_up(&self) -> bool {
        let cause = self.cause.load(Ordering::Acquire);
        cause == StopCause::Shutdown as u8 || cause == StopCause::LeaseLost as u8
    }

    /// Progress told since the last call.
    pub(super) fn take_progress(&self) -> Option<(i64, String)> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
