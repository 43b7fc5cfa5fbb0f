//! The catalogue of statements: one name, one file, shared or per dialect.
//!
//! A statement is a whole file. Two places are filled in: `{prefix}` once at start, and `{filter}`
//! of the list statements; MySQL repeats the marked part of a statement for every row of a batch.

/// The text of one file, or none for a dialect that has no use for the statement.
macro_rules! text {
    (none $name:literal) => {
        None
    };
    ($folder:ident $name:literal) => {
        Some(include_str!(concat!("../../sql/", stringify!($folder), "/", $name, ".sql")))
    };
}

/// Which folder a dialect takes a statement from: the shared one unless three are named.
macro_rules! dialect {
    (sqlite $name:literal) => { text!(common $name) };
    (sqlite $name:literal $sqlite:ident $postgres:ident $mysql:ident) => { text!($sqlite $name) };
    (postgres $name:literal) => { text!(common $name) };
    (postgres $name:literal $sqlite:ident $postgres:ident $mysql:ident) => { text!($postgres $name) };
    (mysql $name:literal) => { text!(common $name) };
    (mysql $name:literal $sqlite:ident $postgres:ident $mysql:ident) => { text!($mysql $name) };
}

macro_rules! statements {
    ($($variant:ident = $name:literal $([$($folder:ident)+])?),+ $(,)?) => {
        /// A statement, by the name of its file.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Sql { $($variant),+ }

        impl Sql {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[cfg(feature = "sqlite")]
            pub(crate) const fn for_sqlite(self) -> Option<&'static str> {
                match self { $(Self::$variant => dialect!(sqlite $name $($($folder)+)?)),+ }
            }

            #[cfg(feature = "postgres")]
            pub(crate) const fn for_postgres(self) -> Option<&'static str> {
                match self { $(Self::$variant => dialect!(postgres $name $($($folder)+)?)),+ }
            }

            #[cfg(feature = "mysql")]
            pub(crate) const fn for_mysql(self) -> Option<&'static str> {
                match self { $(Self::$variant => dialect!(mysql $name $($($folder)+)?)),+ }
            }
        }
    };
}

