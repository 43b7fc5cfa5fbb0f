//! Renewals: whoever waits at the desk is alive, and says nothing meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use super::desk::{Desk, POLL, State};
use crate::job::{Timestamp, WorkerId};
use crate::store::{TakenBy, WorkerKey};

/// Shortest time between two renewals of those who wait.
const RENEW_REST: Duration = Duration::from_millis(100);

impl Desk {
    /// Renews those who wait, as soon as one of them is due.
    pub(super) async fn renew(&self) {
        let now = self.store().clock().now();
        let due = {
            let mut state = self.lock();
            if state.lines.is_empty() || now < state.renew_at {
                return;
            }
            let (due, next_at) = self.due(&state, now);
            state.renew_at = next_at.max(now + RENEW_REST);
            due
        };
        if due.is_empty() {
            return;
        }
        let workers = due.iter().map(|worker| (worker.id, worker.nonce)).collect();
        match self.store().renew_workers(workers).await {
            Ok(_) => due.iter().for_each(|worker| {
                self.roster().heard(WorkerId::from_i64(worker.id), now);
            }),
            Err(error) => tracing::warn!(%error, "workers that wait are not renewed yet"),
        }
        let mut state = self.lock();
        let (_, next_at) = self.due(&state, now);
        state.renew_at = next_at.max(now + RENEW_REST);
    }

    /// The waiting workers whose time has come or is about to, and when the next one's does.
    fn due(&self, state: &State, now: Timestamp) -> (Vec<WorkerKey>, Timestamp) {
        let (mut due, mut next_at) = (BTreeMap::new(), now + POLL.0);
        for waiter in state.lines.values().flat_map(|line| line.waiting.values()) {
            let TakenBy::Registered(worker) = &waiter.taker.by else { continue };
            let Some((at, lease)) = self.roster().renewal_at(WorkerId::from_i64(worker.id)) else {
                continue;
            };
            if at <= now + lease / 12 {
                due.insert(worker.id, worker.clone());
            }
            next_at = next_at.min(at);
        }
        (due.into_values().collect(), next_at)
    }

    /// When someone who waits has to be renewed; a claim without registration never has to.
    pub(super) fn renewal_at(&self, by: &TakenBy) -> Option<Timestamp> {
        match by {
            TakenBy::Passing(_) => None,
            TakenBy::Registered(worker) => {
                self.roster().renewal_at(WorkerId::from_i64(worker.id)).map(|(at, _)| at)
            }
        }
    }
}
