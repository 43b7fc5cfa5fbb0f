//! The JSON of the HTTP API: requests read into library types, records written as API objects.
//!
//! Invariant: no I/O here, and the bytes of a payload or result pass through unchanged.

mod batch;
mod bundle_object;
#[cfg(feature = "remote")]
mod bundle_reading;
mod bundle_request;
mod dependencies_object;
mod dependency_request;
mod depth;
mod event_object;
mod explain_object;
mod handler_objects;
mod history_object;
mod job_object;
mod job_reading;
mod job_request;
mod key_request;
#[cfg(feature = "remote")]
mod leased_job;
mod limit_request;
mod members;
#[cfg(feature = "remote")]
mod new_job_object;
mod operation_object;
mod operation_request;
mod outcome_objects;
mod queue_object;
#[cfg(feature = "remote")]
mod queue_reading;
mod queue_request;
mod refusal;
mod requests;
mod schedule_object;
mod schedule_request;
mod series_object;
mod settle_request;
mod stats_object;
mod transfer_object;
mod unique_request;
mod values;
mod worker_object;
mod worker_request;

pub use batch::{BatchReply, BatchRequest, BatchResult, Placed, read_batch, read_lines};
pub use bundle_object::{BatchObject, WorkflowObject};
#[cfg(feature = "remote")]
pub(crate) use bundle_reading::{
    new_batch_json, read_batch_object, read_workflow_object, workflow_json,
};
pub(crate) use bundle_request::{callbacks_text, read_callbacks};
pub use bundle_request::{
    read_cancel_workflow, read_new_batch, read_retry_workflow, read_workflow,
};
pub use dependencies_object::DependenciesObject;
pub(crate) use event_object::event_text;
pub use explain_object::ExplainObject;
pub use handler_objects::{CheckpointObject, LogObject, SignalObject};
pub use history_object::HistoryObject;
pub use job_object::{AttemptsObject, JobObject, PageObject, StoredJob, json_or_base64};
#[cfg(feature = "remote")]
pub(crate) use job_reading::{read_attempt, read_job_object};
pub(crate) use job_request::read_row;
pub use job_request::{read_edit, read_job};
pub use key_request::{AuditObject, KeyObject, read_key_edit, read_new_key, read_rotation};
#[cfg(feature = "remote")]
pub(crate) use leased_job::{LeasedJob, read_leased_job, read_log_line};
pub use limit_request::{LimitObject, read_limit};
#[cfg(feature = "remote")]
pub(crate) use new_job_object::new_job_json;
pub use operation_object::{DeadGroupsObject, DryRunObject, OperationObject};
pub use operation_request::{OperationRequest, read_operation, searched, split_tag};
pub(crate) use operation_request::{operation_text, read_operation_text};
pub use outcome_objects::{ResultObject, WaitObject};
pub use queue_object::{
    NamedPage, NamespaceObject, PauseObject, QueueObject, QueueStatsObject, ScaleObject, TypeObject,
};
#[cfg(feature = "remote")]
pub(crate) use queue_reading::{
    read_kind_object, read_queue_object, read_queue_stats, settings_json,
};
pub use queue_request::{
    QueuePatch, read_name, read_new_queue, read_nothing, read_pause, read_pause_everywhere,
    read_purge, read_queue_patch, read_resume,
};
pub use refusal::{Refusal, RefusedObject, document};
pub use requests::{CancelRequest, SignalRequest, read_cancel, read_retry, read_signal, read_wait};
pub(crate) use schedule_object::definition;
pub use schedule_object::{PreviewObject, ScheduleObject, TickObject};
pub(crate) use schedule_request::read_definition;
pub use schedule_request::{
    PreviewRequest, SchedulePatch, read_new_schedule, read_preview, read_schedule_patch,
};
pub use series_object::SeriesObject;
pub use settle_request::{OutcomeWord, SettleItem, read_outcome, read_settle};
pub use stats_object::{LatencyObject, ObservedStats, RatesObject, SpreadObject, StatsObject};
pub(crate) use transfer_object::{Line, job_line, queue_line, read_line, schedule_line};
pub use worker_object::{
    ClaimObject, ExtendObject, HeartbeatObject, RegisteredObject, SettledObject, WorkerObject,
};
pub use worker_request::{
    CheckpointRequest, LogRequest, read_checkpoint, read_claim, read_extend, read_heartbeat,
    read_log, read_passing_claim, read_register,
};
