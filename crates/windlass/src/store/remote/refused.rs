//! What is not possible through a server, verb by verb: whoever needs it opens the database, or asks the API
//! itself.

use std::sync::Arc;
use std::time::Duration;

use super::{RemoteStore, refused};
use crate::core::State;
use crate::job::{
    ApiKey, AuditFilter, AuditRecord, BatchId, Flow, JobEdit, JobId, JobRecord, JobRef, KeyRecord,
    KindRecord, Limit, LimitRecord, NewBatch, NewKey, PauseOptions, PauseScope, QueueRecord,
    QueueSettings, RunRecord, Schedule, ScheduleRecord, SessionRecord, TickRecord, Timestamp,
    WorkerId, WorkerRecord, WorkerState, WorkflowId,
};
use crate::store::bundle_store::Gathered;
use crate::store::minute_store::OldestByKind;
use crate::store::operation_store::Operated;
use crate::store::schedule_store::Fired;
use crate::store::types::Dead;
use crate::store::verb::{KeyRow, Made, ParentOf, Place};
use crate::store::{
    Admitted, BundleRow, BundleStore, Claims, Declared, EventStore, Expected, Fence, Found,
    Happened, KeptReply, KeyStore, KnownWorker, LimitStore, ListQuery, MinuteStore, Minutes,
    OpenedRequest, Operation, OperationId, OperationRecord, OperationStore, Pruned, PurgeBatch,
    Purged, QueuePage, QueueStore, Reply, ReplyStore, Report, RequestKey, Restored, RetryOptions,
    ScheduleStore, Scope, Served, SessionStore, Settled, Shared, Sort, Sweep, Taker, TransferStore,
    Transferred, Which, WorkerKey, WorkerPage, WorkerStore, edges,
};

/// Verbs that are refused with these words.
macro_rules! refuses {
    ($($what:literal: $(fn $name:ident($($kind:ty),*) -> $answer:ty;)+)+) => {
        $($(
            fn $name(&self, $(_: $kind),*) -> Reply<'_, $answer> {
                refused($what)
            }
        )+)+
    };
}
pub(super) use refuses;

impl QueueStore for RemoteStore {
    refuses! {
        "the management of queues":
        fn queues(&Arc<str>, QueuePage) -> Vec<QueueRecord>;
        fn oldest_pending(&Arc<str>, &str) -> Option<Timestamp>;
        fn put_queue(&Arc<str>, &str, QueueSettings, Expected) -> QueueRecord;
        fn remove_queue(&Arc<str>, &str, Option<i64>) -> ();
        fn purge(&Arc<str>, &str, PurgeBatch) -> Purged;
        fn change_pause(&Arc<str>, PauseScope, Option<PauseOptions>) -> bool;
        fn kinds(&Arc<str>, QueuePage) -> Vec<KindRecord>;
        "upkeep":
        fn prune(State, i64, usize, bool) -> Pruned;
        fn drop_days() -> Option<usize>;
        "the management of namespaces":
        fn namespaces(QueuePage) -> Vec<String>;
        fn add_namespace(&str) -> ();
        fn remove_namespace(&str) -> ();
    }
}

impl ScheduleStore for RemoteStore {
    refuses! {
        "the management of schedules":
        fn schedules(&Arc<str>, QueuePage) -> Vec<ScheduleRecord>;
        fn put_schedule(&Arc<str>, &str, Schedule, Expected) -> ScheduleRecord;
        fn declare_schedule(&Arc<str>, &str, Schedule) -> ScheduleRecord;
        fn remove_schedule(&Arc<str>, &str, Option<i64>) -> ();
        fn pause_schedule(&Arc<str>, &str, Option<PauseOptions>) -> ScheduleRecord;
        fn ticks(&Arc<str>, &str, Option<Timestamp>, usize) -> Vec<TickRecord>;
        fn trigger(&Arc<str>, &str) -> JobId;
        "upkeep":
        fn fire(usize, &Arc<Declared>) -> Fired;
    }
}

impl OperationStore for RemoteStore {
    refuses! {
        "a change of a stored job":
        fn edit(&Arc<str>, JobRef, JobEdit) -> JobRecord;
        "an operation on many jobs":
        fn find(&Arc<str>, ListQuery) -> Found;
        fn begin_operation(&Arc<str>, Operation) -> OperationRecord;
        fn operation(&Arc<str>, OperationId) -> OperationRecord;
        fn operations(&Arc<str>, Option<OperationId>, usize) -> Vec<OperationRecord>;
        fn cancel_operation(&Arc<str>, OperationId) -> OperationRecord;
        fn dead(&Arc<str>, usize) -> Dead;
        "upkeep":
        fn operate(Option<OperationId>) -> Operated;
        fn forget_operations() -> ();
    }
}

