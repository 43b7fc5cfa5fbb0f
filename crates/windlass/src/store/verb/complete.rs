//! The short way of the most frequent end: attempts that completed, in one statement where the database
//! has one.

use std::collections::{HashMap, HashSet};

use crate::core::{Event, Next, Settlement, State};
use crate::job::{EventName, JobId, Timestamp};
use crate::store::WorkerKey;
use crate::store::driver::{Batch, Tx};
use crate::store::effects::Measure;
use crate::store::statements::Sql;
use crate::{Error, sabotage};

/// Completed, and nothing else follows from it.
pub(super) fn is_plain(item: &Settlement) -> bool {
    item.event == Event::Complete && item.unique.is_none() && item.follow_ups.is_none()
}

/// Ends the leases of completed attempts as far as they are still this worker's, and returns their jobs.
/// What is not among them has to go the long way.
pub(super) async fn complete<T: Tx>(
    tx: &mut T,
    worker: &WorkerKey,
    items: &[Settlement],
    now: Timestamp,
) -> Result<HashSet<JobId>, Error> {
    // Leases are ended in the order of their jobs, unless the others have a transaction of their own.
    let in_order = tx.is_alone() || items.iter().all(is_plain);
    let defective = sabotage::on("no_fence") || sabotage::on("count_forgotten");
    if !tx.has_wholes() || !in_order || defective {
        return Ok(HashSet::new());
    }
    let mut seen = HashSet::with_capacity(items.len());
    let mut rows = Batch::with_capacity(7, items.len());
    for item in items.iter().filter(|item| is_plain(item)) {
        let Next::Ended { result, .. } = &item.next else { continue };
        if !seen.insert(item.job) {
            continue;
        }
        rows.push([
            item.job.as_i64().into(),
            item.epoch.into(),
            item.counts.attempt.into(),
            item.counts.crashes.into(),
            item.counts.snoozes.into(),
            item.started_at.map(Timestamp::as_micros).into(),
            result.as_deref().into(),
        ]);
    }
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let by = Batch::of_rows(
        4,
        vec![worker.id.into(), worker.nonce.into(), (&*worker.name).into(), now.as_micros().into()],
    );
    let state = Batch::of_rows(1, vec![State::Completed.code().into()]);
    let mut counts = Batch::with_capacity(2, 3);
    counts.push([Measure::In(State::Running).code().into(), (-1_i64).into()]);
    counts.push([Measure::In(State::Completed).code().into(), 1_i64.into()]);
    counts.push([Measure::of_end(State::Completed).code().into(), 1_i64.into()]);
    let parts = [&by, &rows, &state, &counts];
    // What observers are told is part of the transaction.
    let is_all = tx.is_alone() && !tx.effects().is_observed();
    let ended = if is_all {
        tx.commit_whole(Sql::CompleteAll, &parts).await?
    } else {
        tx.query_whole(Sql::CompleteAll, &parts).await?
    };
    let ended = ended
        .read(|row| Ok((JobId::from_i64(row.int()?), (row.int()?, row.int()?), row.opt_text()?)))?;
    let mut pairs: HashMap<JobId, (i64, i64)> = HashMap::with_capacity(ended.len());
    for (job, pair, line) in ended {
        pairs.insert(job, pair);
        if let Some(line) = line {
            tx.effects().freed(line);
        }
    }
    for (job, pair) in &pairs {
        tx.effects().ended(*job);
        tx.effects().tell(EventName::JobCompleted, *job, *pair);
    }
    for item in items {
        if let Some((queue_id, _)) = pairs.get(&item.job) {
            tx.effects().ran(*queue_id, item, now);
        }
    }
    let ended: HashSet<JobId> = pairs.into_keys().collect();
    tx.effects().stopped();
    for item in items.iter().filter(|item| item.has_keys && ended.contains(&item.job)) {
        tx.effects().left(item.job);
    }
    Ok(ended)
}
