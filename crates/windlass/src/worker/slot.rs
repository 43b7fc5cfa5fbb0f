//! One attempt: runs the handler under timeout, stop and panic guard, and reports its end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tracing::{Instrument as _, Span};

use super::context::{Attempt, Ctx};
use super::dispatcher::{Slots, Waiting};
use super::engine::Engine;
use super::event::Event;
use super::guard::Guarded;
use super::layer::{layered, tell_panic};
use super::registry::BackoffFn;
use super::settler::Done;
use crate::Timestamp;
use crate::crash_point;
use crate::job::{Ending, Failure, FailureClass};
use crate::store::Claimed;

/// How long a handler may go on before it is dropped, when a client asked it to stop.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// The same, when its lease is lost or the worker stops: soon another attempt runs.
pub(super) const GIVE_UP_GRACE: Duration = Duration::from_secs(5);

/// Runs one claimed job that has its slots, to its report.
pub(super) async fn run<S: Send + Sync + 'static>(
    engine: Arc<Engine<S>>,
    job: Waiting,
    slots: Slots,
) {
    let Waiting { attempt, claimed, place } = job;
    let started_at = attempt.clock.now();
    if attempt.stop.is_cancelled() || attempt.run.is_too_late(started_at) {
        return engine.report(Done::unstarted(attempt)).await;
    }
    let waited_from =
        if attempt.info.attempt == 1 { attempt.info.created_at } else { attempt.info.claimed_at };
    engine.tell(&Event::Started(Arc::clone(&attempt.info)));
    crash_point!("started");
    // Whatever panics in here, also while a handler is dropped, the attempt is reported.
    let work = handle(&engine, &attempt, claimed, started_at);
    let ending = Guarded(Box::pin(work)).await.unwrap_or_else(Ending::Fail);
    crash_point!("finished");
    if let Ending::Fail(failure) = &ending
        && failure.class == FailureClass::Panic
    {
        tell_panic(&engine.hooks.on_panic, &attempt.info, failure);
    }
    let ending = heed_stop(ending, &attempt);
    // What the handler left running learns that the attempt is over.
    attempt.stop.cancel();
    let ran = attempt.clock.now().since(started_at);
    let done = Done { ending, waited: started_at.since(waited_from), ran, attempt };
    engine.report(done).await;
    drop((slots, place));
}

/// Runs the handler, or drops it when the worker ends.
pub(super) async fn handle<S: Send + Sync + 'static>(
    engine: &Engine<S>,
    attempt: &Arc<Attempt>,
    claimed: Claimed,
    started_at: Timestamp,
) -> Ending {
    let Some(handler) = engine.registry.get(&claimed.kind) else {
        return Ending::Release;
    };
    let ends_at = started_at + handler.options.timeout.unwrap_or(claimed.timeout);
    attempt.start(attempt.run.deadline.map_or(ends_at, |deadline| deadline.min(ends_at)));
    let (state, store) = (Arc::clone(&engine.state), Arc::clone(engine.store()));
    let ctx = Ctx { state, attempt: Arc::clone(attempt), store };
    let work = (handler.run)(claimed.payload, ctx);
    let undecodable = handler.options.undecodable;
    let work = Box::pin(async move { undecodable.apply(work.await) }.instrument(span(attempt)));
    let layers = engine.hooks.layers.iter().chain(&handler.options.layers);
    let work = layered(layers, &attempt.info, work);
    let ending = tokio::select! {
        biased;
        ending = guard(work, attempt, started_at) => ending,
        () = engine.abort.cancelled() => return Ending::Release,
    };
    with_backoff(ending, attempt.info.attempt, handler.options.backoff.as_ref())
}

/// What handlers write to the log is part of: of a job without a trace nothing, which costs nothing.
fn span(attempt: &Attempt) -> Span {
    let info = &attempt.info;
    match info.trace() {
        None => Span::none(),
        Some(trace) => tracing::info_span!(
            "job",
            job.id = %info.id,
            job.kind = &*info.kind,
            job.attempt = info.attempt,
            traceparent = trace.traceparent(),
        ),
    }
}

/// Runs a handler until it ends, its time is over, or it ignored a request to stop for too long.
async fn guard<F>(work: std::pin::Pin<Box<F>>, attempt: &Attempt, started_at: Timestamp) -> Ending
where
    F: Future<Output = Ending> + Send + ?Sized,
{
    let clock = &attempt.clock;
    let ends_at = attempt.ends_at();
    let left = ends_at.since(clock.now());
    let mut work = Guarded(work);
    let ending = tokio::select! {
        biased;
        ending = &mut work => Some(ending),
        () = clock.sleep(left) => None,
        () = stopped_for_long(attempt) => None,
    };
    // A handler that blocks its thread can only be timed after the fact.
    let late = clock.now() > ends_at;
    match ending {
        Some(Ok(ending)) if !late => ending,
        Some(Err(failure)) => Ending::Fail(failure),
        _ if attempt.stop.is_cancelled() && !late => {
            Ending::Fail(Failure::new(FailureClass::Timeout, "asked to stop, and did not"))
        }
        _ => {
            let ran = crate::job::format_duration(ends_at.since(started_at));
            Ending::Fail(Failure::new(FailureClass::Timeout, format!("timed out after {ran}")))
        }
    }
}

async fn stopped_for_long(attempt: &Attempt) {
    attempt.stop.cancelled().await;
    let grace = if attempt.is_given_up() { GIVE_UP_GRACE } else { STOP_GRACE };
    attempt.clock.sleep(grace).await;
}

/// A handler that gives up because the worker stops or lost its lease has not failed.
fn heed_stop(ending: Ending, attempt: &Attempt) -> Ending {
    match ending {
        Ending::Fail(_) if attempt.is_given_up() => {
            tracing::debug!(job.id = %attempt.info.id, "given back");
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
