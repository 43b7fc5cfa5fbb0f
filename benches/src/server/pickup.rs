//! How long a job waits on an idle system, enqueued by the worker's own process or by another.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use windlass::{JobError, Queue};

use super::ServerOptions;
use super::scratch::Scratch;
use crate::Bench;
use crate::enqueue::job;
use crate::report::{Figures, percentile};

/// Between two jobs: long enough for the worker to fall asleep, and odd, so that they do not march in
/// step with its polls.
const PAUSE: Duration = Duration::from_millis(37);

/// Jobs of one measurement, at most.
const SAMPLES_MAX: usize = 300;

pub(crate) async fn measure(
    scratch: &Scratch,
    options: &ServerOptions,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("pickup latency when idle: from the same process, from another");
    let queue = Queue::open(&scratch.url()).await?;
    // A second handle shares nothing with the first but the database, like another process.
    let other = Queue::open(&scratch.url()).await?;
    let (started, mut starts) = mpsc::unbounded_channel();
    let worker = queue.worker().handle_raw("noop", move |_, _| {
        // Whoever measures may have stopped.
        started.send(Instant::now()).ok();
        async { Ok::<_, JobError>(Vec::new()) }
    });
    let worker = worker.start().await?;
    for (name, from) in [("same_process", &queue), ("other_process", &other)] {
        let mut waits = Vec::with_capacity(SAMPLES_MAX);
        let end = Instant::now() + Duration::from_secs(options.seconds);
        while waits.len() < SAMPLES_MAX && (Instant::now() < end || waits.len() < 20) {
            tokio::time::sleep(PAUSE).await;
            let asked = Instant::now();
            from.enqueue_new(job("noop")).await?;
            let begun = starts.recv().await.ok_or("the worker is gone")?;
            waits.push(begun.saturating_duration_since(asked).as_secs_f64() * 1000.0);
        }
        waits.sort_unstable_by(f64::total_cmp);
        for percent in [50, 99] {
            let wait = percentile(&waits, percent).unwrap_or(0.0);
            figures.set(&format!("pickup_ms.{name}_p{percent}"), wait);
        }
    }
    worker.stop().await;
    other.close().await;
    queue.close().await;
    Ok(())
}
