//! Settle: writes the ends of attempts, each under its fence.

use crate::Error;
use crate::core::{Next, Settlement, State};
use crate::job::Timestamp;
use crate::store::driver::{BYTES_PER_ROW, Lane, Tx, Verb, Waits};
use crate::store::statements::Sql;
use crate::store::verb::Enqueue;
use crate::store::verb::apply::{Fenced, apply};
use crate::store::verb::complete::{complete, is_plain};
use crate::store::{Settled, WorkerKey};

/// Settles attempts of one worker.
#[derive(Debug)]
pub(crate) struct Settle {
    pub(crate) worker: WorkerKey,
    pub(crate) items: Vec<Settlement>,
    /// The follow-up jobs of items, by their places.
    pub(crate) follow_ups: Vec<(usize, Enqueue)>,
    pub(crate) now: Timestamp,
}

impl Verb for Settle {
    type Reply = Vec<Settled>;

    const LANE: Lane = Lane::Settle;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<Settled>, Error> {
        settle_all(tx, &self.worker, (&self.items, &self.follow_ups), self.now).await
    }

    fn waits(&self) -> Waits {
        if !self.follow_ups.is_empty() {
            return Waits::Anything;
        }
        Waits::of_jobs(self.items.iter().map(|settlement| settlement.job))
    }

    fn weight(&self) -> usize {
        let bytes = |item: &Settlement| match &item.next {
            Next::Ended { result: Some(result), .. } => result.len(),
            _ => 0,
        };
        let own: usize = self.items.iter().map(|item| 1 + bytes(item) / BYTES_PER_ROW).sum();
        own + self.follow_ups.iter().map(|(_, enqueue)| enqueue.weight()).sum::<usize>()
    }
}

/// Settles attempts of one worker, with the follow-up jobs of some by their places.
pub(super) async fn settle_all<T: Tx>(
    tx: &mut T,
    worker: &WorkerKey,
    (items, follow_ups): (&[Settlement], &[(usize, Enqueue)]),
    now: Timestamp,
) -> Result<Vec<Settled>, Error> {
    let mut completed = complete(tx, worker, items, now).await?;
    let mut statuses = Vec::with_capacity(items.len());
    let mut rest = Vec::new();
    for (place, item) in items.iter().enumerate() {
        // An item that repeats another one of this batch goes the long way.
        if is_plain(item) && completed.remove(&item.job) {
            statuses.push(Settled::Applied(State::Completed));
        } else {
            statuses.push(Settled::Lost);
            rest.push(place);
        }
    }
    if !rest.is_empty() {
        let others = rest.iter().map(|place| items[*place].clone());
        let settled = fenced(tx, worker, others.collect(), now).await?;
        for (place, status) in rest.iter().zip(settled) {
            statuses[*place] = status;
        }
    }
    for (place, enqueue) in follow_ups {
        // Only with the transaction that ends the attempt: a repeated report stores nothing twice.
        if statuses[*place] == Settled::Applied(State::Completed) {
            enqueue.run(tx).await?;
        }
    }
    Ok(statuses)
}

async fn fenced<T: Tx>(
    tx: &mut T,
    worker: &WorkerKey,
    items: Vec<Settlement>,
    now: Timestamp,
) -> Result<Vec<Settled>, Error> {
    let rows = tx.query(Sql::WorkerNonce, &[worker.id.into()]).await?;
    if rows.first_int()?.is_some_and(|nonce| nonce != worker.nonce) {
        return Ok(vec![Settled::Lost; items.len()]);
    }
    let items = items.into_iter().map(|settlement| Fenced {
        settlement,
        worker_id: worker.id,
        worker: &worker.name,
    });
    apply(tx, items.collect(), now).await
}
