//! Every bound on a job, in one place: name, unit and reason.

use std::time::Duration;

/// Bytes of a payload, a result or a checkpoint: 1 MiB. Larger things belong in an object store, with
/// their address in the payload.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Jobs in one bulk enqueue: one transaction stays short enough for the callers beside it.
pub const BATCH_JOBS_MAX: usize = 10_000;

/// Nodes of a workflow: it is stored in one transaction.
pub const WORKFLOW_NODES_MAX: usize = 10_000;

/// Follow-up jobs of one attempt: they are stored in the transaction that ends it.
pub const FOLLOW_UPS_MAX: usize = 1000;

/// Bytes of the payloads of one attempt's follow-up jobs, together.
pub const FOLLOW_UP_BYTES_MAX: usize = 10 << 20;

/// Bytes of a kind, queue or namespace name.
pub const NAME_BYTES_MAX: usize = 128;

/// Bytes of an idempotency key or correlation id.
pub const KEY_BYTES_MAX: usize = 256;

/// Tags and metadata entries of a job, each.
pub const TAGS_MAX: usize = 64;

/// Bytes of a tag's or metadata entry's key.
pub const TAG_KEY_BYTES_MAX: usize = 128;

/// Bytes of a tag's or metadata entry's value.
pub const TAG_VALUE_BYTES_MAX: usize = 256;

/// Bytes kept of an error message and of a backtrace, each.
pub const ERROR_BYTES_MAX: usize = 16 << 10;

/// Lines kept of a job's log, all attempts together; one more says that there were too many.
pub const LOG_LINES_MAX: usize = 1000;

/// Bytes kept of a job's log, all attempts together.
pub const LOG_BYTES_MAX: usize = 256 << 10;

/// Bytes of a line of a job's log; longer ones are cut.
pub const LOG_LINE_BYTES_MAX: usize = 4 << 10;

/// Levels of nesting in a JSON payload that is handed out as JSON rather than as base64.
pub const JSON_DEPTH_MAX: usize = 64;

/// Attempts a job may be given.
pub const ATTEMPTS_MAX: u32 = i32::MAX as u32;

/// Lost leases a job may be given before quarantine.
pub const CRASHES_MAX: u32 = 100;

/// Longest run of one attempt: a week.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Longest wait between two attempts, and longest snooze: a year.
pub const DELAY_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// Shortest and longest lease. Below a second a slow disk looks like a crash.
pub const LEASE_RANGE: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(24 * 3600));

/// Jobs one claim may take.
pub const CLAIM_JOBS_MAX: usize = 1000;

/// Attempts before a job becomes a dead letter, unless it, its kind or its queue says otherwise.
pub const ATTEMPTS_DEFAULT: u32 = 20;

/// Waiting jobs a queue may be limited to.
pub const DEPTH_MAX: u32 = i32::MAX as u32;

/// Longest retention that is counted in time: ten years. Beyond that, keep for ever.
pub const RETENTION_MAX: Duration = Duration::from_secs(3660 * 24 * 3600);

/// Bytes of the reason of a pause, and of the name of who asked for it.
pub const PAUSE_TEXT_BYTES_MAX: usize = 1024;

/// Shortest and longest period of a schedule.
pub const SCHEDULE_EVERY_RANGE: (Duration, Duration) = (Duration::from_secs(1), DELAY_MAX);

/// Longest jitter of a schedule.
pub const SCHEDULE_JITTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Missed ticks a schedule may make up for at a time.
pub const SCHEDULE_CATCH_UP_MAX: u32 = 1000;

/// Ticks that the history of a schedule keeps, and some more for a while.
pub const SCHEDULE_TICKS_KEPT: usize = 1000;

/// Bytes of a concurrency, rate or fairness key.
pub const LIMIT_KEY_BYTES_MAX: usize = 128;

/// Jobs with one key that may run at a time, where that is limited: their places are looked through.
pub const CONCURRENCY_MAX: u32 = 10_000;

/// Jobs that a rate lets pass in its period, and at once.
pub const RATE_COUNT_MAX: u32 = 1_000_000;

/// Longest period of a rate.
pub const RATE_PERIOD_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// Keys of one limit that have limits of their own, and keys of one queue that have weights.
pub const OVERRIDES_MAX: usize = 1000;

/// Jobs of one fairness key that are ready at a time, by default and at most, for each unit of its weight.
pub const FAIR_WINDOW: u32 = 50;

/// See [`FAIR_WINDOW`].
pub const FAIR_WINDOW_MAX: u32 = 1000;

/// Weight of a fairness key.
pub const FAIR_WEIGHT_MAX: u32 = 100;

/// Workers in other languages that are known at a time, those that fell silent in the last hour included: an
/// endless loop of registrations must not fill the database.
pub const WORKERS_MAX: usize = 20_000;

/// Slots of one worker.
pub const SLOTS_MAX: u32 = 10_000;

/// Longest wait of one claim.
pub const CLAIM_WAIT_MAX: Duration = Duration::from_secs(60);

/// Outcomes in one report of a remote worker.
pub const REPORTS_MAX: usize = 1000;

/// Queues or kinds that one claim or registration may name.
pub const SERVED_NAMES_MAX: usize = 1000;

/// How long events are kept, and written down after somebody looked for them.
pub const EVENTS_KEPT: Duration = Duration::from_secs(3600);

/// How long counts and times by the minute are kept.
pub const MINUTES_KEPT: Duration = Duration::from_secs(25 * 3600);

/// Longest range of a time series.
pub const SERIES_RANGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Points of a time series, at most.
pub const SERIES_POINTS_MAX: u64 = 1440;
