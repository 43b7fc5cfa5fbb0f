//! Verify: looks for anything that contradicts the invariants (`windlass doctor --deep`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::core::{Reason, State};
use crate::store::Shared;
use crate::store::driver::{Param, Tx, Verb};
use crate::store::effects::Measure;
use crate::store::group::EVERYTHING;
use crate::store::line::{Rule, rule};
use crate::store::statements::Sql;
use crate::{Error, Timestamp};

/// Findings reported per check; the first few tell the story.
const FINDINGS_MAX: i64 = 20;

/// How long after its end a job may hold a slot.
const SLOT_GRACE: Duration = Duration::from_secs(3600);

/// Checks every invariant against a snapshot; an empty reply means that all hold.
#[derive(Debug)]
pub(crate) struct Verify {
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for Verify {
    type Reply = Vec<String>;

    fn weight(&self) -> usize {
        EVERYTHING
    }

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for (sql, complaint) in [
            (Sql::VerifyRooms, "is not in exactly one room (rooms:"),
            (Sql::VerifyAttempts, "runs an attempt or crash beyond its limit ("),
        ] {
            let rows = tx.query(sql, &[FINDINGS_MAX.into()]).await?;
            found.extend(rows.read(|row| {
                let (job, n) = (row.int()?, row.int()?);
                Ok(format!("job {job} {complaint} {n})"))
            })?);
        }
        for (sql, complaint) in [
            (Sql::VerifyOrphans, "belongs to no job"),
            (Sql::VerifyCopies, "contradicts its job's queue, kind or priority"),
        ] {
            let rows = tx.query(sql, &[FINDINGS_MAX.into()]).await?;
            found.extend(rows.read(|row| {
                let (table, job) = (row.text()?, row.int()?);
                Ok(format!("the {table} row of job {job} {complaint}"))
            })?);
        }
        for (sql, complaint) in [
            (Sql::VerifyEpochs, "has history beyond its epoch"),
            (Sql::VerifyPairs, "waits where no claim looks"),
            (Sql::VerifyExpiry, "has a limit that nothing watches"),
            (Sql::VerifyBlocked, "does not wait for what it says it waits for"),
            (Sql::VerifyUnique, "holds a unique key after its end"),
        ] {
            let rows = tx.query(sql, &[FINDINGS_MAX.into()]).await?;
            found.extend(rows.read(|row| Ok(format!("job {} {complaint}", row.int()?)))?);
        }
        found.extend(self.slots(tx).await?);
        found.extend(self.keys(tx).await?);
        found.extend(ticks(tx).await?);
        found.extend(members(tx).await?);
        found.extend(counts(tx).await?);
        Ok(found)
    }
}

impl Verify {
    /// Slots that nobody has given back. For a moment after an end that is nothing unusual.
    async fn slots<T: Tx>(&self, tx: &mut T) -> Result<Vec<String>, Error> {
        let before = self.now - SLOT_GRACE;
        let params = [FINDINGS_MAX.into(), before.as_micros().into()];
        let rows = tx.query(Sql::VerifySlots, &params).await?;
        rows.read(|row| {
            let (line, job) = (row.text()?, row.int()?);
            Ok(format!("job {job} holds a slot of line `{line}` that is not its own any more"))
        })
    }

    /// Concurrency keys that hold more slots than they may.
    async fn keys<T: Tx>(&self, tx: &mut T) -> Result<Vec<String>, Error> {
        let held = tx.query(Sql::VerifyHeld, &[]).await?;
        let held = held.read(|row| Ok((row.text()?, row.int()?)))?;
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let settings = self.shared.settings.at(tx, None).await?;
        let over = |(line, n): (String, i64)| match rule(&line, &settings) {
            Rule::Slots { most: Some(most), .. } if n > most => Some(format!(
                "{n} jobs hold slots of line `{line}`, which has {most} (as long as it was lowered \
                 a moment ago, that ends with them)"
            )),
            _ => None,
        };
        let most = usize::try_from(FINDINGS_MAX).unwrap_or(usize::MAX);
        Ok(held.into_iter().filter_map(over).take(most).collect())
    }
}

/// Ticks against their schedules and jobs.
async fn ticks<T: Tx>(tx: &mut T) -> Result<Vec<String>, Error> {
    let rows = tx.query(Sql::VerifyTicks, &[FINDINGS_MAX.into()]).await?;
    rows.read(|row| {
        let (schedule, tick) = (row.int()?, Timestamp::from_micros(row.int()?));
        let complaint = match row.int()? {
            1 => "has a job that is not there",
            2 => "was fired before its turn",
            _ => "belongs to no schedule",
        };
        Ok(format!("tick {tick} of schedule #{schedule} {complaint}"))
    })
}

/// Members against their jobs, workflows and batches.
async fn members<T: Tx>(tx: &mut T) -> Result<Vec<String>, Error> {
    let rows = tx.query(Sql::VerifyMembers, &[FINDINGS_MAX.into()]).await?;
    rows.read(|row| {
        let (bundle, job) = (row.int()?, row.int()?);
        let complaint = match row.int()? {
            1 => "is not there",
            2 => "has not ended as its bundle says",
            3 => "has no bundle",
            _ => "goes on after its bundle has ended",
        };
        Ok(format!("job {job} of bundle {bundle} {complaint}"))
    })
}

/// The maintained counts against a recount.
async fn counts<T: Tx>(tx: &mut T) -> Result<Vec<String>, Error> {
    let codes = [
        State::Pending.code(),
        State::Running.code(),
        State::Retrying.code(),
        State::Delayed.code(),
        Reason::Backoff.code(),
        Reason::Crashed.code(),
    ];
    let mut difference: BTreeMap<(i64, i64, i64), i64> = BTreeMap::new();
    let statements: [(Sql, i64, &[Param<'_>]); 2] = [
        (Sql::VerifyCounts, 1, &codes.map(Param::Int)),
        (Sql::VerifyTally, -1, &[Param::Int(Measure::STATES_MAX)]),
    ];
    for (sql, sign, params) in statements {
        let rows = tx.query(sql, params).await?;
        for (key, n) in rows.read(|row| Ok(((row.int()?, row.int()?, row.int()?), row.int()?)))? {
            *difference.entry(key).or_default() += sign * n;
        }
    }
    let wrong = difference.into_iter().filter(|(_, difference)| *difference != 0);
    Ok(wrong
        .map(|((queue, kind, code), n)| {
            let state = State::from_code(code).map_or("unknown", State::as_str);
            format!("the count of {state} jobs in queue #{queue}, kind #{kind} is off by {n}")
        })
        .collect())
}
