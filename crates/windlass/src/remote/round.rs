//! Rounds: one transaction that hands jobs to the first claims of a line, and jobs that then nobody received.

use std::sync::Arc;
use std::time::Duration;

use super::desk::Desk;
use super::handed::Handed;
use super::line::{Dry, Waiter};
use crate::Error;
use crate::job::{JobId, Timestamp, WorkerId};
use crate::store::{Claims, Served, TakenBy, WorkerKey};

/// How often jobs that nobody received are tried to be given back before their lease has to end by itself, and
/// the wait in between.
const GIVE_BACK_ATTEMPTS: usize = 5;
const GIVE_BACK_WAIT: Duration = Duration::from_millis(500);

/// The first of a line, and the count of news before they are served.
pub(super) struct Round {
    pub(super) waiters: Vec<(u64, Waiter)>,
    pub(super) version: u64,
    pub(super) turn: usize,
}

impl Desk {
    /// Hands out what there is. Returns those for whom there was nothing, and when a rate lets more pass; none
    /// of them when the jobs ran out at the last one or not at all.
    pub(super) async fn serve(
        self: &Arc<Self>,
        round: Round,
        served: &Arc<Served>,
    ) -> (Vec<(u64, Waiter)>, Dry) {
        #[cfg(test)]
        self.looked();
        let asked_at = self.store().clock().now();
        let takers = round.waiters.iter().map(|(_, waiter)| waiter.taker.clone()).collect();
        let replies = match self.store().hand_out(takers, served, round.turn).await {
            Ok(replies) => replies,
            Err(error) => {
                tracing::warn!(%error, claims = round.waiters.len(), "nothing handed out");
                fail(round.waiters, error);
                return (Vec::new(), Dry::Until(None));
            }
        };
        let mut dry = Dry::No;
        if replies.len() < round.waiters.len() {
            dry = Dry::Until(None);
        }
        let mut replies = replies.into_iter();
        let mut unserved = Vec::new();
        for (ticket, waiter) in round.waiters {
            match replies.next() {
                Some((worker, Claims::Jobs { jobs, more, next_at })) => {
                    if !more {
                        dry = Dry::Until(next_at);
                    }
                    if jobs.is_empty() {
                        unserved.push((ticket, waiter));
                        continue;
                    }
                    let (by, expires_at) = self.holder(&waiter.taker.by, worker, asked_at);
                    let handed = Handed::new(self, by, jobs, (asked_at, expires_at));
                    waiter.answer(Ok(handed));
                }
                Some((worker, Claims::WorkerExpired)) => {
                    let id = WorkerId::from_i64(worker.id);
                    self.roster().forget(id);
                    let message = format!("worker {id} has expired: register anew");
                    waiter.answer(Err(Error::Conflict { code: "lease_lost", message }));
                }
                None => unserved.push((ticket, waiter)),
            }
        }
        (unserved, dry)
    }

    /// Who holds what was handed out, and until when at least.
    fn holder(
        &self,
        by: &TakenBy,
        worker: WorkerKey,
        asked_at: Timestamp,
    ) -> ((WorkerKey, bool), Timestamp) {
        match by {
            TakenBy::Passing(passing) => ((worker, true), asked_at + passing.lease),
            TakenBy::Registered(_) => {
                let known = self.roster().expires_at(WorkerId::from_i64(worker.id));
                ((worker, false), known.unwrap_or(asked_at))
            }
        }
    }

    /// Jobs that nobody received: these leases of a worker, or all of one that was made for them.
    pub(super) fn give_back(self: &Arc<Self>, worker: WorkerKey, only: Option<Vec<(JobId, i64)>>) {
        if tokio::runtime::Handle::try_current().is_err() {
            // The process ends: the leases end by themselves.
            return;
        }
        let store = Arc::clone(self.store());
        self.tasks().spawn(async move {
            for _ in 0..GIVE_BACK_ATTEMPTS {
                match store.leave(&worker, only.clone()).await {
                    Ok(jobs) => {
                        tracing::info!(worker = %worker.name, jobs, "a claim's answer was not received: given back");
                        return;
                    }
                    Err(error) => tracing::warn!(%error, "jobs not given back yet"),
                }
                store.clock().sleep(GIVE_BACK_WAIT).await;
            }
        });
    }
}

/// All of them learn why.
fn fail(waiters: Vec<(u64, Waiter)>, error: Error) {
    let message = error.to_string();
    let mut first = Some(error);
    for (_, waiter) in waiters {
        let error = first.take().unwrap_or_else(|| Error::unavailable(message.clone()));
        waiter.answer(Err(error));
    }
}

/// Whose turn among the queues a claim is that does not wait.
pub(super) fn ticket_turn(ticket: u64) -> usize {
    usize::try_from(ticket).unwrap_or_default()
}
