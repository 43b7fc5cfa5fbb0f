//! Counts and times by the minute, of all nodes, as points of a series.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Queue;
use crate::core::Spread;
use crate::job::{RunRecord, SERIES_POINTS_MAX, SERIES_RANGE_MAX, Timestamp};
use crate::store::{Measure, Minute, Minutes, minute_of};
use crate::{Error, FieldError};

const MINUTE: Duration = Duration::from_secs(60);

/// What [`Queue::rates`] looks back over: minutes that were stored, and the present one.
const LATENCY_MINUTES: i64 = 5;

/// Which time series to read.
#[derive(Debug, Clone)]
pub struct SeriesQuery {
    /// How far back, 1 minute to 24 hours (default 1 hour).
    pub range: Duration,
    /// Whole minutes of one point (default: one minute).
    pub step: Duration,
    /// These queues only; empty means all.
    pub queues: Vec<String>,
    /// Also one series for each queue.
    pub by_queue: bool,
}

impl Default for SeriesQuery {
    fn default() -> Self {
        Self { range: 60 * MINUTE, step: MINUTE, queues: Vec::new(), by_queue: false }
    }
}

/// How a namespace fared, step by step.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Series {
    /// Time between two points.
    pub step: Duration,
    /// Of all queues together, oldest first; the last one is not over yet.
    pub points: Vec<SeriesPoint>,
    /// Of each queue with anything to tell, if asked for.
    pub queues: BTreeMap<String, Vec<SeriesPoint>>,
}

/// What happened from one point to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeriesPoint {
    /// Seconds since 1970 at which it begins.
    pub(crate) begins_at: i64,
    /// Jobs stored.
    pub enqueued: u64,
    /// Leases given.
    pub started: u64,
    /// Jobs completed.
    pub completed: u64,
    /// Jobs that failed for good.
    pub failed: u64,
    /// Entries into retrying.
    pub retried: u64,
    /// Jobs that became dead letters.
    pub dead: u64,
    /// From when a job could run until it was claimed.
    pub wait: Took,
    /// How long attempts ran that completed or failed.
    pub run: Took,
}

/// How long things took. Percentiles are at most 7 % off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Took {
    /// How many were counted.
    pub count: u64,
    /// Mean.
    pub mean: Duration,
    /// Median.
    pub p50: Duration,
    /// 90th percentile.
    pub p90: Duration,
    /// 99th percentile.
    pub p99: Duration,
    /// Longest.
    pub max: Duration,
}

/// Jobs a second over the last one to two minutes, and how long things took in the last five, on all
/// nodes.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Rates {
    /// Jobs stored a second.
    pub enqueued: f64,
    /// Attempts a second that completed or failed.
    pub processed: f64,
    /// Attempts a second that failed.
    pub failed: f64,
    /// From when a job could run until it was claimed.
    pub wait: Took,
    /// How long attempts ran.
    pub run: Took,
    /// What the rates are taken over; zero before the first minute is over.
    pub over: Duration,
}

impl From<&Spread> for Took {
    fn from(spread: &Spread) -> Self {
        Self {
            count: spread.count(),
            mean: spread.mean(),
            p50: spread.percentile(50),
            p90: spread.percentile(90),
            p99: spread.percentile(99),
            max: spread.percentile(100),
        }
    }
}

impl SeriesPoint {
    /// When it begins.
    pub const fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.begins_at * 1_000_000)
    }
}

/// A point that is being added up.
#[derive(Debug, Clone, Default)]
struct Sums {
    point: SeriesPoint,
    waits: Spread,
    runs: Spread,
}

impl Sums {
    fn add(&mut self, minute: &Minute) {
        let point = &mut self.point;
        for (code, n) in &minute.grown {
            let counts = [
                (Measure::Enqueues, &mut point.enqueued),
                (Measure::Claims, &mut point.started),
                (Measure::Completions, &mut point.completed),
                (Measure::Failures, &mut point.failed),
                (Measure::Retries, &mut point.retried),
                (Measure::DeadLetters, &mut point.dead),
            ];
            for (_, count) in counts.into_iter().filter(|(measure, _)| measure.code() == *code) {
                *count += u64::try_from(*n).unwrap_or(0);
            }
        }
        self.waits.merge(&minute.waits);
        self.runs.merge(&minute.runs);
    }

    fn point(&self) -> SeriesPoint {
        let (wait, run) = (Took::from(&self.waits), Took::from(&self.runs));
        SeriesPoint { wait, run, ..self.point.clone() }
    }
}

