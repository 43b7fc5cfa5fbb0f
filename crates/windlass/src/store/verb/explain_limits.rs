//! Explain: which limits are in the way of a job, and who is before it.

use crate::Error;
use crate::core::Gcra;
use crate::job::{Blocker, JobId, Timestamp};
use crate::store::driver::{Param, Row, Tx};
use crate::store::line::{NEW, Rule, concurrency_line, lines, queue_line, rule};
use crate::store::rows::{JobRow, Room, instant};
use crate::store::settings::Settings;
use crate::store::statements::Sql;
use crate::store::verb::admit_books::{nanos, opening};

/// Holders of slots that are named.
const HOLDERS_SHOWN: usize = 10;

/// What limits are in the way of a job that waits for nothing else.
pub(super) async fn limits<T: Tx>(
    tx: &mut T,
    row: &JobRow,
    settings: &Settings,
    now: Timestamp,
) -> Result<Vec<Blocker>, Error> {
    let mut blockers = Vec::new();
    match row.room {
        Room::Throttled { .. } => blockers.extend(lines_of(tx, row, settings, now).await?),
        Room::Ready { .. } => blockers.extend(line_of_ready(tx, row, settings).await?),
        _ => {}
    }
    if matches!(row.room, Room::Ready { .. } | Room::Throttled { .. }) {
        blockers.extend(queue(tx, row, settings, now).await?);
    }
    Ok(blockers)
}

/// The line in which the next claim would let a ready job wait.
async fn line_of_ready<T: Tx>(
    tx: &mut T,
    row: &JobRow,
    settings: &Settings,
) -> Result<Option<Blocker>, Error> {
    let Some(key) = &row.record.keys.concurrency else { return Ok(None) };
    let line = concurrency_line(row.namespace_id, key);
    let Rule::Slots { most: Some(most), .. } = rule(&line, settings) else { return Ok(None) };
    let job = row.record.id.as_i64();
    let full = slots(tx, (&line, job), most, row).await?;
    let of_line = [line.as_str().into(), most.into()];
    let holders = tx.query(Sql::SlotHolders, &of_line).await?.ints()?;
    if full.is_some() || holders.contains(&job) {
        return Ok(full);
    }
    let first = tx.query(Sql::ThrottledFirst, &[line.as_str().into()]).await?.first_int()?;
    Ok(first.map(before))
}

/// That another job of its line comes first.
fn before(job: i64) -> Blocker {
    let job = JobId::from_i64(job);
    Blocker::new("order", format!("job {job} is before it")).shown_by("job", &job)
}

/// The lines of a job that waits to be admitted.
async fn lines_of<T: Tx>(
    tx: &mut T,
    row: &JobRow,
    settings: &Settings,
    now: Timestamp,
) -> Result<Vec<Blocker>, Error> {
    let job = row.record.id.as_i64();
    let mut blockers = Vec::new();
    let priority = i64::from(row.record.priority.get());
    for line in lines(&row.record.keys, row.namespace_id, row.queue_id, priority) {
        match rule(&line, settings) {
            Rule::Slots { most: Some(most), .. } => {
                blockers.extend(slots(tx, (&line, job), most, row).await?);
            }
            Rule::Rate(rate) => blockers.extend(bucket(tx, &line, rate, now, row).await?),
            Rule::Open | Rule::Slots { most: None, .. } => {}
        }
    }
    let at = tx.query(Sql::ThrottledGet, &[job.into()]).await?;
    let at = at.first(|row| Ok((row.text()?, row.int()?, row.int()?)))?;
    if let Some((line, place, seq)) = at.filter(|(line, _, _)| line != NEW) {
        let params = [line.as_str().into(), place.into(), seq.into()];
        let found = tx.query(Sql::ThrottledBefore, &params).await?.first_int()?;
        blockers.extend(found.map(before));
    }
    if blockers.is_empty() {
        blockers.push(Blocker::new("admission", "it is about to be admitted".to_owned()));
    }
    Ok(blockers)
}

/// A line of slots, if all are taken by others.
async fn slots<T: Tx>(
    tx: &mut T,
    (line, job): (&str, i64),
    most: i64,
    row: &JobRow,
) -> Result<Option<Blocker>, Error> {
    let holders = tx.query(Sql::SlotHolders, &[line.into(), most.into()]).await?.ints()?;
    let is_full = i64::try_from(holders.len()).is_ok_and(|taken| taken >= most);
    if !is_full || holders.contains(&job) {
        return Ok(None);
    }
    let shown = holders.iter().take(HOLDERS_SHOWN).map(|id| JobId::from_i64(*id).to_string());
    let shown: Vec<String> = shown.collect();
    let record = &row.record;
    let blocker = match (line.starts_with("f:"), record.fairness_key()) {
        (true, Some(key)) => {
            let message =
                format!("{most} jobs of fairness key `{key}` are ready: others have a turn");
            Blocker::new("fairness", message).shown_by("key", &key)
        }
        _ => {
            let key = record.concurrency_key().unwrap_or_default();
            let message = format!("{most} job(s) with concurrency key `{key}` run or are about to");
            Blocker::new("limit", message).shown_by("key", &key).shown_by("max", &most)
        }
    };
    Ok(Some(blocker.shown_by("jobs", &shown.join(", "))))
}

/// The line of a rate, if nobody may pass now.
async fn bucket<T: Tx>(
    tx: &mut T,
    line: &str,
    rate: Option<Gcra>,
    now: Timestamp,
    row: &JobRow,
) -> Result<Option<Blocker>, Error> {
    let rows = tx.query(Sql::BucketGet, &[line.into()]).await?;
    let found = rows.first(|row: &mut Row<'_>| {
        row.text()?;
        Ok((row.int()?, instant(row)?))
    })?;
    let (full_at, shut_until) = found.unwrap_or_default();
    let until = opening(rate, full_at, shut_until);
    let key = row.record.rate_key().unwrap_or_default();
    let message = format!("no job with rate key `{key}` may start before {until}");
    let blocker = Blocker::new("rate", message).shown_by("key", &key).until(Some(until));
    Ok((until > now).then_some(blocker))
}

/// What the queue itself allows.
async fn queue<T: Tx>(
    tx: &mut T,
    row: &JobRow,
    settings: &Settings,
    now: Timestamp,
) -> Result<Vec<Blocker>, Error> {
    let mut blockers = Vec::new();
    let Some(kept) = settings.of(row.queue_id).map(|kept| &kept.settings) else {
        return Ok(blockers);
    };
    let queue = &row.record.queue;
    if let Some(most) = kept.concurrency {
        let running = tx.query(Sql::LeaseCount, &[row.queue_id.into()]).await?.first_int()?;
        if running.is_some_and(|running| running >= i64::from(most)) {
            let message = format!("{most} job(s) of queue `{queue}` run, which is its limit");
            blockers.push(Blocker::new("queue_limit", message).shown_by("max", &most));
        }
    }
    if let Some(rate) = kept.rate {
        let line = queue_line(row.queue_id);
        let params: [Param<'_>; 1] = [line.as_str().into()];
        let rows = tx.query(Sql::BucketGet, &params).await?;
        let full_at = rows.first(|row: &mut Row<'_>| {
            row.text()?;
            row.int()
        })?;
        let rate = rate.gcra();
        if rate.pass(full_at.unwrap_or(0), nanos(now), 1).0 == 0 {
            let until = opening(Some(rate), full_at.unwrap_or(0), None);
            let message = format!("no job of queue `{queue}` may start before {until}");
            blockers.push(Blocker::new("queue_rate", message).until(Some(until)));
        }
    }
    Ok(blockers)
}
