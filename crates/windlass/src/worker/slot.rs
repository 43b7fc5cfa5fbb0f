//! One attempt: waits for a slot, runs the handler under timeout, stop and panic guard, reports.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::context::{Attempt, Ctx, StopCause};
use super::engine::Engine;
use super::event::{Event, JobInfo};
use super::guard::Guarded;
use super::registry::BackoffFn;
use super::settler::Done;
use crate::core::Run;
use crate::crash_point;
use crate::job::{Ending, Failure, FailureClass};
use crate::store::{Claimed, WorkerKey};

/// How long a handler that was asked to stop may go on before it is dropped.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// Runs one claimed job to its report.
pub(super) async fn run<S: Send + Sync + 'static>(
    engine: Arc<Engine<S>>,
    claimed: Claimed,
    worker: WorkerKey,
    gates: Arc<[Arc<Semaphore>]>,
    place: OwnedSemaphorePermit,
) {
    let Claimed { run, payload, timeout, .. } = &claimed;
    let info = Arc::new(info(&claimed, payload.len()));
    let slots = tokio::select! {
        biased;
        slots = acquire(&gates) => Some(slots),
        () = engine.quiet.cancelled() => None,
    };
    let Some(_slots) = slots else {
        return engine.report(Done::unstarted(run.clone(), worker, info)).await;
    };
    let started_at = engine.clock().now();
    let handler = engine.registry.handlers.get(&*claimed.kind);
    let timeout = handler.and_then(|handler| handler.options.timeout).unwrap_or(*timeout);
    let ends_at = run.deadline.map_or(started_at + timeout, |end| end.min(started_at + timeout));
    let attempt =
        Arc::new(Attempt::new(Arc::clone(&info), worker.id, ends_at, engine.clock().clone()));
    engine.in_flight.add(&attempt);
    engine.tell(&Event::Started(Arc::clone(&info)));
    crash_point!("started");
    let run = run.clone();
    let ending = match handler {
        Some(handler) => {
            let ctx = Ctx { state: Arc::clone(&engine.state), attempt: Arc::clone(&attempt) };
            let work = (handler.run)(claimed.payload, ctx);
            let ending = guard(work, &attempt).await;
            let custom = handler.options.backoff.as_ref();
            with_backoff(ending, run.counts.attempt, custom)
        }
        None => Ending::Release,
    };
    crash_point!("finished");
    engine.in_flight.remove(&attempt);
    let now = engine.clock().now();
    let waited_from = if run.counts.attempt == 1 { claimed.created_at } else { run.started_at };
    let done = Done {
        ending: heed_stop(ending, &attempt, &run),
        run,
        worker,
        info,
        waited: started_at.since(waited_from),
        ran: now.since(started_at),
    };
    engine.report(done).await;
    drop(place);
}

async fn acquire(gates: &[Arc<Semaphore>]) -> Vec<OwnedSemaphorePermit> {
    let mut slots = Vec::with_capacity(gates.len());
    for gate in gates {
        if let Ok(slot) = Arc::clone(gate).acquire_owned().await {
            slots.push(slot);
        }
    }
    slots
}

/// Runs a handler until it ends, its time is over, or it ignored a request to stop for too long.
async fn guard<F>(work: std::pin::Pin<Box<F>>, attempt: &Attempt) -> Ending
where
    F: Future<Output = Ending> + Send + ?Sized,
{
    let clock = &attempt.clock;
    let left = attempt.ends_at.since(clock.now());
    let mut work = Guarded(work);
    let ending = tokio::select! {
        biased;
        ending = &mut work => Some(ending),
        () = clock.sleep(left) => None,
        () = stopped_for_long(attempt) => None,
    };
    // A handler that blocks its thread can only be timed after the fact.
    let late = clock.now() > attempt.ends_at;
    match ending {
        Some(Ok(ending)) if !late => ending,
        Some(Err(failure)) => Ending::Fail(failure),
        _ if attempt.stop.is_cancelled() && !late => {
            Ending::Fail(Failure::new(FailureClass::Timeout, "asked to stop, and did not"))
        }
        _ => {
            let ran = crate::job::format_duration(left);
            Ending::Fail(Failure::new(FailureClass::Timeout, format!("timed out after {ran}")))
        }
    }
}

async fn stopped_for_long(attempt: &Attempt) {
    attempt.stop.cancelled().await;
    attempt.clock.sleep(STOP_GRACE).await;
}

/// A handler that gives up because the worker is stopping has not failed.
fn heed_stop(ending: Ending, attempt: &Attempt, run: &Run) -> Ending {
    match ending {
        Ending::Fail(_) if attempt.is_stopped_for(StopCause::Shutdown) => {
            tracing::debug!(job.id = %run.job, "given back: the worker stops");
            Ending::Release
        }
        other => other,
    }
}

fn with_backoff(ending: Ending, attempt: u32, custom: Option<&BackoffFn>) -> Ending {
    match (ending, custom) {
        (Ending::Fail(failure), Some(custom)) if failure.retry_after.is_none() => {
            // The application's code: when it panics, the job's own backoff holds.
            let choose = AssertUnwindSafe(|| custom(attempt, &failure.message));
            let retry_after = catch_unwind(choose).ok();
            Ending::Fail(Failure { retry_after, ..failure })
        }
        (ending, _) => ending,
    }
}

fn info(claimed: &Claimed, payload_bytes: usize) -> JobInfo {
    let run = &claimed.run;
    JobInfo {
        id: run.job,
        kind: Arc::clone(&claimed.kind),
        queue: Arc::clone(&claimed.queue),
        namespace: Arc::clone(&claimed.namespace),
        priority: claimed.priority,
        attempt: run.counts.attempt,
        max_attempts: run.max_attempts,
        crashes: run.counts.crashes,
        snoozes: run.counts.snoozes,
        epoch: run.counts.epoch,
        created_at: claimed.created_at,
        claimed_at: run.started_at,
        correlation_id: claimed.correlation_id.clone(),
        tags: claimed.tags.clone(),
        metadata: claimed.metadata.clone(),
        payload_bytes,
    }
}
