//! Jobs that wait for others.

use serde::{Deserialize, Serialize};

use super::JobId;

/// Jobs that one job may wait for.
pub const DEPENDENCIES_MAX: usize = 1000;

/// Another job that has to end before this one runs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), windlass::Error> {
/// use windlass::{Dependency, NewJob, Queue};
///
/// let queue = Queue::open("memory:").await?;
/// let resize = queue.enqueue_new(NewJob::new("resize", "1")).await?;
/// let scan = queue.enqueue_new(NewJob::new("scan", "1")).await?;
/// let publish = NewJob::new("publish", "1")
///     .after(resize.id())
///     .depends_on(Dependency::on(scan.id()).any_end());
/// queue.enqueue_new(publish).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The job that is waited for.
    pub id: JobId,
    #[serde(default)]
    pub(crate) on: ParentEnd,
    #[serde(default)]
    pub(crate) on_failure: ParentFailure,
}

/// Which end of a parent lets its child run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ParentEnd {
    #[default]
    Success,
    Any,
}

/// What becomes of a child whose parent ends in another way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ParentFailure {
    #[default]
    Cascade,
    Ignore,
    Run,
}

impl Dependency {
    /// Runs after `job` has completed; if it ends in another way, the job that waits ends
    /// `failed (dependency)`, or `cancelled (dependency)` if `job` was cancelled or deleted.
    pub const fn on(job: JobId) -> Self {
        Self { id: job, on: ParentEnd::Success, on_failure: ParentFailure::Cascade }
    }

    /// Runs after the job has ended, however that was.
    #[must_use]
    pub const fn any_end(mut self) -> Self {
        self.on = ParentEnd::Any;
        self
    }

    /// Runs also when the job ends without success.
    #[must_use]
    pub const fn ignore_failure(mut self) -> Self {
        self.on_failure = ParentFailure::Ignore;
        self
    }

    /// Whether a parent that ended without success lets its child run.
    pub(crate) const fn ignores_failure(self) -> bool {
        matches!(self.on_failure, ParentFailure::Ignore | ParentFailure::Run)
    }
}
