//! Time series: what happened minute by minute, on all nodes, without a write of any enqueue or claim.

use std::time::Duration;

use windlass::{NewJob, SeriesPoint, SeriesQuery, State};
use windlass_testkit::{Act, Harness, Script, every_backend};

every_backend!(
    counts_are_kept_by_the_minute_and_queue,
    times_are_kept_by_the_minute,
    the_latest_runs_of_a_type_are_those_that_ended,
    a_range_out_of_bounds_is_refused,
);

const MINUTE: Duration = Duration::from_secs(60);

async fn points(t: &Harness, queues: &[&str]) -> Vec<SeriesPoint> {
    let queues = queues.iter().map(|queue| (*queue).to_owned()).collect();
    let query = SeriesQuery { range: 10 * MINUTE, queues, ..SeriesQuery::default() };
    t.queue.series(&query).await.expect("a series").points
}

/// Adds up one count of the points.
fn sum(points: &[SeriesPoint], count: impl Fn(&SeriesPoint) -> u64) -> u64 {
    points.iter().map(count).sum()
}

/// The points of the minutes that are over, once they hold so much.
async fn kept(t: &Harness, count: impl Fn(&SeriesPoint) -> u64, wanted: u64) -> Vec<SeriesPoint> {
    t.until_after("kept", Duration::from_secs(1), async || {
        let mut points = points(t, &[]).await;
        points.retain(|point| point.at() + MINUTE <= t.clock.now());
        (sum(&points, &count) == wanted).then_some(points)
    })
    .await
}

async fn counts_are_kept_by_the_minute_and_queue(t: &Harness) {
    let acts = [Act::Complete("1"), Act::FailForGood("no"), Act::Fail("no")];
    let worker = t.worker(&Script::new(acts)).concurrency(1).start().await.expect("a worker");
    // The first look, after which minutes are kept.
    t.until_after("looked", Duration::from_secs(1), async || {
        let health = t.queue.upkeep_health();
        health.iter().any(|(name, _)| *name == "sample").then_some(())
    })
    .await;
    for (queue, state) in [("a", State::Completed), ("b", State::Failed), ("a", State::Retrying)] {
        let id = t.job("mail").with(|job| job.queue(queue)).await;
        t.reaches(id, state).await;
    }

    let now = points(t, &[]).await;
    assert_eq!((sum(&now, |it| it.enqueued), sum(&now, |it| it.started)), (3, 3));
    assert_eq!((sum(&now, |it| it.completed), sum(&now, |it| it.failed)), (1, 1));
    assert_eq!((sum(&now, |it| it.retried), sum(&now, |it| it.dead)), (1, 0));
    let a = points(t, &["a"]).await;
    assert_eq!((sum(&a, |it| it.enqueued), sum(&a, |it| it.failed)), (2, 0));

    t.advance(MINUTE);
    let kept = kept(t, |point| point.enqueued, 3).await;
    assert_eq!((sum(&kept, |it| it.failed), sum(&kept, |it| it.retried)), (1, 1));
    let rates = t.queue.rates().await.expect("rates");
    assert!(rates.over >= MINUTE, "{rates:?}");
    worker.stop().await;
}

async fn the_latest_runs_of_a_type_are_those_that_ended(t: &Harness) {
    let acts = [Act::Complete("1"), Act::FailForGood("no"), Act::Complete("1")];
    let worker = t.worker(&Script::new(acts)).concurrency(1).start().await.expect("a worker");
    let mut ended = Vec::new();
    for (queue, state) in [("a", State::Completed), ("b", State::Failed), ("a", State::Completed)] {
        let id = t.job("mail").with(|job| job.queue(queue)).await;
        t.reaches(id, state).await;
        ended.push((id, state));
    }
    worker.stop().await;
    t.job("strange").await;
    t.job("mail").await;

    let runs = t.queue.latest_runs("mail", 100).await.expect("runs");
    let seen: Vec<_> = runs.iter().rev().map(|run| (run.job, run.state)).collect();
    assert_eq!(seen, ended);
    assert!(runs.iter().all(|run| run.started_at.is_some_and(|at| at <= run.finished_at)));
    // The job that waits is one of those that are looked at.
    let newest = t.queue.latest_runs("mail", 2).await.expect("runs");
    assert_eq!(newest.iter().map(|run| run.job).collect::<Vec<_>>(), [ended[2].0]);
    assert_eq!(t.queue.latest_runs("strange", 100).await.expect("runs"), []);
    assert_eq!(t.queue.latest_runs("unknown", 100).await.expect("runs"), []);
}

async fn times_are_kept_by_the_minute(t: &Harness) {
    let id = t.job("mail").await;
    t.advance(Duration::from_secs(10));
    let worker = t.start(&Script::completing()).await;
    t.reaches(id, State::Completed).await;
    let later = NewJob::new("mail", "1").delay(Duration::from_secs(20));
    let later = t.enqueue(later).await;
    t.until_after("it has run", Duration::from_secs(1), async || {
        (t.get(later).await.state == State::Completed).then_some(())
    })
    .await;

    t.advance(MINUTE);
    let kept = kept(t, |point| point.wait.count, 2).await;

    assert_eq!(sum(&kept, |point| point.run.count), 2);
    let longest = kept.iter().map(|point| point.wait.max).max().expect("points");
    assert!((longest.as_secs_f64() - 10.0).abs() < 1.0, "{kept:?}");
    worker.stop().await;
}

async fn a_range_out_of_bounds_is_refused(t: &Harness) {
    for (range, step) in [(0, 60), (25 * 3600, 60), (3600, 0), (3600, 90)] {
        let (range, step) = (Duration::from_secs(range), Duration::from_secs(step));
        let query = SeriesQuery { range, step, ..SeriesQuery::default() };
        assert!(t.queue.series(&query).await.is_err(), "{range:?} by {step:?}");
    }
    let widest = SeriesQuery { range: 24 * 60 * MINUTE, ..SeriesQuery::default() };
    assert_eq!(t.queue.series(&widest).await.expect("a series").points.len(), 1440);
}
