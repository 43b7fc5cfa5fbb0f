//! Submit: a whole workflow becomes durable in one transaction, or nothing of it.

use crate::Error;
use crate::job::Timestamp;
use crate::store::driver::{Lane, Tx, Verb, Waits};
use crate::store::verb::Enqueue;
use crate::store::verb::bundle::{Made, NewBundle, join};

/// Stores a workflow and its jobs, unless another one has its key.
#[derive(Debug)]
pub(crate) struct Submit {
    pub(crate) bundle: NewBundle,
    /// Its jobs, each after those it waits for.
    pub(crate) nodes: Enqueue,
    pub(crate) now: Timestamp,
}

impl Verb for Submit {
    type Reply = Made;

    const LANE: Lane = Lane::Enqueue;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Made, Error> {
        let made = self.bundle.make(tx, self.now).await?;
        if made.is_new {
            self.nodes.run(tx).await?;
            join(tx, self.nodes.ids.iter().map(|job| (made.id, *job))).await?;
        }
        Ok(made)
    }

    async fn landed<T: Tx>(&self, made: &Made, tx: &mut T) -> Result<bool, Error> {
        NewBundle::landed(*made, tx).await
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }

    fn weight(&self) -> usize {
        self.nodes.weight()
    }
}
