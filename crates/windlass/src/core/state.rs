//! The state machine: one total function from state and event to state.
//!
//! Invariant: the table in docs/STATES.md is exactly what [`State::after`] says (a test compares).

use std::fmt;
use std::str::FromStr;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Waits to be claimed.
    Pending,
    /// Waits for its time.
    Delayed,
    /// A worker holds its lease.
    Running,
    /// Waits after a failed attempt or a crash.
    Retrying,
    /// Ended well.
    Completed,
    /// Ended without success, and without using up its attempts.
    Failed,
    /// Ended because attempts or crashes were used up; kept for people to look at.
    DeadLetter,
    /// Ended because someone said so.
    Cancelled,
}

/// What can happen to a job after it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Its time came.
    Promote,
    /// A worker took it under a lease.
    Claim,
    /// The handler returned success.
    Complete,
    /// The attempt failed and another follows.
    Retry,
    /// The handler said that no attempt can succeed.
    Fail,
    /// The last attempt failed, or nothing could decode the payload.
    Bury,
    /// The handler put it off.
    Snooze,
    /// The worker gave it back unused.
    Release,
    /// Its lease was lost for the first time.
    Crash,
    /// Its lease was lost again.
    CrashAgain,
    /// Its lease was lost once too often.
    Quarantine,
    /// `start_by` passed.
    Expire,
    /// `deadline` passed.
    PassDeadline,
    /// It was cancelled.
    Cancel,
    /// A job it waited for ended without success.
    LoseParent,
    /// Someone asked for it to run at once.
    RunNow,
    /// Someone asked for it to run at another time, ahead.
    Reschedule,
    /// Someone asked for a new attempt at an ended job.
    Revive,
    /// The same, later.
    ReviveLater,
}

/// An event that cannot happen in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen to a job that is {state}")]
pub struct IllegalEvent {
    /// The state.
    pub state: State,
    /// The event.
    pub event: Event,
}

