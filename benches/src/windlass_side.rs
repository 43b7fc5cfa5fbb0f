//! Windlass itself, measured through its public interface as a user's program would use it.

use std::path::Path;
use std::time::{Duration, Instant};

use windlass::Queue;

use crate::drain::{Drain, Pace, drain};
use crate::enqueue::{bulk, concurrent, job};
use crate::floor::per_second;
use crate::report::{Figures, percentile};
use crate::{Bench, Options, process, url};

/// Latency and cost of a server with little to do, measured first: memory is that of a young process.
pub(crate) async fn at_rest(
    folder: &Path,
    options: &Options,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    let queue = Queue::open(&url(folder, "rest.db")).await?;
    let drain = Drain::start(&queue, Pace::FULL).await?;
    progress("pickup latency at 200 jobs/s");
    let pickups = drain.pickups.clone();
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let jobs = usize::try_from(options.seconds * 200)?;
    for _ in 0..jobs {
        tick.tick().await;
        queue.enqueue_new(job("noop")).await?;
    }
    drain.done(jobs).await;
    let mut micros = std::mem::take(&mut *pickups.lock().map_err(|_| "poisoned")?);
    micros.sort_unstable();
    for (name, percent) in [("p50", 50), ("p95", 95), ("p99", 99)] {
        let micros = percentile(&micros, percent).unwrap_or(0);
        figures.set(&format!("pickup_ms.{name}"), f64::from(micros) / 1000.0);
    }
    progress("cost of an idle worker");
    let (before, started) = (process::cpu_seconds(), Instant::now());
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    if let (Some(before), Some(after)) = (before, process::cpu_seconds()) {
        let share = (after - before) / started.elapsed().as_secs_f64();
        figures.set("idle_cpu_percent", share * 100.0);
    }
    drain.worker.stop().await;
    queue.close().await;
    Ok(())
}

/// Enqueue and drain rates.
pub(crate) async fn rates(
    folder: &Path,
    options: &Options,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("enqueue: one caller, 64 callers, batches of 1000");
    let queue = Queue::open(&url(folder, "enqueue.db")).await?;
    let few = options.jobs / 20;
    let started = Instant::now();
    for _ in 0..few {
        queue.enqueue_new(job("noop")).await?;
    }
    figures.set("enqueue_single", per_second(few, started));
    figures.set("enqueue_concurrent_64", concurrent(&queue, 64, options.jobs).await?);
    queue.close().await;
    let queue = Queue::open(&url(folder, "drain.db")).await?;
    let started = Instant::now();
    bulk(&queue, "noop", options.jobs, 1000, Duration::ZERO).await?;
    figures.set("enqueue_bulk_1000", per_second(options.jobs, started));
    progress("drain");
    drain(&queue, options.jobs, Pace::FULL).await?;
    if let Some(rss) = process::rss_mib() {
        figures.set("rss_mib", rss);
    }
    progress("end to end: 64 callers while a worker runs");
    let running = Drain::start(&queue, Pace::FULL).await?;
    let started = Instant::now();
    concurrent(&queue, 64, options.jobs).await?;
    running.done(options.jobs / 64 * 64).await;
    figures.set("end_to_end", per_second(options.jobs / 64 * 64, started));
    running.worker.stop().await;
    progress("drain, with and without a backlog that no worker serves, three times each");
    queue.close().await;
    let unserved = url(folder, "unserved.db");
    let queue = Queue::open(&unserved).await?;
    bulk(&queue, "unserved", options.jobs, 1000, Duration::ZERO).await?;
    queue.close().await;
    let (plain, beside) = side_by_side(&url(folder, "drain.db"), &unserved, options).await?;
    figures.set("drain", plain);
    figures.set("drain_behind_unserved", beside);
    figures.set("ratio.drain_behind_unserved", beside / plain);
    Ok(())
}

/// The drain again, with many finished and many delayed jobs in the same database.
pub(crate) async fn beside_history(
    folder: &Path,
    options: &Options,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("drain beside finished and delayed jobs (filling takes a while)");
    let history = url(folder, "history.db");
    let queue = Queue::open(&history).await?;
    bulk(&queue, "noop", options.history, 1000, Duration::ZERO).await?;
    drain(&queue, options.history, Pace::FULL).await?;
    bulk(&queue, "noop", options.history, 1000, Duration::from_secs(30 * 24 * 3600)).await?;
    queue.close().await;
    progress("drain, with and without that history, three times each");
    let (plain, beside) = side_by_side(&url(folder, "empty.db"), &history, options).await?;
    figures.set("drain_beside_history", beside);
    figures.set("ratio.drain_beside_history", beside / plain);
    Ok(())
}

/// Drains of two databases in turn, the middle one of three each: one alone varies by a tenth with
/// whatever the disk does, and later ones are slower than earlier ones. One at a time is open: of two in one
/// process one is slower by a fifth, whatever is in it.
pub(crate) async fn side_by_side(plain: &str, other: &str, options: &Options) -> Bench<(f64, f64)> {
    let mut rates = [[0.0; 3]; 2];
    for round in 0..3 {
        for (url, rates) in [plain, other].into_iter().zip(&mut rates) {
            let queue = Queue::open(url).await?;
            bulk(&queue, "noop", options.jobs, 1000, Duration::ZERO).await?;
            rates[round] = drain(&queue, options.jobs, Pace::FULL).await?;
            queue.close().await;
        }
    }
    for rates in &mut rates {
        rates.sort_unstable_by(f64::total_cmp);
    }
    Ok((rates[0][1], rates[1][1]))
}
