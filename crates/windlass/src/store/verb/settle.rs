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
        let mut completed = complete(tx, &self.worker, &self.items, self.now).await?;
        let mut statuses = Vec::with_capacity(self.items.len());
        let mut rest = Vec::new();
        for (place, item) in self.items.iter().enumerate() {
            // An item that repeats another one of this batch goes the long way.
            if is_plain(item) && completed.remove(&item.job) {
                statuses.push(Settled::Applied(State::Completed));
            } else {
                statuses.push(Settled::Lost);
                rest.push(place);
            }
        }
        if !rest.is_empty() {
            for (place, status) in rest.iter().zip(self.apply(tx, &rest).await?) {
                statuses[*place] = status;
            }
        }
        for (place, enqueue) in &self.follow_ups {
            // Only with the transaction that ends the attempt: a repeated report stores nothing twice.
            if statuses[*place] == Settled::Applied(State::Completed) {
                enqueue.run(tx).await?;
            }
        }
        Ok(statuses)
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

impl Settle {
    /// Settles the items at these places.
    async fn apply<T: Tx>(&self, tx: &mut T, places: &[usize]) -> Result<Vec<Settled>, Error> {
        let rows = tx.query(Sql::WorkerNonce, &[self.worker.id.into()]).await?;
        if rows.first_int()?.is_some_and(|nonce| nonce != self.worker.nonce) {
            return Ok(vec![Settled::Lost; places.len()]);
        }
        let items = places.iter().map(|place| Fenced {
            settlement: self.items[*place].clone(),
            worker_id: self.worker.id,
            worker: &self.worker.name,
        });
        apply(tx, items.collect(), self.now).await
    }
}
