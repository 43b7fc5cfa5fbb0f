//! What this process saw of its jobs: for rates, latencies and histograms.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use windlass::protocol::{LatencyObject, RatesObject};
use windlass::{Event, JobInfo, State};

use crate::metrics::{JobLabels, Labels};
use crate::window::{Rate, Spread};

/// Upper ends of the buckets of times: from a fast handler to an hour.
const SECONDS: [f64; 15] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0];

/// Upper ends of the buckets of payloads: up to the largest allowed.
const BYTES: [f64; 7] = [64.0, 256.0, 1024.0, 4096.0, 16_384.0, 131_072.0, 1_048_576.0];

type Histograms = Family<JobLabels, Histogram, fn() -> Histogram>;

/// Collects what the workers of this process report, for `/stats` and `/metrics`.
///
/// Cheap to clone; clones share what they saw.
///
/// ```
/// # async fn run(queue: windlass::Queue) {
/// let observer = windlass_server::Observer::new();
/// let seen = observer.clone();
/// let worker = queue.worker().on_event(move |event| seen.observe(event));
/// let server = windlass_server::Server::new(queue).observer(observer);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Observer {
    seen: Arc<Seen>,
}

#[derive(Debug)]
struct Seen {
    started: Instant,
    labels: Labels,
    wait: Histograms,
    run: Histograms,
    total: Histograms,
    payload: Histograms,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    enqueued: Rate,
    processed: Rate,
    failed: Rate,
    wait: Spread,
    run: Spread,
}

impl Default for Observer {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer {
    /// An observer that has seen nothing yet.
    pub fn new() -> Self {
        let times = || Histograms::new_with_constructor(|| Histogram::new(SECONDS));
        Self {
            seen: Arc::new(Seen {
                started: Instant::now(),
                labels: Labels::default(),
                wait: times(),
                run: times(),
                total: times(),
                payload: Histograms::new_with_constructor(|| Histogram::new(BYTES)),
                recent: Mutex::default(),
            }),
        }
    }

    /// Takes note of an event; for [`Worker::on_event`](windlass::Worker::on_event).
    pub fn observe(&self, event: &Event) {
        match event {
            Event::Started(info) => self.started(info),
            Event::Settled { info, state, waited, ran } => {
                self.settled(info, *state, *waited, *ran);
            }
            _ => {}
        }
    }

    /// Takes note of jobs stored through this server.
    pub(crate) fn enqueued(&self, n: usize) {
        let age = self.age();
        self.recent().enqueued.add(age, n as u64);
    }

    pub(crate) fn labels(&self) -> &Labels {
        &self.seen.labels
    }

    pub(crate) fn rates(&self) -> RatesObject {
        let age = self.age();
        let recent = self.recent();
        RatesObject {
            enqueued_per_second: recent.enqueued.per_second(age),
            processed_per_second: recent.processed.per_second(age),
            failed_per_second: recent.failed.per_second(age),
        }
    }

    pub(crate) fn latency(&self) -> LatencyObject {
        let recent = self.recent();
        LatencyObject { wait: recent.wait.summary(), run: recent.run.summary() }
    }

    /// Adds the histograms to a page of metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let seen = &self.seen;
        let histograms = [
            ("windlass_wait_seconds", "Time until an attempt began", &seen.wait),
            ("windlass_run_seconds", "Time an attempt ran", &seen.run),
            ("windlass_total_seconds", "Time from enqueue to the end of a job", &seen.total),
            ("windlass_payload_bytes", "Size of payloads", &seen.payload),
        ];
        for (name, help, family) in histograms {
            registry.register(name, help, family.clone());
        }
    }

    /// A job's payload is counted when the job first runs.
    fn started(&self, info: &JobInfo) {
        if info.attempt == 1 && info.snoozes == 0 && info.crashes == 0 {
            let labels = self.labels_of(info);
            self.seen.payload.get_or_create(&labels).observe(info.payload_bytes as f64);
        }
    }

    fn settled(&self, info: &JobInfo, state: State, waited: Duration, ran: Duration) {
        let (is_processed, is_failed) = match state {
            State::Completed => (true, false),
            State::Retrying | State::Failed | State::DeadLetter => (true, true),
            // Snoozed, given back or cancelled: not a measure of how jobs fare.
            State::Pending | State::Delayed | State::Running | State::Cancelled => (false, false),
        };
        if !is_processed {
            return;
        }
        let labels = self.labels_of(info);
        self.seen.wait.get_or_create(&labels).observe(waited.as_secs_f64());
        self.seen.run.get_or_create(&labels).observe(ran.as_secs_f64());
        if state.is_terminal() {
            let total = total(info, waited, ran);
            self.seen.total.get_or_create(&labels).observe(total.as_secs_f64());
        }
        let age = self.age();
        let mut recent = self.recent();
        recent.processed.add(age, 1);
        recent.failed.add(age, u64::from(is_failed));
        recent.wait.add(waited);
        recent.run.add(ran);
    }

    fn labels_of(&self, info: &JobInfo) -> JobLabels {
        self.seen.labels.admit(&info.namespace, &info.queue, &info.kind)
    }

    fn age(&self) -> Duration {
        self.seen.started.elapsed()
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.seen.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A first attempt's wait begins when the job was stored, a later one's when it was claimed.
fn total(info: &JobInfo, waited: Duration, ran: Duration) -> Duration {
    let before = match info.attempt {
        1 => Duration::ZERO,
        _ => info.claimed_at.since(info.created_at),
    };
    before + waited + ran
}
