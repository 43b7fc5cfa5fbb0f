//! The dispatcher: holds claimed jobs in claim order until there is a slot for the first of them.
//!
//! Invariant: whatever waits here has not started, so it can always be given back uncounted.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::context::Attempt;
use super::engine::Engine;
use super::settler::Done;
use super::slot;
use crate::runtime::Tasks;
use crate::store::Claimed;

/// A claimed job that waits for a slot.
pub(super) struct Waiting {
    pub(super) attempt: Arc<Attempt>,
    pub(super) claimed: Claimed,
    pub(super) place: OwnedSemaphorePermit,
}

/// One slot of each gate a job has to pass.
pub(super) type Slots = Vec<OwnedSemaphorePermit>;

type Acquiring = Pin<Box<dyn Future<Output = Slots> + Send>>;

/// Starts jobs in the order in which they come, until the worker is to be quiet.
pub(super) async fn run<S: Send + Sync + 'static>(
    engine: Arc<Engine<S>>,
    gates: Arc<[Arc<Semaphore>]>,
    mut claimed: mpsc::UnboundedReceiver<Waiting>,
    attempts: Tasks,
) {
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    let mut stopped = engine.in_flight.stopped.listen();
    let mut slots = acquire(&gates);
    loop {
        tokio::select! {
            biased;
            () = engine.quiet.cancelled() => break,
            () = stopped.heard() => {
                stopped.mark();
                give_back_stopped(&engine, &mut waiting).await;
                if waiting.is_empty() {
                    // Whoever queues for a slot without a job would keep others from it.
                    slots = acquire(&gates);
                }
            }
            Some(job) = claimed.recv() => waiting.push_back(job),
            taken = &mut slots, if !waiting.is_empty() => {
                slots = acquire(&gates);
                if let Some(job) = waiting.pop_front() {
                    attempts.spawn(slot::run(Arc::clone(&engine), job, taken));
                }
            }
        }
    }
    claimed.close();
    while let Some(job) = claimed.recv().await {
        waiting.push_back(job);
    }
    for job in waiting {
        engine.report(Done::unstarted(job.attempt)).await;
    }
}

async fn give_back_stopped<S>(engine: &Engine<S>, waiting: &mut VecDeque<Waiting>) {
    let mut kept = VecDeque::with_capacity(waiting.len());
    for job in waiting.drain(..) {
        if job.attempt.stop.is_cancelled() {
            engine.report(Done::unstarted(job.attempt)).await;
        } else {
            kept.push_back(job);
        }
    }
    *waiting = kept;
}

/// One slot of each gate. While one gate is waited for, no other is held, so that a full queue does
/// not keep the slots of a kind from other queues.
fn acquire(gates: &Arc<[Arc<Semaphore>]>) -> Acquiring {
    let gates = Arc::clone(gates);
    Box::pin(async move {
        let mut full = 0;
        loop {
            let Ok(first) = Arc::clone(&gates[full]).acquire_owned().await else {
                return std::future::pending().await;
            };
            match try_others(&gates, full) {
                Ok(mut slots) => {
                    slots.push(first);
                    return slots;
                }
                Err(gate) => full = gate,
            }
        }
    })
}

/// A slot of every gate but one, or the first gate that is full.
fn try_others(gates: &[Arc<Semaphore>], but: usize) -> Result<Slots, usize> {
    let others = gates.iter().enumerate().filter(|(index, _)| *index != but);
    others.map(|(index, gate)| Arc::clone(gate).try_acquire_owned().map_err(|_| index)).collect()
}
