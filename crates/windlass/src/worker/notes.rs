//! Carries progress and log lines out, once a second at most: beside the heartbeat, so that they never
//! delay it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::context::Attempt;
use super::engine::Engine;
use crate::store::{LogNote, ProgressNote};

/// How often progress and log lines are stored.
const EVERY: Duration = Duration::from_secs(1);

/// Stores what running handlers told until `stop`.
pub(super) async fn run<S: Send + Sync + 'static>(engine: Arc<Engine<S>>, stop: CancellationToken) {
    while stop.run_until_cancelled(engine.clock().sleep(EVERY)).await.is_some() {
        let worker = engine.identity.borrow().id;
        let mut held = engine.in_flight.all();
        held.retain(|attempt| attempt.worker.id == worker);
        send_progress(&engine, &held).await;
        send_lines(&engine, &held).await;
    }
}

async fn send_progress<S>(engine: &Engine<S>, held: &[Arc<Attempt>]) {
    let told = held.iter().filter_map(|attempt| {
        let (thousandths, message) = attempt.take_progress()?;
        let (job, epoch) = (attempt.info.id, attempt.info.epoch);
        Some(ProgressNote { job, epoch, thousandths, message: Some(message) })
    });
    let notes: Vec<ProgressNote> = told.collect();
    if !notes.is_empty()
        && let Some(first) = held.first()
        && let Err(error) = engine.store().progress(&first.worker, notes).await
    {
        tracing::debug!(%error, "progress not stored");
    }
}

/// Stores the lines that attempts of one identity wrote; those that cannot be stored wait for the next
/// call.
pub(super) async fn send_lines<S>(engine: &Engine<S>, held: &[Arc<Attempt>]) {
    let mut notes = Vec::new();
    for attempt in held {
        let (job, epoch) = (attempt.info.id, attempt.info.epoch);
        notes.extend(attempt.log.take().into_iter().map(|line| LogNote { job, epoch, line }));
    }
    let Some(first) = held.first().filter(|_| !notes.is_empty()) else { return };
    let Err(error) = engine.store().add_lines(&first.worker, notes.clone()).await else { return };
    tracing::warn!(%error, lines = notes.len(), "log lines not stored");
    for attempt in held {
        let mine = notes.iter().filter(|note| note.job == attempt.info.id);
        attempt.log.put_back(mine.map(|note| note.line.clone()).collect());
    }
}
