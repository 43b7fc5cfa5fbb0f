//! Carries progress out, once a second at most: beside the heartbeat, so that it never delays it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use crate::store::ProgressNote;

/// How often progress is stored.
const EVERY: Duration = Duration::from_secs(1);

/// Stores the progress told by running handlers until `stop`.
pub(super) async fn run<S: Send + Sync + 'static>(engine: Arc<Engine<S>>, stop: CancellationToken) {
    while stop.run_until_cancelled(engine.clock().sleep(EVERY)).await.is_some() {
        send(&engine).await;
    }
}

async fn send<S>(engine: &Engine<S>) {
    let worker = engine.identity.borrow().clone();
    let mine = engine.in_flight.all().into_iter().filter(|held| held.worker.id == worker.id);
    let told = mine.filter_map(|attempt| {
        let (thousandths, message) = attempt.take_progress()?;
        let (job, epoch) = (attempt.info.id, attempt.info.epoch);
        Some(ProgressNote { job, epoch, thousandths, message: Some(message) })
    });
    let notes: Vec<ProgressNote> = told.collect();
    if !notes.is_empty()
        && let Err(error) = engine.store().progress(&worker, notes).await
    {
        tracing::debug!(%error, "progress not stored");
    }
}
