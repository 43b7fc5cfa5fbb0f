//! Settle: writes the ends of attempts, each under its fence.

use crate::Error;
use crate::core::{Next, Settlement};
use crate::job::Timestamp;
use crate::store::driver::{BYTES_PER_ROW, Lane, Tx, Verb, Waits};
use crate::store::statements::Sql;
use crate::store::verb::apply::{Fenced, apply};
use crate::store::{Settled, WorkerKey};

/// Settles attempts of one worker.
#[derive(Debug)]
pub(crate) struct Settle {
    pub(crate) worker: WorkerKey,
    pub(crate) items: Vec<Settlement>,
    pub(crate) now: Timestamp,
}

impl Verb for Settle {
    type Reply = Vec<Settled>;

    const LANE: Lane = Lane::Settle;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<Settled>, Error> {
        let rows = tx.query(Sql::WorkerNonce, &[self.worker.id.into()]).await?;
        if rows.first_int()?.is_some_and(|nonce| nonce != self.worker.nonce) {
            return Ok(vec![Settled::Lost; self.items.len()]);
        }
        let items = self.items.iter().map(|settlement| Fenced {
            settlement: settlement.clone(),
            worker_id: self.worker.id,
            worker: &self.worker.name,
        });
        apply(tx, items.collect(), self.now).await
    }

    fn waits(&self) -> Waits {
        Waits::of_jobs(self.items.iter().map(|settlement| settlement.job))
    }

    fn weight(&self) -> usize {
        let bytes = |item: &Settlement| match &item.next {
            Next::Ended { result: Some(result), .. } => result.len(),
            _ => 0,
        };
        self.items.iter().map(|item| 1 + bytes(item) / BYTES_PER_ROW).sum()
    }
}
