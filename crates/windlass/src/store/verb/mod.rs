//! The verbs of the store, one file each: what happens inside one transaction.

#[cfg(any(feature = "postgres", feature = "mysql"))]
mod add_days;
mod admit;
mod admit_books;
mod api_keys;
mod apply;
mod audit;
mod bundle;
mod cancel;
mod cancel_members;
mod claim;
mod claim_allowance;
mod claim_gate;
mod claim_whole;
mod complete;
mod delete;
mod dependents;
mod depth;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod drop_day;
mod edit;
mod enqueue;
mod enqueue_here;
mod enter;
mod erase;
mod expire;
mod explain;
mod explain_limits;
mod fire;
mod fold;
mod gather;
mod hand_out;
mod inspect;
mod job_part;
mod limits;
mod list;
mod log;
mod make_known;
mod minutes;
mod namespaces;
mod new_record;
mod new_rows;
mod node;
mod observe;
mod operate;
mod operations;
mod parents;
mod pause;
mod paused;
mod promote;
mod prune;
mod purge;
mod queues;
mod refuse;
mod relay;
mod reopen;
mod reply;
mod report;
mod rescue;
mod resolve;
mod restore;
mod retry;
mod runs;
mod saved;
mod schedules;
mod sessions;
mod settle;
mod signal;
mod submit;
mod unique;
mod verify;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod watch;
mod worker;
mod workers;

#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use add_days::AddDays;
pub(crate) use admit::Admit;
pub(crate) use api_keys::{
    AddKey, ChangeKey, FindKey, HasKeys, KeyRow, ListKeys, NoteUse, RevokeKey, RotateKey,
};
pub(crate) use audit::{Audited, Line, ListAudit, NoteRefused, TrimAudit};
pub(crate) use bundle::{
    BundleRow, CommitBatch, Made, NewBundle, OpenBatch, ReadBundles, Sort, Which,
};
pub(crate) use cancel::Cancel;
pub(crate) use cancel_members::CancelMembers;
pub(crate) use claim::Claim;
pub(crate) use delete::Delete;
pub(crate) use dependents::Dependents;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use drop_day::{DropDay, ListDays};
pub(crate) use edit::Edit;
pub(crate) use enqueue::{Enqueue, Prepared, uniques};
pub(crate) use enqueue_here::EnqueueHere;
pub(crate) use expire::Expire;
pub(crate) use explain::Explain;
pub(crate) use fire::{DueSchedules, Fire, Trigger};
pub(crate) use fold::Fold;
pub(crate) use gather::{CallBack, FindEnded, Gather, Place};
pub(crate) use hand_out::HandOut;
pub(crate) use inspect::{Attempts, Get, Serving, Stats, tell_unserved};
pub(crate) use limits::{ListLimits, PutLimit, RemoveLimit};
pub(crate) use list::{Find, List};
#[cfg(all(test, feature = "sqlite"))]
pub(crate) use list::{Names, statements};
pub(crate) use log::{AddLines, ReadLog};
pub(crate) use make_known::MakeKnown;
pub(crate) use minutes::{
    KeepTimes, Minute, Minutes, OldestByKind, ReadMinutes, Sample, minute_of,
};
pub(crate) use namespaces::{AddNamespace, ListNamespaces, RemoveNamespace};
pub(crate) use node::{NodeLease, NodeRelease};
pub(crate) use observe::{Happened, LatestEvents, NewsOf, OrderEvents, TendEvents, WatchFor};
pub(crate) use operate::{Operate, Progress as OperationProgress};
pub(crate) use operations::{
    BeginOperation, CancelOperation, DeadGroups, DueOperations, ForgetOperations, GetOperation,
    ListOperations, OperationRow,
};
pub(crate) use parents::{ParentOf, ReadParents};
pub(crate) use pause::{ChangePause, ListKinds};
pub(crate) use paused::Paused;
pub(crate) use promote::Promote;
pub(crate) use prune::Prune;
pub(crate) use purge::Purge;
pub(crate) use queues::{ListQueues, OldestPending, PutQueue, ReadSettings, RemoveQueue};
pub(crate) use relay::{Letter, Peek, Refuse, Relay};
pub(crate) use reopen::{Reopen, Scope};
pub(crate) use reply::{CloseRequest, Effect, OpenRequest};
pub(crate) use report::ReportAll;
pub(crate) use rescue::{HasLapsed, Rescue};
pub(crate) use resolve::Resolve;
pub(crate) use restore::{Restore, Restored, Transferred};
pub(crate) use retry::Retry;
pub(crate) use runs::ReadRuns;
pub(crate) use saved::{ReadCheckpoints, ReadSaved, Save};
pub(crate) use schedules::{
    ListSchedules, ListTicks, PauseSchedule, PutSchedule, RemoveSchedule, ScheduleRow,
};
pub(crate) use sessions::{EndSession, FindSession, OpenSession};
pub(crate) use settle::Settle;
pub(crate) use signal::Signal;
pub(crate) use submit::Submit;
pub(crate) use verify::Verify;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use watch::Watch;
pub(crate) use worker::{Heartbeat, Leave, Progress, Register};
pub(crate) use workers::{AskWorker, FindHolder, FindWorker, Holds, ListWorkers, RenewWorkers};

use super::driver::Tx;
use super::rows::JobRow;
use super::statements::Sql;
use crate::{Error, JobId};

/// Reads one job of a namespace, or says that there is none.
async fn locate<T: Tx>(tx: &mut T, namespace_id: i64, job: JobId) -> Result<JobRow, Error> {
    let rows = tx.query(Sql::JobGet, &[job.as_i64().into()]).await?;
    rows.first(JobRow::read)?
        .filter(|row| row.namespace_id == namespace_id)
        .ok_or_else(|| Error::not_found(format!("job {job}")))
}
