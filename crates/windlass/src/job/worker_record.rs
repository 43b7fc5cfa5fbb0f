//! Workers as things: who they are, and what they are asked.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use super::{JobId, Timestamp};

/// The id of a registered worker. Shown as a decimal string, as ids of jobs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct WorkerId(JobId);

impl WorkerId {
    pub(crate) const fn from_i64(value: i64) -> Self {
        Self(JobId::from_i64(value))
    }

    /// The id as an integer.
    pub const fn as_i64(self) -> i64 {
        self.0.as_i64()
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for WorkerId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let id = text.parse().map(Self);
        id.map_err(|detail: String| detail.replace("a job id", "a worker id"))
    }
}

/// What a worker is asked to do. It learns it with its next heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum WorkerState {
    /// Work.
    #[default]
    Run,
    /// Claim no more jobs, and finish those it has.
    Quiet,
    /// Stop: claim no more, finish or give back what it has, and leave.
    Terminate,
}

impl WorkerState {
    const ALL: [Self; 3] = [Self::Run, Self::Quiet, Self::Terminate];

    /// The word for it in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Quiet => "quiet",
            Self::Terminate => "terminate",
        }
    }

    /// As it is stored.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Run => 0,
            Self::Quiet => 1,
            Self::Terminate => 2,
        }
    }

    /// What is stored as `code`; what a newer release may ask for means nothing here.
    pub(crate) fn from_code(code: i64) -> Self {
        Self::ALL.into_iter().find(|state| state.code() == code).unwrap_or_default()
    }
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A registered worker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerRecord {
    /// The id, new with each registration.
    pub id: WorkerId,
    /// The name it gave itself.
    pub name: String,
    /// The namespace it serves; none means all.
    pub namespace: Option<String>,
    /// The queues it serves; empty means all.
    pub queues: Vec<String>,
    /// The kinds it serves; empty means all.
    pub kinds: Vec<String>,
    /// Jobs it runs at a time.
    pub concurrency: u64,
    /// What it said of itself.
    pub labels: BTreeMap<String, String>,
    /// Its own version, as it said.
    pub version: Option<String>,
    /// Whether it speaks HTTP; otherwise it is part of a process that opened the database.
    pub is_remote: bool,
    /// What it is asked to do.
    pub state: WorkerState,
    /// Jobs it holds now, running or waiting for a slot.
    pub leases: u64,
    /// How long it may be silent.
    pub lease: Duration,
    /// When it registered.
    pub started_at: Timestamp,
    /// When its leases end unless it is heard of.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_and_strangers_mean_run() {
        for state in WorkerState::ALL {
            assert_eq!(WorkerState::from_code(state.code()), state);
        }
        assert_eq!(WorkerState::from_code(9), WorkerState::Run);
        assert_eq!("x".parse::<WorkerId>().unwrap_err(), "`x` is not a worker id (decimal digits)");
    }
}
