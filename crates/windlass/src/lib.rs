#![doc = include_str!("../../../README.md")]

mod core;
#[cfg(feature = "crash-points")]
#[doc(hidden)]
pub mod crash;
#[cfg(not(feature = "crash-points"))]
mod crash;
mod error;
mod job;
pub mod protocol;
mod queue;
pub mod remote;
mod runtime;
mod sabotage;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod upkeep;
mod worker;

pub use crate::core::{Reason, State};
pub use error::{Error, FieldError};
pub use job::*;
pub use queue::{
    DeadGroup, DeadGroups, Drained, Enqueue, EnqueueBuffer, Enqueued, EventFilter, EventStream,
    ExportLine, Imported, JobFilter, KindStats, Observed, Opened, OperationPreview, Page, Queue,
    QueueBuilder, QueueEvent, Rates, Request, Series, SeriesPoint, SeriesQuery, Started, Stats,
    Took, WorkerStats,
};
pub use runtime::Clock;
/// For the command line, which asks servers for more than a [`Queue`] does.
#[cfg(feature = "remote")]
#[doc(hidden)]
pub use store::remote::{ServerAccess, http_client};
pub use store::schema;
pub use store::within::Transaction;
pub use store::{
    Existing, KeptReply, Operation, OperationFailure, OperationId, OperationRecord, OperationState,
    OperationTarget, RetryOptions,
};
pub use upkeep::RunningUpkeep;
#[cfg(feature = "derive")]
pub use windlass_derive::Job;
pub use worker::{
    Ctx, Event, Handled, HandlerOptions, JobInfo, Next, Parent, RunningWorker, Undecodable, Worker,
};

/// What a handler returns: its output or a [`JobError`].
pub type Result<T = (), E = JobError> = std::result::Result<T, E>;

/// `Ok` with the error type of handlers, for closures whose error nothing else names.
///
/// # Errors
/// Never: the type is a `Result` so that closures need not name its error.
#[expect(non_snake_case, reason = "stands for the variant of the same name")]
pub const fn Ok<T>(value: T) -> Result<T> {
    Result::Ok(value)
}

/// The examples of the guides are compiled and run.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../../docs/events.md")]
#[cfg_attr(feature = "remote", doc = include_str!("../../../docs/behind-a-server.md"))]
#[doc = include_str!("../../../docs/handlers.md")]
#[doc = include_str!("../../../docs/operations.md")]
#[doc = include_str!("../../../docs/outbox.md")]
#[doc = include_str!("../../../docs/shutdown.md")]
#[doc = include_str!("../../../docs/testing-your-jobs.md")]
#[doc = include_str!("../../../docs/tutorial-rust.md")]
struct Guides;