impl BundleStore for RemoteStore {
    refuses! {
        "a workflow or batch":
        fn start(&Arc<str>, Flow) -> Made;
        fn open_batch(&Arc<str>, NewBatch) -> Made;
        fn commit_batch(&Arc<str>, BatchId) -> ();
        fn bundles(&Arc<str>, Sort, Which) -> Vec<BundleRow>;
        fn cancel_workflow(&Arc<str>, WorkflowId, Option<String>) -> ();
        "upkeep":
        fn gather(Vec<JobId>, Place, usize) -> Gathered;
        "what the parents of a job returned":
        fn parents(JobId) -> Vec<ParentOf>;
    }

    /// The server has done it together with the retry.
    fn reopen(
        &self,
        _: &Arc<str>,
        _: WorkflowId,
        _: (Scope, Option<JobId>),
        _: RetryOptions,
    ) -> Reply<'_, usize> {
        Box::pin(std::future::ready(Ok(0)))
    }

    fn members(&self) -> &edges::Edges {
        &self.shared.members
    }
}

impl EventStore for RemoteStore {
    refuses! {
        "a stream of events":
        fn find_namespace(&Arc<str>) -> ();
        fn watch() -> bool;
        fn order_events() -> bool;
        fn tend_events() -> bool;
        fn events(i64, usize) -> Vec<Happened>;
        fn latest_events(usize) -> Vec<Happened>;
    }

    fn remembered(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }
}

impl LimitStore for RemoteStore {
    refuses! {
        "the management of limits":
        fn limits(&Arc<str>, QueuePage) -> Vec<LimitRecord>;
        fn put_limit(&Arc<str>, &str, Limit, Option<i64>) -> LimitRecord;
        fn remove_limit(&Arc<str>, &str, Option<i64>) -> ();
        "upkeep":
        fn readmit() -> ();
        fn admit(Vec<JobId>, Vec<String>, Option<Sweep>, usize) -> Admitted;
    }
}

impl WorkerStore for RemoteStore {
    refuses! {
        "the management of workers":
        fn find_worker(WorkerId) -> Option<KnownWorker>;
        fn find_holder(&Arc<str>, JobId) -> Option<(WorkerId, i64)>;
        fn workers(&Arc<str>, WorkerPage) -> Vec<WorkerRecord>;
        fn ask_worker(&Arc<str>, WorkerId, WorkerState) -> WorkerRecord;
        "work for workers elsewhere":
        fn renew_workers(Vec<(i64, i64)>) -> u64;
        fn hand_out(Vec<Taker>, &Arc<Served>, usize) -> Vec<(WorkerKey, Claims)>;
        fn report(&Arc<str>, &WorkerKey, Vec<Report>, bool) -> Vec<Settled>;
        fn holds(&Fence) -> Option<u32>;
        fn checkpoints(Vec<JobId>) -> Vec<(JobId, Vec<u8>)>;
    }
}

impl MinuteStore for RemoteStore {
    refuses! {
        "a time series":
        fn sample() -> ();
        fn oldest_by_kind(&Arc<str>, usize) -> OldestByKind;
        fn runs(&Arc<str>, &str, usize) -> Vec<RunRecord>;
        fn minutes(&Arc<str>, i64) -> Minutes;
    }
}

impl KeyStore for RemoteStore {
    refuses! {
        "the management of keys":
        fn add_key(ApiKey, NewKey, bool) -> Option<KeyRecord>;
        fn find_key(&str) -> Option<KeyRow>;
        fn keys(&str, usize) -> Vec<KeyRecord>;
        fn has_keys() -> bool;
        fn rotate_key(ApiKey, Duration) -> KeyRecord;
        fn revoke_key(&str) -> KeyRecord;
        fn note_use(&str, Duration) -> ();
        "the audit":
        fn note_refused(&Arc<str>, &str, &str) -> ();
        fn audit(&Arc<str>, AuditFilter) -> Vec<AuditRecord>;
    }
}

impl SessionStore for RemoteStore {
    refuses! {
        "a session of somebody who signed in":
        fn open_session(&ApiKey, &str) -> bool;
        fn session(&str) -> Option<SessionRecord>;
        fn end_session(&str) -> ();
    }
}

impl TransferStore for RemoteStore {
    refuses! {
        "an import":
        fn restore(&Arc<str>, &str, Vec<Transferred>) -> Vec<Restored>;
    }
}

impl ReplyStore for RemoteStore {
    refuses! {
        "a request that is answered once":
        fn open_request(&Arc<str>, &str, String) -> OpenedRequest;
        fn close_request(RequestKey, Option<KeptReply>) -> ();
    }
}
