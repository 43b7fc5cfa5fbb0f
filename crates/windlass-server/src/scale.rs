//! Rates of a queue between two questions of an autoscaler.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use windlass::Timestamp;

/// Questions closer together than this share their answer's start: rates over less say nothing.
const SPAN_MIN: Duration = Duration::from_secs(1);

/// Queues remembered; with more, all are forgotten and begin anew.
const QUEUES_MAX: usize = 1000;

/// Totals of a queue at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) at: Timestamp,
    pub(crate) arrived: u64,
    pub(crate) drained: u64,
}

/// The last sample of each queue, and the rates it led to.
#[derive(Debug, Default)]
pub(crate) struct Samples(Mutex<HashMap<Key, (Sample, Rates)>>);

/// Namespace and queue.
type Key = (String, String);

/// Jobs that arrive and attempts that end, a second.
type Rates = (f64, f64);

impl Samples {
    /// Jobs that arrived and attempts that ended, a second, since the last question; zero at the first.
    pub(crate) fn rates(&self, namespace: &str, queue: &str, now: Sample) -> Rates {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), queue.to_owned());
        if all.len() >= QUEUES_MAX && !all.contains_key(&key) {
            all.clear();
        }
        let (last, rates) = all.entry(key).or_insert((now, (0.0, 0.0)));
        let span = now.at.since(last.at);
        if span >= SPAN_MIN {
            let rate = |from: u64, to: u64| per_second(to.saturating_sub(from), span);
            *rates = (rate(last.arrived, now.arrived), rate(last.drained, now.drained));
            *last = now;
        }
        *rates
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people and programs that scale")]
fn per_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: i64, arrived: u64, drained: u64) -> Sample {
        Sample { at: Timestamp::from_micros(second * 1_000_000), arrived, drained }
    }

    #[test]
    fn rates_are_between_two_questions() {
        let samples = Samples::default();

        assert_eq!(samples.rates("n", "q", sample(10, 100, 50)), (0.0, 0.0));
        assert_eq!(samples.rates("n", "q", sample(20, 200, 60)), (10.0, 1.0));
        assert_eq!(samples.rates("n", "q", sample(20, 300, 90)), (10.0, 1.0));
        assert_eq!(samples.rates("other", "q", sample(30, 1, 1)), (0.0, 0.0));
        assert_eq!(samples.rates("n", "q", sample(30, 200, 60)), (0.0, 0.0));
    }
}
