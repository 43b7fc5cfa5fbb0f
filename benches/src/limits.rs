//! What limits by key cost: jobs with keys against jobs without, and ready jobs beside throttled ones.

use std::path::Path;
use std::time::{Duration, Instant};

use windlass::{Limit, NewJob, Queue};

use crate::drain::{Drain, Pace};
use crate::enqueue::bulk;
use crate::floor::per_second;
use crate::report::{Figures, Goal};
use crate::windlass_side::side_by_side;
use crate::{Bench, Options, PAYLOAD, url};

const KEYS: usize = 10_000;
const MOST: u32 = 3;
const BATCH: usize = 1000;

/// Enqueue and drain at the same time, with and without keys; then the drain beside jobs that wait in line.
pub(crate) async fn limits(
    folder: &Path,
    options: &Options,
    figures: &mut Figures,
    progress: &mut impl FnMut(&str),
) -> Bench<()> {
    progress("end to end in batches, with 10,000 keys and without, three times each");
    let queue = Queue::open(&url(folder, "limits.db")).await?;
    queue.set_limit("tenant", Limit::concurrency(MOST), None).await?;
    let mut rates = [[0.0; 3]; 2];
    for round in 0..3 {
        for (has_keys, rates) in [false, true].into_iter().zip(&mut rates) {
            rates[round] = end_to_end(&queue, options.jobs, has_keys).await?;
        }
    }
    for rates in &mut rates {
        rates.sort_unstable_by(f64::total_cmp);
    }
    let [[_, plain, _], [_, keyed, _]] = rates;
    figures.set("end_to_end_bulk", plain);
    figures.set("end_to_end_10000_keys", keyed);
    figures.set("ratio.limit_10000_keys", keyed / plain);
    figures.goal("ratio.limit_10000_keys", Goal::AtLeast(0.85));
    queue.close().await;
    progress("drain, with and without throttled jobs beside, three times each");
    let lines = url(folder, "lines.db");
    let queue = Queue::open(&lines).await?;
    throttle(&queue, options.jobs).await?;
    queue.close().await;
    let (plain, beside) = side_by_side(&url(folder, "no-lines.db"), &lines, options).await?;
    figures.set("drain_beside_throttled", beside);
    figures.set("ratio.drain_beside_throttled", beside / plain);
    Ok(())
}

async fn end_to_end(queue: &Queue, jobs: usize, has_keys: bool) -> Bench<f64> {
    let running = Drain::start(queue, Pace::FULL).await?;
    let started = Instant::now();
    for first in (0..jobs).step_by(BATCH) {
        let job = |n: usize| {
            let job = NewJob::new("noop", PAYLOAD.as_slice());
            if has_keys { job.concurrency_key(format!("tenant:{}", n % KEYS)) } else { job }
        };
        queue.enqueue_batch((first..first + BATCH).map(job).collect(), true).await?;
    }
    running.done(jobs.next_multiple_of(BATCH)).await;
    let rate = per_second(jobs.next_multiple_of(BATCH), started);
    running.worker.stop().await;
    Ok(rate)
}

/// Stores jobs that wait in one line, and stays until they stand there.
pub(crate) async fn throttle(queue: &Queue, jobs: usize) -> Bench<()> {
    queue.set_limit("line", Limit::ordered(), None).await?;
    let job = || NewJob::new("unserved", PAYLOAD.as_slice()).concurrency_key("line");
    let mut last = None;
    for _ in (0..jobs).step_by(BATCH) {
        let stored = queue.enqueue_batch((0..BATCH).map(|_| job()).collect(), true).await?;
        last = stored.into_iter().flatten().last().map(|stored| stored.id());
    }
    // A worker admits them.
    bulk(queue, "noop", 1, 1, Duration::ZERO).await?;
    let running = Drain::start(queue, Pace::FULL).await?;
    while let Some(last) = last {
        let explained = queue.explain(last).await?;
        if explained.blockers.iter().any(|blocker| blocker.code == "order") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.worker.stop().await;
    Ok(())
}
