//! What the holder of an API key may do.

use std::fmt;
use std::str::FromStr;

/// What the holder of an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sees everything but payloads, results, logs and checkpoints; changes nothing.
    Viewer,
    /// Stores jobs, workflows and batches, reads them and waits for their results.
    Producer,
    /// Claims jobs, runs them and settles them.
    Worker,
    /// Sees everything, and changes jobs, queues, schedules, limits and operations.
    Operator,
    /// May do everything, keys and namespaces included.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Viewer, Self::Producer, Self::Worker, Self::Operator, Self::Admin];

    /// Its name, as the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Producer => "producer",
            Self::Worker => "worker",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Whether it is allowed to see what jobs carry and return.
    pub const fn sees_payloads(self) -> bool {
        !matches!(self, Self::Viewer)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| "must be viewer, producer, worker, operator or admin".to_owned())
    }
}
