//! What a queue says for its jobs where they and their kinds say nothing, and how long it keeps them.

use std::time::Duration;

use super::{
    ATTEMPTS_MAX, Backoff, DELAY_MAX, DEPTH_MAX, Fairness, RETENTION_MAX, Rate, Timestamp,
    check_concurrency,
};
use crate::core::State;
use crate::{Error, FieldError};

const HOUR: Duration = Duration::from_secs(3600);

/// Settings of a queue; what is not set has its built-in default.
///
/// Jobs take the first four when they are stored: changing them changes future jobs only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueueSettings {
    /// `start_by` of jobs that have none, counted from when they may run: 1 ms to 366 days. Default:
    /// none, a job may start at any time.
    pub ttl: Option<Duration>,
    /// Attempts after the first, 0 to 2147483646. Default: 19, which is 20 attempts.
    pub retries: Option<u32>,
    /// The wait between attempts. Default: exponential from 1 s to 1 h.
    pub backoff: Option<Backoff>,
    /// Jobs that may wait at a time (pending, delayed and retrying), 1 to 2147483647; more are refused
    /// with [`Error::Full`]. Default: no limit.
    pub max_depth: Option<u32>,
    /// How long ended jobs are kept.
    pub retention: Retention,
    /// Jobs of the queue that may run at a time, 1 to 10,000. Default: any number.
    pub concurrency: Option<u32>,
    /// How often a job of the queue may start. Default: at any time.
    pub rate: Option<Rate>,
    /// Turns between the fairness keys of the queue's jobs. Default: none, jobs run in the order in which
    /// they came.
    pub fair: Option<Fairness>,
}

/// How long ended jobs are kept, by how they ended, counted from their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Default: 24 hours.
    pub completed: Option<Keep>,
    /// Default: 30 days.
    pub failed: Option<Keep>,
    /// Default: 30 days.
    pub dead_letter: Option<Keep>,
    /// Default: 7 days.
    pub cancelled: Option<Keep>,
}

/// How long to keep something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// This long, at most ten years; zero means until the next round of pruning.
    For(Duration),
    /// Until someone deletes it.
    Forever,
}

impl Retention {
    /// How long a job that ended in `state` is kept. Jobs that live are never deleted.
    pub fn of(&self, state: State) -> Keep {
        let default = |keep: Option<Keep>, span| keep.unwrap_or(Keep::For(span));
        match state {
            State::Completed => default(self.completed, 24 * HOUR),
            State::Failed => default(self.failed, 30 * 24 * HOUR),
            State::DeadLetter => default(self.dead_letter, 30 * 24 * HOUR),
            State::Cancelled => default(self.cancelled, 7 * 24 * HOUR),
            State::Pending | State::Delayed | State::Running | State::Retrying => Keep::Forever,
        }
    }
}

impl QueueSettings {
    /// Checks every bound and names each broken one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut broken = Vec::new();
        let mut refuse = |pointer: &str, detail: String| {
            broken.push(FieldError::new(pointer, detail));
        };
        if self.ttl.is_some_and(|ttl| ttl < Duration::from_millis(1) || ttl > DELAY_MAX) {
            refuse("/ttl", "must be between 1 ms and 366 days".to_owned());
        }
        if let Some(retries) = self.retries.filter(|retries| *retries >= ATTEMPTS_MAX) {
            let most = ATTEMPTS_MAX - 1;
            refuse("/retries", format!("is {retries} (0 to {most} allowed)"));
        }
        if let Some(Err((member, detail))) = self.backoff.as_ref().map(Backoff::check) {
            refuse(&format!("/backoff/{member}"), detail);
        }
        if let Some(depth) = self.max_depth.filter(|depth| !(1..=DEPTH_MAX).contains(depth)) {
            refuse("/max_depth", format!("is {depth} (1 to {DEPTH_MAX} allowed)"));
        }
        if let Some(Err(detail)) = self.concurrency.map(check_concurrency) {
            refuse("/concurrency", detail);
        }
        if let Some(Err((member, detail))) = self.rate.map(Rate::check) {
            refuse(&format!("/rate/{member}"), detail);
        }
        if let Some(Err((member, detail))) = self.fair.as_ref().map(Fairness::check) {
            refuse(&format!("/fair/{member}"), detail);
        }
        let retention = &self.retention;
        for (pointer, keep) in [
            ("/retention/completed", retention.completed),
            ("/retention/failed", retention.failed),
            ("/retention/dead_letter", retention.dead_letter),
            ("/retention/cancelled", retention.cancelled),
        ] {
            if matches!(keep, Some(Keep::For(span)) if span > RETENTION_MAX) {
                refuse(pointer, "is longer than 3660 days (null keeps for ever)".to_owned());
            }
        }
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }
}

