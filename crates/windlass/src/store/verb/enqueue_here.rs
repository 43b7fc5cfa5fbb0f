//! Enqueue in one transaction with everything it needs: for an embedded database, where a second
//! transaction would wait for the application's.

use std::sync::Arc;

use super::enqueue::{Enqueue, Prepared, uniques};
use crate::Error;
use crate::job::Timestamp;
use crate::store::driver::{Tx, Verb as _};
use crate::store::ids::Ids;
use crate::store::{Shared, Stored};

/// Stores checked jobs, all or none.
#[derive(Debug)]
pub(crate) struct EnqueueHere {
    pub(crate) jobs: Vec<Prepared>,
    pub(crate) namespace: Arc<str>,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Arc<Ids>,
}

impl EnqueueHere {
    /// Stores the jobs, which it hands over.
    pub(crate) async fn run<T: Tx>(self, tx: &mut T) -> Result<Vec<Result<Stored, Error>>, Error> {
        let Self { jobs, namespace, now, shared, ids } = self;
        ids.ready_here(tx, now).await?;
        let namespace_id = shared.catalog.namespace(tx, &namespace).await?;
        let names = jobs.iter().map(Prepared::names);
        let names: Vec<(Arc<str>, Arc<str>)> =
            names.map(|(queue, kind)| (queue.into(), kind.into())).collect();
        let pairs = shared.catalog.make_known(tx, namespace_id, &names).await?;
        let settings = shared.settings.at(tx, None).await?;
        let ids = jobs.iter().map(|_| ids.next(now)).collect::<Result<_, _>>()?;
        let (atomic, admits) = (true, true);
        let uniques = uniques(namespace_id, &jobs)?;
        let verb =
            Enqueue { jobs, namespace_id, atomic, now, settings, admits, uniques, pairs, ids };
        verb.run(tx).await
    }
}
