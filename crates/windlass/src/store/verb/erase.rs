//! Erase: everything that belongs to jobs whose room rows are gone.

use std::collections::BTreeSet;

use crate::Error;
use crate::core::State;
use crate::job::{EventName, JobId};
use crate::store::driver::{Batch, Tx};
use crate::store::effects::Measure;
use crate::store::statements::Sql;
use crate::store::verb::bundle::lock;
use crate::store::verb::unique::release;

/// What goes with a job.
const BELONGINGS: [Sql; 6] = [
    Sql::JobDelete,
    Sql::AttemptDelete,
    Sql::ProgressDelete,
    Sql::SavedDelete,
    Sql::LogDelete,
    Sql::TickForgetJob,
];

/// A job that was taken out of its room, to be deleted.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) job: i64,
    pub(super) queue_id: i64,
    pub(super) kind_id: i64,
    pub(super) namespace_id: i64,
    pub(super) idempotency_key: Option<String>,
    /// The unique key that it may still hold.
    pub(super) unique: Option<String>,
    pub(super) state: State,
}

/// Deletes what belongs to these jobs, and counts them out.
pub(super) async fn erase<T: Tx>(tx: &mut T, mut jobs: Vec<Gone>) -> Result<(), Error> {
    if jobs.is_empty() {
        return Ok(());
    }
    // One order for everyone who waits for jobs.
    jobs.sort_unstable_by_key(|gone| gone.job);
    let mut ids = Batch::with_capacity(1, jobs.len());
    let mut held = Vec::new();
    for gone in &jobs {
        ids.push([gone.job.into()]);
        let key = gone.idempotency_key.as_deref();
        held.extend(key.map(|key| (gone.namespace_id, key, gone.job)));
    }
    // As an enqueue takes them.
    held.sort_unstable();
    let mut keys = Batch::with_capacity(3, held.len());
    for (namespace_id, key, job) in held {
        keys.push([namespace_id.into(), key.into(), job.into()]);
    }
    let bundles: BTreeSet<i64> =
        tx.query_each(Sql::MemberOf, &ids).await?.ints()?.into_iter().collect();
    for sql in BELONGINGS {
        tx.execute_each(sql, &ids).await?;
    }
    if !bundles.is_empty() {
        leave_bundles(tx, bundles, &ids).await?;
    }
    if !keys.is_empty() {
        tx.execute_each(Sql::IdempotencyDelete, &keys).await?;
    }
    let held =
        jobs.iter().filter_map(|gone| Some((gone.unique.clone()?, JobId::from_i64(gone.job))));
    release(tx, held.collect()).await?;
    let effects = tx.effects();
    for gone in &jobs {
        let (id, pair) = (JobId::from_i64(gone.job), (gone.queue_id, gone.kind_id));
        effects.count(pair.0, pair.1, Measure::In(gone.state), -1);
        effects.tell(EventName::JobDeleted, id, pair);
        effects.ended(id);
    }
    Ok(())
}

/// Takes jobs out of their workflows and batches, which may have ended with that and go with their last
/// job.
async fn leave_bundles<T: Tx>(
    tx: &mut T,
    bundles: BTreeSet<i64>,
    ids: &Batch<'_>,
) -> Result<(), Error> {
    let mut rows = Vec::with_capacity(bundles.len());
    for bundle in bundles {
        rows.extend(lock(tx, bundle).await?);
    }
    tx.execute_each(Sql::MemberForget, ids).await?;
    for row in rows {
        let sql = if row.ended_at.is_some() { Sql::BundleDrop } else { Sql::BundleTouch };
        tx.execute(sql, &[row.id.into()]).await?;
    }
    tx.effects().joined();
    Ok(())
}