/// A queue as it is read back.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueRecord {
    /// The name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its settings.
    pub settings: QueueSettings,
    /// Grows with every change of settings or pauses of the queue; 0 before the first.
    pub version: i64,
    /// The pause of the whole queue.
    pub paused: Option<PauseRecord>,
    /// Kinds that are paused in this queue alone, by name.
    pub paused_kinds: Vec<(String, PauseRecord)>,
}

/// A kind as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindRecord {
    /// The name (`type` in JSON).
    pub name: String,
    /// Its pause in all queues of the namespace.
    pub paused: Option<PauseRecord>,
}

/// A pause that holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PauseRecord {
    /// When it began.
    pub since: Timestamp,
    /// When it ends by itself; none means when someone ends it.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
    /// Who asked for it.
    pub by: Option<String>,
}

/// What is to be paused, or to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PauseScope {
    /// All of a queue.
    Queue(String),
    /// A kind, in all queues of the namespace.
    Kind(String),
    /// A kind in one queue.
    KindInQueue {
        /// The queue.
        queue: String,
        /// The kind.
        kind: String,
    },
}

/// How to pause: until someone ends it, unless an end is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PauseOptions {
    /// Why, at most 1024 bytes.
    pub reason: Option<String>,
    /// Ends by itself at this instant.
    pub until: Option<Timestamp>,
    /// Who asks for it, at most 1024 bytes.
    pub by: Option<String>,
}

impl PauseOptions {
    /// Checks every bound and names each broken one.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Error> {
        let mut broken = Vec::new();
        for (pointer, text) in [("/reason", &self.reason), ("/by", &self.by)] {
            let bytes = text.as_ref().map_or(0, String::len);
            if bytes > super::PAUSE_TEXT_BYTES_MAX {
                let most = super::PAUSE_TEXT_BYTES_MAX;
                broken.push(FieldError::new(
                    pointer,
                    format!("is {bytes} bytes long (at most {most})"),
                ));
            }
        }
        for (pointer, text) in [("/reason", &self.reason), ("/by", &self.by)] {
            if let Some(Err(detail)) = text.as_deref().map(super::check_storable) {
                broken.push(FieldError::new(pointer, detail));
            }
        }
        if let Some(until) = self.until.filter(|until| *until <= now || !until.is_plausible()) {
            let detail = format!("is {until} (an instant ahead, before the year 2200, allowed)");
            broken.push(FieldError::new("/until", detail));
        }
        if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
    }
}

/// How full a queue with a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// Jobs that wait.
    pub depth: u64,
    /// Jobs that may wait.
    pub max_depth: u32,
}

impl Pressure {
    /// Depth as a share of the limit: 0 is empty, 1 is full.
    #[expect(clippy::cast_precision_loss, reason = "a share for people and throttles")]
    pub fn fraction(&self) -> f64 {
        self.depth as f64 / f64::from(self.max_depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_setting_is_named() {
        let settings = QueueSettings {
            ttl: Some(Duration::ZERO),
            retries: Some(u32::MAX),
            backoff: Some(Backoff::default().jitter(2.0)),
            max_depth: Some(0),
            retention: Retention {
                failed: Some(Keep::For(RETENTION_MAX + HOUR)),
                ..Retention::default()
            },
            concurrency: Some(0),
            rate: Some(Rate::new(0, HOUR)),
            fair: Some(Fairness { window: 0, ..Fairness::default() }),
        };

        let Err(Error::Invalid(broken)) = settings.check() else { panic!("accepted") };

        let pointers: Vec<_> = broken.iter().map(|error| error.pointer.as_str()).collect();
        let expected = [
            "/ttl",
            "/retries",
            "/backoff/jitter",
            "/max_depth",
            "/concurrency",
            "/rate/count",
            "/fair/window",
            "/retention/failed",
        ];
        assert_eq!(pointers, expected);
        assert!(QueueSettings::default().check().is_ok());
    }

    #[test]
    fn only_what_has_ended_is_ever_deleted() {
        let at_once = Some(Keep::For(Duration::ZERO));
        let retention = Retention {
            completed: at_once,
            failed: at_once,
            dead_letter: at_once,
            cancelled: Some(Keep::Forever),
        };

        for state in State::ALL {
            let kept = !state.is_terminal() || state == State::Cancelled;
            assert_eq!(retention.of(state) == Keep::Forever, kept, "{state}");
        }
    }
}
