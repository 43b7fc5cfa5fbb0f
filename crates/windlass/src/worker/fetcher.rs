//! The fetcher: claims what there is room for, and sleeps when there is nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::context::Attempt;
use super::dispatcher::Waiting;
use super::engine::Engine;
use super::event::JobInfo;
use super::settler::Done;
use crate::store::{Claimed, Claims, Served, WorkerKey};

/// First and longest wait after a failed claim.
const ERROR_WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A part of what a worker serves that has its own limit.
#[derive(Debug, Clone)]
pub(super) struct Share {
    pub(super) served: Arc<Served>,
    /// Slots a job of this share needs, one of each.
    pub(super) gates: Arc<[Arc<Semaphore>]>,
    /// Jobs of this share that may be held at a time, running or waiting for a slot.
    pub(super) places: Arc<Semaphore>,
    /// How many of the places have to be free before it is worth claiming.
    pub(super) refill: usize,
    /// Jobs in one claim, at most.
    pub(super) batch: usize,
    pub(super) poll: Duration,
}

/// Claims jobs of one share until the worker is to be quiet, and hands them to its dispatcher.
pub(super) async fn run<S: Send + Sync + 'static>(
    engine: Arc<Engine<S>>,
    share: Share,
    dispatcher: mpsc::UnboundedSender<Waiting>,
) {
    let mut ready = engine.store().signals().ready.listen();
    let mut turn = 0;
    let mut error_wait = ERROR_WAIT.0;
    while let Some(room) = engine.quiet.run_until_cancelled(room(&share)).await {
        ready.mark();
        turn += 1;
        let worker = engine.identity.borrow().clone();
        let limit = room.num_permits();
        let claim = engine.store().claim(&worker, &share.served, limit, turn);
        let claims = if engine.store().is_remote() {
            let Some(claims) = engine.quiet.run_until_cancelled(claim).await else { return };
            claims
        } else {
            // Not cancelled half-way: what the store hands out has to arrive.
            claim.await
        };
        crate::crash_point!("claimed");
        let pause = match claims {
            Ok(Claims::Jobs { jobs, more, next_at }) => {
                error_wait = ERROR_WAIT.0;
                let now = engine.clock().now();
                let wait = next_at.map_or(share.poll, |at| at.since(now).min(share.poll));
                let pause = if more { None } else { Some(wait) };
                hand_over(&engine, &dispatcher, &worker, jobs, room).await;
                pause
            }
            Ok(Claims::WorkerExpired) => {
                drop(room);
                wait_for_new_identity(&engine, worker.id, share.poll).await;
                None
            }
            Err(error) => {
                tracing::warn!(%error, "claim failed");
                error_wait = (error_wait * 2).min(ERROR_WAIT.1);
                drop(room);
                engine.quiet.run_until_cancelled(engine.clock().sleep(error_wait)).await;
                None
            }
        };
        if let Some(pause) = pause {
            tokio::select! {
                () = engine.quiet.cancelled() => {}
                () = ready.heard() => {}
                () = engine.clock().sleep(pause) => {}
            }
        }
    }
}

/// From here on the jobs are known to be held, so that a request to stop finds them.
async fn hand_over<S>(
    engine: &Engine<S>,
    dispatcher: &mpsc::UnboundedSender<Waiting>,
    worker: &WorkerKey,
    jobs: Vec<Claimed>,
    mut room: OwnedSemaphorePermit,
) {
    for claimed in jobs {
        let Some(place) = room.split(1) else { continue };
        let (info, clock) = (JobInfo::of(&claimed), engine.clock().clone());
        let attempt = Attempt::new(info, claimed.run.clone(), worker.clone(), clock);
        let attempt = Arc::new(attempt);
        engine.hold(&attempt);
        let waiting = Waiting { attempt, claimed, place };
        // The claim was answered after the stop began: nobody will start the job any more.
        if let Err(mpsc::error::SendError(late)) = dispatcher.send(waiting) {
            engine.report(Done::unstarted(late.attempt)).await;
        }
    }
}

/// Waits until enough places are free, and takes all that are: a busy worker claims in batches, an
/// idle one at once.
async fn room(share: &Share) -> OwnedSemaphorePermit {
    let enough = u32::try_from(share.refill.clamp(1, share.batch)).unwrap_or(1);
    let places = Arc::clone(&share.places);
    let Ok(mut room) = places.acquire_many_owned(enough).await else {
        return std::future::pending().await;
    };
    let more = share.places.available_permits().min(share.batch.saturating_sub(room.num_permits()));
    let more = u32::try_from(more).unwrap_or(0);
    if let Ok(rest) = Arc::clone(&share.places).try_acquire_many_owned(more) {
        room.merge(rest);
    }
    room
}

async fn wait_for_new_identity<S>(engine: &Engine<S>, old: i64, at_most: Duration) {
    let mut identity = engine.identity.subscribe();
    tokio::select! {
        _ = identity.wait_for(|key| key.id != old) => {}
        () = engine.quiet.cancelled() => {}
        () = engine.clock().sleep(at_most) => {}
    }
}