impl SeriesQuery {
    /// Minutes back, and minutes of a step.
    fn minutes(&self) -> Result<(i64, i64), Error> {
        let mut broken = Vec::new();
        if self.range < MINUTE || self.range > SERIES_RANGE_MAX {
            broken.push(FieldError::new("/range", "must be 1m to 24h"));
        }
        if self.step < MINUTE
            || self.step > SERIES_RANGE_MAX
            || !self.step.as_secs().is_multiple_of(60)
        {
            broken.push(FieldError::new("/step", "must be whole minutes, 1m to 24h"));
        }
        if !broken.is_empty() {
            return Err(Error::Invalid(broken));
        }
        let minutes = |span: Duration| span.as_secs() / 60;
        let step = minutes(self.step);
        let steps = minutes(self.range).div_ceil(step).min(SERIES_POINTS_MAX);
        let int = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        Ok((int(steps), int(step)))
    }
}

impl Queue {
    /// How this namespace fared, minute by minute, on all nodes: read from what is kept for 25 hours, at
    /// the same cost whatever the number of jobs.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a range or step out of bounds, [`Error::NotFound`] for an unknown namespace,
    /// [`Error::Unavailable`].
    pub async fn series(&self, query: &SeriesQuery) -> Result<Series, Error> {
        let (steps, step) = query.minutes()?;
        let present = minute_of(self.clock().now());
        // Steps begin at whole multiples, so that one does not change from look to look.
        let from = (present.div_euclid(step) - (steps - 1)) * step;
        let Minutes { minutes, .. } = self.store.minutes(&self.namespace, from).await?;
        let wanted =
            |minute: &&Minute| query.queues.is_empty() || query.queues.contains(&minute.queue);
        let of_step = |minute: i64| usize::try_from((minute - from).div_euclid(step)).unwrap_or(0);
        let count = usize::try_from(steps).unwrap_or(0);
        let empty: Vec<Sums> = (0..steps)
            .map(|place| {
                let begins_at = (from + place * step) * 60;
                let point = SeriesPoint { begins_at, ..SeriesPoint::default() };
                Sums { point, ..Sums::default() }
            })
            .collect();
        let mut all = empty.clone();
        let mut queues: BTreeMap<String, Vec<Sums>> = BTreeMap::new();
        for minute in minutes.iter().filter(wanted) {
            let place = of_step(minute.minute).min(count.saturating_sub(1));
            all[place].add(minute);
            if query.by_queue {
                let sums = queues.entry(minute.queue.clone()).or_insert_with(|| empty.clone());
                sums[place].add(minute);
            }
        }
        let points = |sums: &Vec<Sums>| sums.iter().map(Sums::point).collect();
        let queues = queues.iter().map(|(queue, sums)| (queue.clone(), points(sums))).collect();
        Ok(Series { step: query.step, points: points(&all), queues })
    }

    /// Queues and kinds with the instant since when their first job that can run has been able to; of the
    /// first `limit` pairs of queue and kind.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn oldest_by_kind(
        &self,
        limit: usize,
    ) -> Result<Vec<(String, String, Timestamp)>, Error> {
        self.store.oldest_by_kind(&self.namespace, limit).await
    }

    /// How the newest `limit` jobs of a kind ended, as far as they have; the newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn latest_runs(&self, kind: &str, limit: usize) -> Result<Vec<RunRecord>, Error> {
        self.store.runs(&self.namespace, kind, limit).await
    }

    /// Rates and times of the last minutes, on all nodes.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, [`Error::Unavailable`].
    pub async fn rates(&self) -> Result<Rates, Error> {
        let now = self.clock().now();
        let from = minute_of(now) - LATENCY_MINUTES;
        let Minutes { minutes, sampled_at } = self.store.minutes(&self.namespace, from).await?;
        let mut times = Sums::default();
        minutes.iter().for_each(|minute| times.add(minute));
        let (wait, run) = (Took::from(&times.waits), Took::from(&times.runs));
        let last = minute_of(sampled_at) - 1;
        // Without a minute that is over this is only what came since the first look.
        let is_counted = minutes.iter().any(|it| it.minute <= last && !it.grown.is_empty());
        if !is_counted || now.since(sampled_at) > 2 * MINUTE {
            return Ok(Rates { wait, run, ..Rates::default() });
        }
        let over = now.since(sampled_at) + MINUTE;
        let per_second = |wanted: &[Measure]| {
            let is_wanted = |code: i64| wanted.iter().any(|measure| measure.code() == code);
            let grown = minutes.iter().filter(|it| it.minute >= last).flat_map(|it| &it.grown);
            let sum: i64 = grown.filter(|(code, _)| is_wanted(*code)).map(|(_, n)| n).sum();
            f64::from(u32::try_from(sum).unwrap_or(u32::MAX)) / over.as_secs_f64()
        };
        Ok(Rates {
            enqueued: per_second(&[Measure::Enqueues]),
            processed: per_second(&[Measure::Completions, Measure::FailedAttempts]),
            failed: per_second(&[Measure::FailedAttempts]),
            wait,
            run,
            over,
        })
    }
}