impl State {
    /// Every state, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Delayed,
        Self::Running,
        Self::Retrying,
        Self::Completed,
        Self::Failed,
        Self::DeadLetter,
        Self::Cancelled,
    ];

    /// The state after `event`.
    ///
    /// # Errors
    /// [`IllegalEvent`] when the event cannot happen in this state.
    pub const fn after(self, event: Event) -> Result<Self, IllegalEvent> {
        match self {
            Self::Pending => self.pending_after(event),
            Self::Delayed | Self::Retrying => self.waiting_after(event),
            Self::Running => self.running_after(event),
            Self::Completed | Self::Failed | Self::DeadLetter | Self::Cancelled => {
                self.ended_after(event)
            }
        }
    }

    const fn pending_after(self, event: Event) -> Result<Self, IllegalEvent> {
        match event {
            Event::Claim => Ok(Self::Running),
            Event::Expire | Event::LoseParent => Ok(Self::Failed),
            Event::PassDeadline => Ok(Self::DeadLetter),
            Event::Cancel => Ok(Self::Cancelled),
            Event::Reschedule => Ok(Self::Delayed),
            Event::Promote
            | Event::Complete
            | Event::Retry
            | Event::Fail
            | Event::Bury
            | Event::Snooze
            | Event::Release
            | Event::Crash
            | Event::CrashAgain
            | Event::Quarantine
            | Event::RunNow
            | Event::Revive
            | Event::ReviveLater => Err(IllegalEvent { state: self, event }),
        }
    }

    const fn waiting_after(self, event: Event) -> Result<Self, IllegalEvent> {
        match event {
            Event::Promote | Event::RunNow => Ok(Self::Pending),
            Event::Reschedule => Ok(self),
            Event::Expire => Ok(Self::Failed),
            Event::PassDeadline => Ok(Self::DeadLetter),
            Event::Cancel => Ok(Self::Cancelled),
            Event::Claim
            | Event::Complete
            | Event::Retry
            | Event::Fail
            | Event::Bury
            | Event::Snooze
            | Event::Release
            | Event::Crash
            | Event::CrashAgain
            | Event::Quarantine
            | Event::Revive
            | Event::LoseParent
            | Event::ReviveLater => Err(IllegalEvent { state: self, event }),
        }
    }

    const fn running_after(self, event: Event) -> Result<Self, IllegalEvent> {
        match event {
            Event::Complete => Ok(Self::Completed),
            Event::Retry | Event::CrashAgain => Ok(Self::Retrying),
            Event::Fail => Ok(Self::Failed),
            Event::Bury | Event::Quarantine | Event::PassDeadline => Ok(Self::DeadLetter),
            Event::Snooze => Ok(Self::Delayed),
            Event::Release | Event::Crash => Ok(Self::Pending),
            Event::Cancel => Ok(Self::Cancelled),
            Event::Promote
            | Event::Claim
            | Event::Expire
            | Event::RunNow
            | Event::Reschedule
            | Event::Revive
            | Event::LoseParent
            | Event::ReviveLater => Err(IllegalEvent { state: self, event }),
        }
    }

    const fn ended_after(self, event: Event) -> Result<Self, IllegalEvent> {
        match event {
            Event::Revive => Ok(Self::Pending),
            Event::ReviveLater => Ok(Self::Delayed),
            Event::Promote
            | Event::Claim
            | Event::Complete
            | Event::Retry
            | Event::Fail
            | Event::Bury
            | Event::Snooze
            | Event::Release
            | Event::Crash
            | Event::CrashAgain
            | Event::Quarantine
            | Event::Expire
            | Event::PassDeadline
            | Event::Cancel
            | Event::LoseParent
            | Event::RunNow
            | Event::Reschedule => Err(IllegalEvent { state: self, event }),
        }
    }

    /// True for completed, failed, `dead_letter` and cancelled.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::DeadLetter | Self::Cancelled)
    }

    /// The public word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delayed => "delayed",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::DeadLetter => "dead_letter",
            Self::Cancelled => "cancelled",
        }
    }

    /// The number stored in rows; never reused.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Pending => 1,
            Self::Delayed => 2,
            Self::Running => 3,
            Self::Retrying => 4,
            Self::Completed => 5,
            Self::Failed => 6,
            Self::DeadLetter => 7,
            Self::Cancelled => 8,
        }
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|state| state.as_str()).collect();
            format!("`{text}` is not a state ({})", words.join(", "))
        })
    }
}

