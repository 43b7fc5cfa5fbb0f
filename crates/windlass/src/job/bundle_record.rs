//! Workflows and batches as they are read back.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{BatchId, JobId, NewJob, Timestamp, WorkflowId};
use crate::core::State;

/// Where a workflow or batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleState {
    /// A batch that was not committed yet.
    Open,
    /// Some job has not ended.
    Running,
    /// Every job has completed.
    Completed,
    /// Every job has ended, and one failed or became a dead letter.
    Failed,
    /// Every job has ended, none failed, and one was cancelled.
    Cancelled,
}

impl BundleState {
    const ALL: [Self; 5] =
        [Self::Open, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    /// The public word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// True when every job has ended, and for a batch the opening as well.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The number stored in rows: those of the states of jobs, and one that no job has.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Running => State::Running.code(),
            Self::Completed => State::Completed.code(),
            Self::Failed => State::Failed.code(),
            Self::Cancelled => State::Cancelled.code(),
        }
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

impl fmt::Display for BundleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BundleState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|state| state.as_str()).collect();
            format!("`{text}` is not a state ({})", words.join(", "))
        })
    }
}

/// A workflow at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkflowRecord {
    /// The id.
    pub id: WorkflowId,
    /// What it was called.
    pub name: String,
    /// The namespace of its jobs.
    pub namespace: String,
    /// Where it stands.
    pub state: BundleState,
    /// Its nodes by state. Of a workflow that has ended: as they were then. In a list, those that run
    /// have none.
    pub counts: BTreeMap<State, u64>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When its last node was seen to have ended.
    pub completed_at: Option<Timestamp>,
}

impl WorkflowRecord {
    /// All nodes.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// A batch at one moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BatchRecord {
    /// The id.
    pub id: BatchId,
    /// What it was called.
    pub description: String,
    /// The namespace of its jobs.
    pub namespace: String,
    /// Where it stands.
    pub state: BundleState,
    /// Its jobs by the state they ended in, and `pending` for all that have not ended.
    pub counts: BTreeMap<State, u64>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its opening was closed.
    pub committed_at: Option<Timestamp>,
    /// When its last job was seen to have ended.
    pub completed_at: Option<Timestamp>,
    /// What is done when.
    pub callbacks: Vec<CallbackRecord>,
}

/// A callback of a batch.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CallbackRecord {
    /// When it is made.
    pub on: CallbackOn,
    /// What is made then.
    pub job: NewJob,
    /// The job, once it is made.
    pub id: Option<JobId>,
}

/// What a callback waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallbackOn {
    /// The batch was committed and every job has completed.
    Success,
    /// The batch was committed and every job has ended.
    Complete,
    /// A job failed or became a dead letter.
    FirstFailure,
}

impl CallbackOn {
    /// All.
    pub const ALL: [Self; 3] = [Self::Success, Self::Complete, Self::FirstFailure];

    /// The member of a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "on_success",
            Self::Complete => "on_complete",
            Self::FirstFailure => "on_first_failure",
        }
    }
}
