//! The names of events: what can happen that observers are told.

use std::fmt;
use std::str::FromStr;

use crate::core::State;

macro_rules! event_names {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)+) => {
        /// What happened, as observers are told: `job.completed`, `queue.paused`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum EventName { $($(#[$doc])* $variant),+ }

        impl EventName {
            /// Every name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As the API writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The number stored in rows; never reused.
            pub(crate) const fn code(self) -> i64 {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

event_names! {
    /// A job was stored.
    JobCreated = 1, "job.created";
    /// A worker took it.
    JobStarted = 2, "job.started";
    /// Its handler said how far it is.
    JobProgress = 3, "job.progress";
    /// It ended well.
    JobCompleted = 4, "job.completed";
    /// It ended without success.
    JobFailed = 5, "job.failed";
    /// An attempt failed or crashed, and another follows later.
    JobRetrying = 6, "job.retrying";
    /// Its attempts or crashes were used up, or its deadline passed.
    JobDeadLetter = 7, "job.dead_letter";
    /// It ended because someone said so.
    JobCancelled = 8, "job.cancelled";
    /// Someone asked for another attempt, or for it to run now.
    JobRetried = 9, "job.retried";
    /// It was deleted, by someone or because it was kept long enough.
    JobDeleted = 10, "job.deleted";
    /// It can run (again): its time came, or its worker gave it back or was lost.
    JobPending = 11, "job.pending";
    /// It waits for a later time: it was put off.
    JobDelayed = 12, "job.delayed";
    /// A queue, a type or a type in a queue was paused.
    QueuePaused = 13, "queue.paused";
    /// The pause is over because someone ended it.
    QueueResumed = 14, "queue.resumed";
    /// A tick of a schedule became a job.
    ScheduleFired = 15, "schedule.fired";
    /// A worker registered.
    WorkerJoined = 16, "worker.joined";
    /// A worker left in order.
    WorkerLeft = 17, "worker.left";
    /// A worker no longer renews its leases.
    WorkerLost = 18, "worker.lost";
}

impl EventName {
    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|name| name.code() == code)
    }

    /// What it is called that a job came into `state`.
    pub(crate) const fn of_state(state: State) -> Self {
        match state {
            State::Pending => Self::JobPending,
            State::Delayed => Self::JobDelayed,
            State::Running => Self::JobStarted,
            State::Retrying => Self::JobRetrying,
            State::Completed => Self::JobCompleted,
            State::Failed => Self::JobFailed,
            State::DeadLetter => Self::JobDeadLetter,
            State::Cancelled => Self::JobCancelled,
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().copied().find(|name| name.as_str() == text);
        known.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|name| name.as_str()).collect();
            let shown: String = text.chars().take(64).collect();
            format!("`{shown}` is not an event (one of {})", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for name in EventName::ALL {
            assert_eq!(name.as_str().parse(), Ok(*name));
            assert_eq!(EventName::from_code(name.code()), Some(*name));
        }
        let codes: BTreeSet<i64> = EventName::ALL.iter().map(|name| name.code()).collect();
        assert_eq!(codes.len(), EventName::ALL.len());
        assert!("job.gone".parse::<EventName>().unwrap_err().contains("job.created"));
    }
}