/// Why a job stands where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// pending: can be claimed.
    Ready,
    /// pending: no live worker serves its kind (computed, never stored).
    NoWorker,
    /// pending: waits for other jobs.
    Blocked,
    /// pending: a limit holds it back.
    Throttled,
    /// delayed: its time was set.
    Scheduled,
    /// delayed: the handler put it off.
    Snoozed,
    /// delayed: the handler was told to slow down.
    RateLimited,
    /// running: was asked to stop.
    Cancelling,
    /// retrying: after a failed attempt.
    Backoff,
    /// retrying: after a crash.
    Crashed,
    /// failed: the handler said so.
    Permanent,
    /// failed: `start_by` passed.
    Expired,
    /// `dead_letter`: the attempts are used up.
    Exhausted,
    /// `dead_letter`: it took its workers down too often.
    CrashLoop,
    /// `dead_letter`: its whole-life limit passed.
    Deadline,
    /// `dead_letter`: no handler could read its payload.
    Undecodable,
    /// cancelled: a client asked.
    Request,
    /// cancelled: its handler asked.
    Handler,
    /// failed or cancelled: a job it waited for ended without success.
    Dependency,
    /// cancelled: a later job with its unique key took its place.
    Superseded,
    /// cancelled: a later tick of its schedule took its place.
    Overlap,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 21] = [
        Self::Ready,
        Self::NoWorker,
        Self::Blocked,
        Self::Throttled,
        Self::Scheduled,
        Self::Snoozed,
        Self::RateLimited,
        Self::Cancelling,
        Self::Backoff,
        Self::Crashed,
        Self::Permanent,
        Self::Expired,
        Self::Exhausted,
        Self::CrashLoop,
        Self::Deadline,
        Self::Undecodable,
        Self::Request,
        Self::Handler,
        Self::Superseded,
        Self::Dependency,
        Self::Overlap,
    ];

    /// The public word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NoWorker => "no_worker",
            Self::Scheduled => "scheduled",
            Self::Snoozed => "snoozed",
            Self::RateLimited => "rate_limited",
            Self::Cancelling => "cancelling",
            Self::Backoff => "backoff",
            Self::Crashed => "crashed",
            Self::Permanent => "permanent",
            Self::Expired => "expired",
            Self::Exhausted => "exhausted",
            Self::CrashLoop => "crash_loop",
            Self::Deadline => "deadline",
            Self::Undecodable => "undecodable",
            Self::Request => "request",
            Self::Handler => "handler",
            Self::Superseded => "superseded",
            Self::Blocked => "blocked",
            Self::Throttled => "throttled",
            Self::Dependency => "dependency",
            Self::Overlap => "overlap",
        }
    }

    /// The number stored in rows; never reused. Gaps belong to reasons of the design that are not
    /// built yet.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Ready => 1,
            Self::NoWorker => 2,
            Self::Blocked => 3,
            Self::Throttled => 4,
            Self::Scheduled => 10,
            Self::Snoozed => 11,
            Self::RateLimited => 12,
            Self::Cancelling => 20,
            Self::Backoff => 30,
            Self::Crashed => 31,
            Self::Permanent => 40,
            Self::Expired => 41,
            Self::Dependency => 42,
            Self::Exhausted => 50,
            Self::CrashLoop => 51,
            Self::Deadline => 52,
            Self::Undecodable => 53,
            Self::Request => 60,
            Self::Handler => 61,
            Self::Superseded => 62,
            Self::Overlap => 63,
        }
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// True for the reasons of rows in the delayed room.
    pub(crate) const fn is_waiting(self) -> bool {
        matches!(
            self,
            Self::Scheduled | Self::Snoozed | Self::RateLimited | Self::Backoff | Self::Crashed
        )
    }

    /// The state of a row in the delayed room: the reason alone tells.
    pub(crate) const fn waiting_state(self) -> State {
        match self {
            Self::Backoff | Self::Crashed => State::Retrying,
            _ => State::Delayed,
        }
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|reason| reason.as_str()).collect();
            let shown: String = text.chars().take(64).collect();
            format!("`{shown}` is not a reason ({})", words.join(", "))
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 19] = [
        Event::Promote,
        Event::Claim,
        Event::Complete,
        Event::Retry,
        Event::Fail,
        Event::Bury,
        Event::Snooze,
        Event::Release,
        Event::Crash,
        Event::CrashAgain,
        Event::Quarantine,
        Event::Expire,
        Event::PassDeadline,
        Event::Cancel,
        Event::LoseParent,
        Event::RunNow,
        Event::Reschedule,
        Event::Revive,
        Event::ReviveLater,
    ];

    fn table() -> String {
        let heads: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
        let mut table = format!("| event | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(8));
        for event in EVENTS {
            let cells: Vec<&str> = State::ALL
                .iter()
                .map(|state| state.after(event).map_or("-", State::as_str))
                .collect();
            table.push_str(&format!("| {event:?} | {} |\n", cells.join(" | ")));
        }
        table
    }

    #[test]
    fn documentation_shows_the_same_table() {
        let text = include_str!("../../../../docs/STATES.md");

        assert!(text.contains(&table()), "docs/STATES.md should contain\n{}", table());
    }

    #[test]
    fn codes_and_words_are_unique() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.code()), Some(state));
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
        }
    }
}
