//! The watch: one small read, twice a second, finds what other processes did and nobody announced.
//!
//! Announcements are hints and may be lost, and transactions of the application announce nothing;
//! this bounds the wait for both. It also keeps the clock on the database's time.

use std::sync::Arc;
use std::time::Duration;

use super::lane::Lane;
use super::session::Server;
use crate::Timestamp;
use crate::runtime::{Clock, Tasks, rest};
use crate::store::Shared;
use crate::store::verb::Watch;

/// Between two looks while someone waits for jobs or events, and while nobody does.
const PERIOD: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// First look after a transaction of the application was given a job; the waits grow from there.
const EXPECTING: Duration = Duration::from_millis(5);

/// What the last look saw: other values are news.
#[derive(Debug, Default)]
struct Last {
    next_delayed: Option<i64>,
    next_schedule: Option<i64>,
    next_operation: Option<i64>,
}

pub(super) fn start<S: Server>(
    tasks: &Tasks,
    lane: Arc<Lane<S>>,
    shared: Arc<Shared>,
    clock: Clock,
) {
    tasks.supervise("watch", move |stop| {
        let (lane, shared, clock) = (Arc::clone(&lane), Arc::clone(&shared), clock.clone());
        async move {
            let mut expected = shared.signals.expected.listen();
            let mut wait = PERIOD.0;
            let mut last = Last::default();
            loop {
                let is_heard =
                    shared.signals.ready.is_heard() || shared.signals.observing.is_heard();
                let period = if is_heard { PERIOD.0 } else { PERIOD.1 };
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = expected.heard() => {
                        expected.mark();
                        wait = EXPECTING;
                        continue;
                    }
                    () = rest(wait.min(period)) => wait = (wait * 2).min(period),
                }
                look(&lane, &shared, &clock, &mut last).await;
            }
        }
    });
}

async fn look<S: Server>(lane: &Lane<S>, shared: &Shared, clock: &Clock, last: &mut Last) {
    let asked = Clock::reading();
    let seen = match lane.run(Watch).await {
        Ok(seen) => seen,
        Err(error) => return tracing::debug!(%error, "cannot watch the database"),
    };
    clock.anchor(asked, seen.now);
    if seen.is_ready {
        shared.signals.ready.raise();
    }
    if seen.next_delayed != last.next_delayed {
        last.next_delayed = seen.next_delayed;
        shared.signals.delayed.raise();
    }
    if seen.next_schedule != last.next_schedule {
        last.next_schedule = seen.next_schedule;
        shared.signals.schedules.raise();
    }
    if seen.next_operation != last.next_operation {
        last.next_operation = seen.next_operation;
        shared.signals.operations.raise();
    }
    if seen.next_expiry.is_some_and(|at| at <= clock.now().as_micros()) {
        shared.signals.expiring.raise();
    }
    if seen.has_changes {
        shared.signals.counted.raise();
    }
    if seen.has_dependencies && !shared.edges.any() {
        shared.edges.set();
        shared.signals.resolving.raise();
    }
    if seen.has_bundles && !shared.members.any() {
        shared.members.set();
        shared.signals.gathering.raise();
    }
    let is_unknown = seen.has_throttled && !shared.slots.any();
    if seen.has_new || is_unknown || seen.next_rate.is_some_and(|at| at <= clock.now().as_micros())
    {
        shared.slots.set();
        shared.signals.admitting.raise();
    }
    shared.watching.learn(Timestamp::from_micros(seen.watched_until.unwrap_or(0)));
    if seen.has_events {
        shared.signals.events.raise();
        shared.signals.observing.raise();
    }
    if seen.has_mail {
        shared.signals.inbox.raise();
    }
    if seen.is_cancelling {
        shared.signals.cancelling.raise();
    }
}
