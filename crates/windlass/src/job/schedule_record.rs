//! Schedules and their ticks as they are read back.

use super::{JobId, PauseRecord, Schedule, Timestamp};

/// A schedule as it stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ScheduleRecord {
    /// The name, unique in its namespace.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// What repeats, when, and the job.
    pub schedule: Schedule,
    /// Grows with every change, not with ticks.
    pub version: i64,
    /// Who decides what it is like.
    pub source: ScheduleSource,
    /// When it was made.
    pub created_at: Timestamp,
    /// The next tick; none when there is no other. While the schedule is paused it is not fired.
    pub next_tick: Option<Timestamp>,
    /// When the next tick is fired: later than the tick by its jitter, and none while paused without an end.
    pub next_at: Option<Timestamp>,
    /// The last tick that was looked at.
    pub last_tick: Option<Timestamp>,
    /// The pause that holds now.
    pub paused: Option<PauseRecord>,
}

/// Who decides what a schedule is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleSource {
    /// People: what code declares changes nothing.
    Api,
    /// The code that declares it, until someone changes it over the API or the command line.
    Code,
}

impl ScheduleSource {
    /// The public word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Code => "code",
        }
    }

    /// The number stored in rows.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Api => 1,
            Self::Code => 2,
        }
    }

    pub(crate) const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Api),
            2 => Some(Self::Code),
            _ => None,
        }
    }
}

/// Where a job comes from: the schedule and its tick.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TickOf {
    /// Name of the schedule, in the job's namespace.
    pub schedule: String,
    /// The tick: when the job was to be made, whenever it was. For a run by hand, when that was asked for.
    pub tick: Timestamp,
}

/// What became of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TickEnd {
    /// It became a job.
    Fired,
    /// It was left out, because a job of an earlier one had not ended.
    Skipped,
    /// Someone asked for it (run now).
    Triggered,
}

impl TickEnd {
    /// The public word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Skipped => "skipped",
            Self::Triggered => "triggered",
        }
    }

    /// The number stored in rows.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Fired => 1,
            Self::Skipped => 2,
            Self::Triggered => 3,
        }
    }

    pub(crate) const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Fired),
            2 => Some(Self::Skipped),
            3 => Some(Self::Triggered),
            _ => None,
        }
    }
}

/// A tick in the history of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TickRecord {
    /// The tick.
    pub tick: Timestamp,
    /// What became of it.
    pub end: TickEnd,
    /// When that was.
    pub at: Timestamp,
    /// Its job, while that is kept.
    pub job: Option<JobId>,
}
