//! Make known: queues and kinds get their ids the first time a job names them.
//!
//! A transaction of its own, before the one that enqueues: the lock it takes is never held for as
//! long as a caller's transaction.

use std::sync::Arc;

use crate::Error;
use crate::store::Shared;
use crate::store::driver::{Lane, Tx, Verb, Waits};

/// Makes pairs of queue and kind known.
#[derive(Debug)]
pub(crate) struct MakeKnown {
    pub(crate) namespace_id: i64,
    pub(crate) unknown: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for MakeKnown {
    type Reply = ();

    const LANE: Lane = Lane::Enqueue;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<(), Error> {
        self.shared.catalog.make_known(tx, self.namespace_id, &self.unknown).await?;
        Ok(())
    }

    fn waits(&self) -> Waits {
        Waits::Anything
    }
}
