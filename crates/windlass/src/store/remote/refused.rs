//! What is not possible through a server, verb by verb: whoever needs it opens the database, or asks the API
//! itself.

use std::sync::Arc;
use std::time::Duration;

use super::{RemoteStore, refused};
use crate::job::{
    ApiKey, AuditFilter, AuditRecord, JobEdit, JobId, JobRecord, JobRef, KeyEdit, KeyRecord, Limit,
    LimitRecord, NewKey, PauseOptions, QueueSettings, RunRecord, Schedule, ScheduleRecord,
    SessionRecord, TickRecord, Timestamp, WorkerId, WorkerRecord, WorkerState,
};
use crate::store::minute_store::OldestByKind;
use crate::store::operation_store::Operated;
use crate::store::schedule_store::Fired;
use crate::store::types::Dead;
use crate::store::verb::KeyRow;
use crate::store::{
    Admitted, Claims, Declared, EventStore, Expected, Fence, Found, Happened, KeptReply, KeyStore,
    KnownWorker, LimitStore, ListQuery, MinuteStore, Minutes, OpenedRequest, Operation,
    OperationId, OperationRecord, OperationStore, QueuePage, Reply, ReplyStore, Report, RequestKey,
    Restored, ScheduleStore, Served, SessionStore, Settled, Shared, Sweep, Taker, TransferStore,
    Transferred, WorkerKey, WorkerPage, WorkerStore,
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
        fn change_key(&str, KeyEdit) -> KeyRecord;
        fn rotate_key(ApiKey, Duration) -> KeyRecord;
        fn revoke_key(&str) -> KeyRecord;
        fn note_use(&str, Duration) -> ();
        "the audit":
        fn note_refused(&Arc<str>, &str, &str) -> ();
        fn audit(&Arc<str>, AuditFilter) -> Vec<AuditRecord>;
        fn trim_audit(Duration, usize) -> usize;
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
        fn bring_queue(&Arc<str>, &str, QueueSettings, Option<PauseOptions>) -> ();
        fn bring_schedule(&Arc<str>, &str, Schedule, Option<PauseOptions>) -> ();
    }
}

impl ReplyStore for RemoteStore {
    refuses! {
        "a request that is answered once":
        fn open_request(&Arc<str>, &str, String) -> OpenedRequest;
        fn close_request(RequestKey, Option<KeptReply>) -> ();
    }
}
