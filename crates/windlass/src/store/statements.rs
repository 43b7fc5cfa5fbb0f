//! The catalogue of statements: one name, one file, shared or per dialect.
//!
//! A statement is a whole file. Two places are filled in: `{prefix}` once at start, and `{filter}`
//! of the list statements.

macro_rules! statements {
    ($($variant:ident = $file:literal),+ $(,)?) => {
        /// A statement, by the name of its file.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Sql { $($variant),+ }

        impl Sql {
            #[cfg(feature = "sqlite")]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[cfg(feature = "sqlite")]
            pub(crate) const fn for_sqlite(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("../../sql/", $file, ".sql"))),+ }
            }
        }
    };
}

statements! {
    NamespaceGet = "common/namespace_get",
    QueueAdd = "common/queue_add",
    QueueGet = "common/queue_get",
    KindAdd = "common/kind_add",
    KindGet = "common/kind_get",
    QueueKindAdd = "common/queue_kind_add",
    QueueKindSince = "common/queue_kind_since",
    NodeFree = "common/node_free",
    NodeTaken = "common/node_taken",
    NodeLease = "common/node_lease",
    NodeRelease = "common/node_release",
    JobInsert = "common/job_insert",
    ReadyInsert = "common/ready_insert",
    DelayedInsert = "common/delayed_insert",
    ExpiryInsert = "common/expiry_insert",
    IdempotencyAdd = "common/idempotency_add",
    IdempotencyGet = "common/idempotency_get",
    ClaimWorker = "common/claim_worker",
    ClaimHead = "common/claim_head",
    ClaimPeek = "common/claim_peek",
    ClaimPeekClass = "common/claim_peek_class",
    ClaimTake = "sqlite/claim_take",
    ClaimTakeClass = "sqlite/claim_take_class",
    ClaimJob = "common/claim_job",
    LeaseInsert = "common/lease_insert",
    SettleTake = "common/settle_take",
    OutcomeInsert = "common/outcome_insert",
    AttemptInsert = "common/attempt_insert",
    WorkerNonce = "common/worker_nonce",
    WorkerInsert = "common/worker_insert",
    WorkerRenew = "common/worker_renew",
    WorkerRemove = "common/worker_remove",
    WorkerPrune = "common/worker_prune",
    WorkerList = "common/worker_list",
    LeaseHeld = "common/lease_held",
    LeaseOfWorker = "common/lease_of_worker",
    LeaseGet = "common/lease_get",
    LeaseCancel = "common/lease_cancel",
    RescueFind = "common/rescue_find",
    PromoteTake = "sqlite/promote_take",
    DelayedNext = "common/delayed_next",
    ReadyRemove = "common/ready_remove",
    DelayedRemove = "common/delayed_remove",
    OutcomeRemove = "common/outcome_remove",
    ExpiryDue = "common/expiry_due",
    ExpiryRemove = "common/expiry_remove",
    JobGet = "common/job_get",
    JobUpdate = "common/job_update",
    JobDelete = "common/job_delete",
    AttemptDelete = "common/attempt_delete",
    AttemptList = "common/attempt_list",
    ProgressPut = "common/progress_put",
    ProgressDelete = "common/progress_delete",
    IdempotencyDelete = "common/idempotency_delete",
    ListAll = "common/list_all",
    ListEnded = "common/list_ended",
    ListRunning = "common/list_running",
    ListDelayed = "common/list_delayed",
    ListReady = "common/list_ready",
    TallyAdd = "common/tally_add",
    TallyRead = "common/tally_read",
    StorageBytes = "sqlite/storage_bytes",
    VerifyRooms = "common/verify_rooms",
    VerifyOrphans = "common/verify_orphans",
    VerifyCopies = "common/verify_copies",
    VerifyAttempts = "common/verify_attempts",
    VerifyEpochs = "common/verify_epochs",
    VerifyCounts = "common/verify_counts",
    VerifyTally = "common/verify_tally",
    VerifyPairs = "common/verify_pairs",
    VerifyExpiry = "common/verify_expiry",
}
