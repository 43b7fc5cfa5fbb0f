//! Explain: what is in the way of a job, from what a claim looks at.

use std::sync::Arc;

use crate::Error;
use crate::job::{Blocker, Explanation, JobId, Timestamp};
use crate::store::Shared;
use crate::store::driver::{Batch, Param, Tx, Verb};
use crate::store::rows::{JobRow, Room};
use crate::store::settings::Settings;
use crate::store::statements::Sql;
use crate::store::verb::explain_limits::limits;
use crate::store::verb::inspect::is_served;
use crate::store::verb::job_part::too_late;
use crate::store::verb::locate;

/// Parents that are named.
const PARENTS_SHOWN: usize = 10;

/// Explains one job.
#[derive(Debug)]
pub(crate) struct Explain {
    pub(crate) namespace: Arc<str>,
    pub(crate) job: JobId,
    pub(crate) now: Timestamp,
    pub(crate) shared: Arc<Shared>,
}

impl Verb for Explain {
    type Reply = Explanation;

    async fn run<T: Tx>(&self, tx: &mut T) -> Result<Explanation, Error> {
        let namespace_id = self.shared.catalog.namespace(tx, &self.namespace).await?;
        let row = locate(tx, namespace_id, self.job).await?;
        let blockers = match row.room {
            Room::Ended { .. } => vec![ended(&row)],
            Room::Lease { .. } => vec![running(&row)],
            Room::Ready { .. }
            | Room::Delayed { .. }
            | Room::Blocked { .. }
            | Room::Throttled { .. } => {
                let mut blockers = Vec::new();
                blockers.extend(self.late(&row));
                if matches!(row.room, Room::Blocked { .. }) {
                    blockers.push(parents(tx, &row).await?);
                }
                let settings = self.shared.settings.at(tx, None).await?;
                blockers.extend(self.pauses(&row, &settings));
                blockers.extend(limits(tx, &row, &settings, self.now).await?);
                if !is_served(tx, &row, self.now).await? {
                    blockers.push(unserved(&row));
                }
                blockers.extend(waiting(&row));
                blockers
            }
        };
        Ok(Explanation { job: self.job, blockers })
    }
}

impl Explain {
    fn late(&self, row: &JobRow) -> Option<Blocker> {
        let (_, state, reason) = too_late(row.record.start_by, row.record.deadline, self.now)?;
        let message = format!("its time has passed: it ends {state} ({}) soon", reason.as_str());
        let blocker = Blocker::new("too_late", message);
        let blocker = blocker.shown_by_any("start_by", row.record.start_by);
        Some(blocker.shown_by_any("deadline", row.record.deadline))
    }

    fn pauses(&self, row: &JobRow, settings: &Settings) -> Vec<Blocker> {
        let pauses = settings.pauses_of(row.queue_id, row.kind_id, self.now);
        let blocker = |pause: &crate::store::settings::Pause| {
            let what = match (pause.queue_id, pause.kind_id) {
                (0, _) => format!("type `{}` is paused", row.record.kind),
                (_, 0) => format!("queue `{}` is paused", row.record.queue),
                _ => {
                    format!("type `{}` is paused in queue `{}`", row.record.kind, row.record.queue)
                }
            };
            Blocker::new("paused", what)
                .shown_by("since", &pause.record.since)
                .shown_by_any("reason", pause.record.reason.as_ref())
                .shown_by_any("by", pause.record.by.as_ref())
                .until(pause.record.until)
        };
        pauses.map(blocker).collect()
    }
}

fn ended(row: &JobRow) -> Blocker {
    let job = &row.record;
    let message = format!("it has ended: {}", job.state);
    let blocker = Blocker::new("ended", message).shown_by_any("completed_at", job.completed_at);
    blocker.shown_by_any("reason", job.reason.map(crate::Reason::as_str))
}

fn running(row: &JobRow) -> Blocker {
    let job = &row.record;
    Blocker::new("running", format!("it runs, attempt {}", job.attempt))
        .shown_by_any("worker", job.worker.as_ref())
        .shown_by_any("started_at", job.started_at)
        .shown_by_any("lease_expires_at", job.lease_expires_at)
}

fn waiting(row: &JobRow) -> Option<Blocker> {
    let run_at = match row.room {
        Room::Delayed { run_at, .. } => Some(run_at),
        Room::Blocked { run_at, .. } => run_at,
        _ => None,
    }?;
    let code = match row.room {
        Room::Delayed { .. } => row.record.reason.map_or("scheduled", crate::Reason::as_str),
        _ => "scheduled",
    };
    let blocker = Blocker::new(code, format!("it waits for its time, {run_at}"));
    let blocker = blocker.shown_by_any("last_error", row.record.last_error.as_ref());
    Some(blocker.until(Some(run_at)))
}

fn unserved(row: &JobRow) -> Blocker {
    let job = &row.record;
    let message = format!("no live worker serves type `{}` in queue `{}`", job.kind, job.queue);
    Blocker::new("no_worker", message)
}

/// The parents that have not ended, the first of them by name.
async fn parents<T: Tx>(tx: &mut T, row: &JobRow) -> Result<Blocker, Error> {
    let id = row.record.id.as_i64();
    let ids = tx.query(Sql::DependencyParents, &[id.into()]).await?.ints()?;
    let count = ids.len();
    let shown = ids.into_iter().take(PARENTS_SHOWN).map(Param::Int).collect();
    let rows = tx.query_each(Sql::JobGet, &Batch::of_rows(1, shown)).await?;
    let parents = rows.read(JobRow::read)?;
    let name = |parent: &JobRow| {
        let node = parent.record.node.as_ref().map(|node| format!(" `{node}`"));
        format!("{}{} {}", parent.record.id, node.unwrap_or_default(), parent.record.state)
    };
    let named: Vec<String> = parents.iter().map(name).collect();
    let message = format!("it waits for {count} job(s) to end");
    Ok(Blocker::new("blocked", message).shown_by("jobs", &named.join(", ")))
}
