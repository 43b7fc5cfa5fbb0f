//! What a job is: types without I/O.
//!
//! Invariant: a [`NewJob`] that passed `check` can be stored without a further question.

mod api_key;
mod audit;
mod backoff;
mod blocker;
mod bucket;
mod bundle_id;
mod bundle_record;
mod dependency;
mod digest;
mod duration;
mod event_name;
mod flow;
mod history;
mod id;
mod job_edit;
mod key_rates;
mod keys;
mod lease_token;
mod limit;
mod limits;
mod log_line;
mod new_batch;
mod new_job;
mod outcome;
mod policy;
mod priority;
mod queue_settings;
mod record;
mod role;
mod schedule;
mod schedule_record;
mod session;
mod timestamp;
mod trace;
mod unique;
mod version;
mod worker_record;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use api_key::Digests;
pub use api_key::{ApiKey, KEY_OVERLAP_MAX, KeyRecord, NewKey};
pub(crate) use audit::Act;
pub use audit::{Actor, AuditFilter, AuditRecord};
pub use backoff::{Backoff, Strategy};
pub use blocker::{Blocker, Explanation};
pub use bucket::Bucket;
pub use bundle_id::{BatchId, WorkflowId};
pub use bundle_record::{BatchRecord, BundleState, CallbackOn, CallbackRecord, WorkflowRecord};
pub use dependency::{DEPENDENCIES_MAX, Dependency};
pub(crate) use dependency::{ParentEnd, ParentFailure};
pub(crate) use digest::digest;
pub use duration::{format_duration, parse_duration};
pub use event_name::EventName;
pub use flow::{After, Flow, Node};
pub use history::HistoryEntry;
pub(crate) use history::history;
pub use id::JobId;
pub use job_edit::JobEdit;
pub use key_rates::{KeyEdit, KeyRates, parse_rate};
pub(crate) use keys::Keys;
pub use lease_token::LeaseToken;
pub(crate) use limit::check_concurrency;
pub use limit::{Fairness, Limit, LimitOverride, LimitRecord, Rate};
pub use limits::*;
pub use log_line::{LogLevel, LogLine};
pub use new_batch::NewBatch;
pub use new_job::NewJob;
pub(crate) use new_job::RunAt;
pub use new_job::check_name;
pub(crate) use new_job::{check_storable, check_text, to_json};
pub(crate) use outcome::{Ending, Failure, FailureClass, truncated};
pub use outcome::{IntoOutcome, JobError, Outcome};
pub use policy::Policy;
pub use priority::Priority;
pub use queue_settings::{
    Keep, KindRecord, PauseOptions, PauseRecord, PauseScope, Pressure, QueueRecord, QueueSettings,
    Retention,
};
pub use record::{AttemptRecord, JobRecord, RunRecord};
pub use role::Role;
pub(crate) use schedule::Timing;
pub use schedule::{CatchUp, NEEDS_QUEUE, Overlap, Schedule};
pub use schedule_record::{ScheduleRecord, ScheduleSource, TickEnd, TickOf, TickRecord};
pub use session::{SESSION_LASTS, SESSIONS_OF_KEY_MAX, SessionRecord};
pub(crate) use session::{random_session, session_digest};
pub use timestamp::Timestamp;
pub use trace::TraceContext;
pub use unique::Unique;
pub(crate) use unique::{Held, OnConflict, Place, UniqueScope, UniqueUntil};
pub use version::{JobRef, JobVersion};
pub use worker_record::{WorkerId, WorkerRecord, WorkerState};

/// A kind of job: its payload's type, the name of its handler, and its defaults.
///
/// `#[derive(Job)]` writes this impl; by hand it is one line. The kind is stored with every job:
/// renaming the Rust type must not change it.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize)]
/// struct Greet { name: String }
///
/// impl windlass::Job for Greet { const KIND: &'static str = "greet"; type Output = (); }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job",
    label = "not a job: the first parameter of a handler must be the job",
    note = "add `#[derive(serde::Serialize, serde::Deserialize, windlass::Job)]` to it"
)]
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// Name of the handler, `[A-Za-z0-9._:-]{1,128}`; unique within a worker.
    const KIND: &'static str;

    /// Queue used unless the call names one.
    const QUEUE: &'static str = "default";

    /// What the handler returns, stored as JSON.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// Attempts, timeout, backoff and priority of this kind.
    fn policy() -> Policy {
        Policy::default()
    }
}