// In brackets: the folders for SQLite, PostgreSQL and MySQL.
statements! {
    NamespaceGet = "namespace_get",
    CatalogLock = "catalog_lock",
    QueueAdd = "queue_add" [common common mysql],
    QueueGet = "queue_get",
    QueueFind = "queue_find",
    QueueList = "queue_list",
    QueueUsed = "queue_used",
    QueueOldest = "queue_oldest",
    QueueDepth = "queue_depth" [common postgres mysql],
    SettingsVersion = "settings_version",
    SettingsTouch = "settings_touch",
    QueueSettingAll = "queue_setting_all",
    QueueSettingAdd = "queue_setting_add",
    QueueSettingRemove = "queue_setting_remove",
    PauseList = "pause_list",
    PauseAdd = "pause_add",
    PauseRemove = "pause_remove",
    NamespaceAll = "namespace_all",
    NamespaceList = "namespace_list",
    NamespaceAdd = "namespace_add",
    NamespaceRename = "namespace_rename",
    KindList = "kind_list",
    KindAdd = "kind_add" [common common mysql],
    KindGet = "kind_get",
    QueueKindAdd = "queue_kind_add" [common common mysql],
    QueueKindSince = "queue_kind_since",
    NodeFree = "node_free",
    NodeTaken = "node_taken",
    NodeRenew = "node_renew",
    NodeTake = "node_take" [common common mysql],
    NodeRelease = "node_release",
    JobInsert = "job_insert" [common postgres common],
    ReadyInsert = "ready_insert" [common postgres common],
    DelayedInsert = "delayed_insert" [common postgres common],
    ExpiryInsert = "expiry_insert" [common postgres mysql],
    IdempotencyAdd = "idempotency_add" [common postgres mysql],
    IdempotencyGet = "idempotency_get" [common postgres mysql],
    UniqueTake = "unique_take" [common postgres mysql],
    UniqueGet = "unique_get" [common postgres mysql],
    UniqueHolder = "unique_holder",
    UniqueMove = "unique_move",
    UniqueRelease = "unique_release" [common postgres common],
    UniqueExpire = "unique_expire" [common postgres mysql],
    BlockedInsert = "blocked_insert" [common postgres common],
    BlockedMet = "blocked_met" [common postgres mysql],
    BlockedTake = "blocked_take" [common postgres mysql],
    BlockedEdit = "blocked_edit",
    BlockedRemove = "blocked_remove",
    DependencyInsert = "dependency_insert" [common postgres common],
    DependencyMet = "dependency_met",
    DependencyOf = "dependency_of" [common postgres mysql],
    DependencyRemove = "dependency_remove" [common postgres mysql],
    DependencyForget = "dependency_forget",
    DependencyParents = "dependency_parents",
    DependencyChildren = "dependency_children",
    DependencyLock = "dependency_lock",
    DependencyAny = "dependency_any",
    ThrottledInsert = "throttled_insert" [common postgres common],
    ThrottledHead = "throttled_head" [common postgres mysql],
    ThrottledTake = "throttled_take" [common postgres mysql],
    ThrottledRemove = "throttled_remove",
    ThrottledAny = "throttled_any" [common postgres mysql],
    ThrottledGet = "throttled_get",
    ThrottledBefore = "throttled_before",
    ThrottledLines = "throttled_lines" [common common mysql],
    SlotOf = "slot_of" [common postgres mysql],
    SlotSweep = "slot_sweep",
    SlotLine = "slot_line" [common postgres mysql],
    SlotInsert = "slot_insert" [common postgres common],
    SlotDelete = "slot_delete" [common postgres mysql],
    SlotHolders = "slot_holders",
    BucketGet = "bucket_get" [common postgres mysql],
    BucketPut = "bucket_put" [common postgres mysql],
    BucketDue = "bucket_due",
    BucketTrim = "bucket_trim",
    BucketLock = "bucket_lock" [common postgres mysql],
    LimitLock = "limit_lock",
    AdmitLook = "admit_look",
    JobKeys = "job_keys" [common postgres mysql],
    KeyLimitAll = "key_limit_all",
    KeyLimitPut = "key_limit_put",
    KeyLimitRemove = "key_limit_remove",
    LeaseCount = "lease_count",
    ClaimWorker = "claim_worker",
    ClaimHead = "claim_head" [common postgres mysql],
    ClaimPeek = "claim_peek",
    ClaimTake = "claim_take" [sqlite postgres mysql],
    ClaimJob = "claim_job" [common postgres mysql],
    LeaseInsert = "lease_insert" [common postgres common],
    ClaimAll = "claim_all" [none postgres none],
    SettleTake = "settle_take" [common postgres mysql],
    CompleteAll = "complete_all" [none postgres none],
    OutcomeInsert = "outcome_insert" [common postgres common],
    AttemptInsert = "attempt_insert" [common postgres mysql],
    WorkerNonce = "worker_nonce",
    WorkerInsert = "worker_insert",
    WorkerRenew = "worker_renew",
    WorkerRemove = "worker_remove",
    WorkerIdle = "worker_idle",
    WorkerList = "worker_list",
    WorkerGet = "worker_get",
    WorkerPage = "worker_page",
    WorkerAsk = "worker_ask",
    WorkerCount = "worker_count",
    WorkerPass = "worker_pass",
    WorkersRenew = "workers_renew" [common postgres mysql],
    LeaseHeld = "lease_held",
    LeaseOfWorker = "lease_of_worker",
    LeaseGet = "lease_get" [common postgres mysql],
    LeaseCancel = "lease_cancel" [common common mysql],
    HasLapsed = "has_lapsed",
    RescueFind = "rescue_find" [common postgres common],
    PromoteTake = "promote_take" [sqlite postgres mysql],
    DelayedNext = "delayed_next",
    ReadyRemove = "ready_remove" [common common mysql],
    DelayedRemove = "delayed_remove" [common common mysql],
    OutcomeRemove = "outcome_remove",
    ExpiryTake = "expiry_take" [sqlite postgres mysql],
    JobGet = "job_get" [common postgres mysql],
    JobNamespace = "job_namespace",
    JobUpdate = "job_update",
    JobReplace = "job_replace",
    JobEdit = "job_edit",
    JobDelete = "job_delete" [common postgres mysql],
    AttemptDelete = "attempt_delete" [common postgres mysql],
    AttemptList = "attempt_list",
    ProgressPut = "progress_put" [common postgres mysql],
    ProgressDelete = "progress_delete" [common postgres mysql],
    SavedPut = "saved_put" [common postgres mysql],
    SavedList = "saved_list",
    CheckpointGet = "checkpoint_get" [common postgres mysql],
    SavedDelete = "saved_delete" [common postgres mysql],
    SignalAdd = "signal_add" [common common mysql],
    SignalLockLease = "signal_lock_lease" [common postgres mysql],
    SignalLockJob = "signal_lock_job" [common postgres mysql],
    LogInsert = "log_insert" [common postgres mysql],
    LogSize = "log_size" [common postgres mysql],
    LogList = "log_list",
    LogDelete = "log_delete" [common postgres mysql],
    IdempotencyDelete = "idempotency_delete" [common postgres mysql],
    PruneFind = "prune_find",
    PruneTake = "prune_take" [sqlite postgres mysql],
    ListAll = "list_all",
    ListEnded = "list_ended",
    ListRunning = "list_running",
    ListDelayed = "list_delayed",
    ListReady = "list_ready",
    ListBlocked = "list_blocked",
    ListThrottled = "list_throttled",
    InboxPeek = "inbox_peek",
    InboxRemove = "inbox_remove",
    InboxRefuse = "inbox_refuse",
    TallyAdd = "tally_add" [common postgres mysql],
    TallyTake = "tally_take" [none postgres mysql],
    TallyMerge = "tally_merge" [none postgres mysql],
    TallyRead = "tally_read" [common postgres mysql],
    StorageBytes = "storage_bytes" [sqlite postgres mysql],
    ScheduleDue = "schedule_due",
    ScheduleNext = "schedule_next",
    OperationInsert = "operation_insert",
    OperationGet = "operation_get",
    OperationList = "operation_list",
    OperationDue = "operation_due",
    OperationNext = "operation_next",
    OperationTake = "operation_take",
    OperationMove = "operation_move",
    OperationFailureAdd = "operation_failure_add",
    OperationFailureList = "operation_failure_list",
    OperationForget = "operation_forget",
    OperationFailureForget = "operation_failure_forget",
    DeadScan = "dead_scan",
    ScheduleGet = "schedule_get",
    ScheduleList = "schedule_list",
    ScheduleInsert = "schedule_insert",
    ScheduleTake = "schedule_take",
    ScheduleDefine = "schedule_define",
    SchedulePause = "schedule_pause",
    ScheduleFired = "schedule_fired",
    ScheduleDelete = "schedule_delete",
    ScheduleUsed = "schedule_used",
    TickInsert = "tick_insert",
    TickGet = "tick_get",
    TickList = "tick_list",
    TickLive = "tick_live",
    TickEdge = "tick_edge",
    TickTrim = "tick_trim",
    TickClear = "tick_clear",
    TickForgetJob = "tick_forget_job" [common postgres mysql],
    BlockedReturn = "blocked_return",
    BundleInsert = "bundle_insert" [common common mysql],
    BundleFind = "bundle_find",
    BundleGet = "bundle_get",
    BundleLock = "bundle_lock" [common postgres mysql],
    BundleShare = "bundle_share" [common postgres mysql],
    BundleList = "bundle_list",
    BundleCommit = "bundle_commit",
    BundleTouch = "bundle_touch",
    BundleReopen = "bundle_reopen",
    BundleEnd = "bundle_end",
    BundleCalled = "bundle_called",
    BundleDue = "bundle_due",
    BundleAny = "bundle_any",
    BundleDrop = "bundle_drop",
    BundleEmpty = "bundle_empty",
    BundleClear = "bundle_clear",
    MemberInsert = "member_insert" [common postgres common],
    MemberEnded = "member_ended" [common postgres mysql],
    MemberSlice = "member_slice",
    MemberMove = "member_move" [common postgres mysql],
    MemberDrop = "member_drop",
    MemberReopen = "member_reopen",
    MemberOf = "member_of" [common postgres mysql],
    MemberForget = "member_forget" [common postgres mysql],
    MemberIn = "member_in",
    MemberCount = "member_count",
    MemberStates = "member_states",
    MemberIds = "member_ids",
    JobMetadata = "job_metadata" [common postgres mysql],
    ListMember = "list_member",
    VerifyMembers = "verify_members",
    Watch = "watch" [none postgres mysql],
    EnqueueAll = "enqueue_all" [none postgres none],
    AddDays = "add_days" [none postgres none],
    DayList = "day_list" [none postgres none],
    DropDay = "drop_day" [none postgres none],
    EndedLock = "ended_lock" [common postgres common],
    VerifyRooms = "verify_rooms",
    VerifyOrphans = "verify_orphans",
    VerifyCopies = "verify_copies",
    VerifyAttempts = "verify_attempts",
    VerifyEpochs = "verify_epochs",
    VerifyCounts = "verify_counts",
    VerifyTally = "verify_tally" [common postgres mysql],
    VerifyPairs = "verify_pairs",
    VerifyBlocked = "verify_blocked",
    VerifyUnique = "verify_unique",
    VerifyExpiry = "verify_expiry",
    VerifyTicks = "verify_ticks",
    VerifySlots = "verify_slots",
    ApiKeyInsert = "api_key_insert",
    ApiKeyList = "api_key_list",
    ApiKeyGet = "api_key_get",
    ApiKeyAny = "api_key_any",
    ApiKeyRotate = "api_key_rotate",
    ApiKeyRevoke = "api_key_revoke",
    ApiKeyUsed = "api_key_used",
    AuditInsert = "audit_insert",
    AuditGet = "audit_get",
    AuditList = "audit_list",
    AuditListAll = "audit_list_all",
}

/// A statement without its comments, on one line, with the names of the tables filled in.
pub(crate) fn whole(text: &str, prefix: &str) -> String {
    let lines = text.lines().map(|line| line.split("--").next().unwrap_or_default().trim());
    let joined: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    joined.join(" ").replace("{prefix}", prefix)
}
