//! What follows from the end of an attempt: decided here, written by the store, nowhere else.

use std::sync::Arc;
use std::time::Duration;

use super::{Event, Reason, State};
use crate::job::{Backoff, Ending, Failure, FailureClass, JobId, NewJob, Timestamp};
use crate::sabotage;

/// First wait of a job that crashed twice; doubles with each further crash.
const CRASH_WAIT: Duration = Duration::from_secs(5);

/// Longest wait after a crash.
const CRASH_WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// What the decision needs to know of a running attempt.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) job: JobId,
    pub(crate) counts: Counts,
    pub(crate) max_attempts: u32,
    pub(crate) max_crashes: u32,
    pub(crate) backoff: Backoff,
    pub(crate) start_by: Option<Timestamp>,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) started_at: Timestamp,
    /// The unique key that its end gives back.
    pub(crate) unique: Option<String>,
    /// Whether it may hold slots of limits.
    pub(crate) has_keys: bool,
}

impl Run {
    /// True when the attempt may no longer start: it goes back, and the next claim ends the job.
    pub(crate) fn is_too_late(&self, now: Timestamp) -> bool {
        self.start_by.is_some_and(|start_by| start_by < now)
            || self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// The counters that travel with a job from room to room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Grows with each claim, rescue and forced cancel: the fence.
    pub(crate) epoch: i64,
    pub(crate) attempt: u32,
    pub(crate) crashes: u32,
    pub(crate) snoozes: u32,
}

impl Counts {
    /// In the order of the columns of every room.
    pub(crate) fn columns(self) -> [i64; 4] {
        [self.epoch, self.attempt.into(), self.crashes.into(), self.snoozes.into()]
    }
}

/// A decided end of an attempt, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settlement {
    pub(crate) job: JobId,
    /// Epoch of the lease this settles.
    pub(crate) epoch: i64,
    /// Counters of the next row.
    pub(crate) counts: Counts,
    pub(crate) event: Event,
    pub(crate) next: Next,
    /// Kept in the job's history.
    pub(crate) failure: Option<Failure>,
    pub(crate) started_at: Option<Timestamp>,
    /// The unique key that is given back if this ends the job.
    pub(crate) unique: Option<String>,
    /// Whether the job may hold slots of limits.
    pub(crate) has_keys: bool,
    /// Stored in the same transaction if the job completes.
    pub(crate) follow_ups: Option<FollowUps>,
    /// What the job waits for: with a signal of this name it does not wait.
    pub(crate) signal: Option<String>,
    /// The rate key of which nobody may start before the job runs again.
    pub(crate) slow: Option<String>,
    /// How long the handler ran; none where nobody knows, and the lease tells.
    pub(crate) ran: Option<Duration>,
}

/// Jobs that a handler asked for, to be stored with its completion.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FollowUps {
    pub(crate) namespace: Arc<str>,
    pub(crate) jobs: Vec<NewJob>,
}

impl Settlement {
    /// The same, of a job whose end gives this unique key back.
    pub(crate) fn giving_back(self, unique: Option<&str>) -> Self {
        Self { unique: unique.map(str::to_owned), ..self }
    }

    /// The end of a job that waits: nothing ran, so nothing is counted.
    pub(crate) const fn of_waiting(
        job: JobId,
        counts: Counts,
        event: Event,
        (state, reason): (State, Reason),
    ) -> Self {
        Self {
            job,
            epoch: counts.epoch,
            counts,
            event,
            next: Next::ended(state, reason),
            failure: None,
            started_at: None,
            unique: None,
            has_keys: true,
            follow_ups: None,
            signal: None,
            slow: None,
            ran: None,
        }
    }
}

/// Where a job goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Next {
    Ready,
    Delayed { run_at: Timestamp, reason: Reason },
    Ended { state: State, reason: Option<Reason>, result: Option<Vec<u8>>, detail: Option<String> },
}

impl Next {
    pub(crate) const fn state(&self) -> State {
        match self {
            Self::Ready => State::Pending,
            Self::Delayed { reason, .. } => reason.waiting_state(),
            Self::Ended { state, .. } => *state,
        }
    }

    pub(crate) const fn ended(state: State, reason: Reason) -> Self {
        Self::Ended { state, reason: Some(reason), result: None, detail: None }
    }
}

/// Decides what follows from `ending`; `unit` in [0, 1) is the random part of a wait.
pub(crate) fn settle(run: &Run, ending: Ending, now: Timestamp, unit: f64) -> Settlement {
    match ending {
        Ending::Complete { result } => {
            let next = Next::Ended { state: State::Completed, reason: None, result, detail: None };
            settlement(run, run.counts, Event::Complete, next)
        }
        Ending::Fail(failure) => fail(run, failure, now, unit),
        Ending::Snooze { delay, rate_limited } => snooze(run, now + delay, rate_limited),
        Ending::Slow { delay, key } => {
            Settlement { slow: Some(key), ..snooze(run, now + delay, true) }
        }
        Ending::Wait { delay, signal } => {
            Settlement { signal: Some(signal), ..snooze(run, now + delay, false) }
        }
        Ending::Release => settlement(run, uncounted(run.counts), Event::Release, Next::Ready),
        Ending::Cancel { reason } => {
            let next = Next::Ended {
                state: State::Cancelled,
                reason: Some(Reason::Handler),
                result: None,
                detail: Some(reason).filter(|reason| !reason.is_empty()),
            };
            settlement(run, run.counts, Event::Cancel, next)
        }
    }
}

/// Decides what follows from a lost lease.
pub(crate) fn rescue(run: &Run, worker: &str, now: Timestamp) -> Settlement {
    let counted = sabotage::on("crash_burns_attempt");
    let mut counts = if counted { run.counts } else { uncounted(run.counts) };
    counts.crashes = counts.crashes.saturating_add(1);
    counts.epoch += 1;
    let crashes = counts.crashes;
    let message = format!("the lease was lost: worker {worker} stopped renewing it");
    let failure = Failure::new(FailureClass::Crash, message);
    let wait = crash_wait(crashes);
    let (event, next) = if crashes >= run.max_crashes {
        (Event::Quarantine, Next::ended(State::DeadLetter, Reason::CrashLoop))
    } else if run.deadline.is_some_and(|deadline| now + wait >= deadline) {
        (Event::PassDeadline, Next::ended(State::DeadLetter, Reason::Deadline))
    } else if crashes == 1 {
        (Event::Crash, Next::Ready)
    } else {
        (Event::CrashAgain, Next::Delayed { run_at: now + wait, reason: Reason::Crashed })
    };
    Settlement { failure: Some(failure), ..settlement(run, counts, event, next) }
}

/// The same settlement, for a job whose cancellation was asked for while it ran: a completion
/// stands, everything else ends cancelled.
pub(crate) fn cancelled(settlement: Settlement, detail: Option<String>) -> Settlement {
    if settlement.event == Event::Complete {
        return settlement;
    }
    let next = Next::Ended {
        state: State::Cancelled,
        reason: Some(Reason::Request),
        result: None,
        detail,
    };
    Settlement { event: Event::Cancel, next, ..settlement }
}

fn fail(run: &Run, failure: Failure, now: Timestamp, unit: f64) -> Settlement {
    let attempt = run.counts.attempt;
    let wait = failure.retry_after.unwrap_or_else(|| run.backoff.delay(attempt, unit));
    let run_at = now + wait;
    let (event, next) = if failure.class == FailureClass::Permanent {
        (Event::Fail, Next::ended(State::Failed, Reason::Permanent))
    } else if failure.class == FailureClass::Undecodable {
        (Event::Bury, Next::ended(State::DeadLetter, Reason::Undecodable))
    } else if attempt >= run.max_attempts {
        (Event::Bury, Next::ended(State::DeadLetter, Reason::Exhausted))
    } else if run.deadline.is_some_and(|deadline| run_at >= deadline) {
        (Event::PassDeadline, Next::ended(State::DeadLetter, Reason::Deadline))
    } else {
        (Event::Retry, Next::Delayed { run_at, reason: Reason::Backoff })
    };
    Settlement { failure: Some(failure), ..settlement(run, run.counts, event, next) }
}

fn snooze(run: &Run, run_at: Timestamp, rate_limited: bool) -> Settlement {
    let mut counts = uncounted(run.counts);
    counts.snoozes = counts.snoozes.saturating_add(1);
    if run.deadline.is_some_and(|deadline| run_at >= deadline) {
        let next = Next::ended(State::DeadLetter, Reason::Deadline);
        return settlement(run, run.counts, Event::PassDeadline, next);
    }
    let reason = if rate_limited { Reason::RateLimited } else { Reason::Snoozed };
    settlement(run, counts, Event::Snooze, Next::Delayed { run_at, reason })
}

/// The attempt that the claim counted did not happen after all.
const fn uncounted(mut counts: Counts) -> Counts {
    counts.attempt = counts.attempt.saturating_sub(1);
    counts
}

fn crash_wait(crashes: u32) -> Duration {
    match crashes.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => CRASH_WAIT.saturating_mul(1 << doublings.min(6)).min(CRASH_WAIT_MAX),
    }
}

fn settlement(run: &Run, counts: Counts, event: Event, next: Next) -> Settlement {
    debug_assert_eq!(State::Running.after(event), Ok(next.state()));
    Settlement {
        job: run.job,
        epoch: run.counts.epoch,
        counts,
        event,
        next,
        failure: None,
        started_at: Some(run.started_at),
        unique: run.unique.clone(),
        has_keys: run.has_keys,
        follow_ups: None,
        signal: None,
        slow: None,
        ran: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn run(attempt: u32, crashes: u32) -> Run {
        Run {
            job: JobId::from_i64(1),
            counts: Counts { epoch: 9, attempt, crashes, snoozes: 0 },
            max_attempts: 3,
            max_crashes: 4,
            backoff: Backoff::constant(Duration::from_secs(10)).jitter(0.0),
            start_by: None,
            deadline: None,
            started_at: NOW,
            unique: None,
            has_keys: false,
        }
    }

    fn retryable() -> Ending {
        Ending::Fail(Failure::new(FailureClass::Retryable, "no"))
    }

    #[test]
    fn a_failure_waits_until_the_attempts_are_used_up() {
        let retried = settle(&run(2, 0), retryable(), NOW, 0.0);
        let buried = settle(&run(3, 0), retryable(), NOW, 0.0);

        let run_at = NOW + Duration::from_secs(10);
        assert_eq!(retried.next, Next::Delayed { run_at, reason: Reason::Backoff });
        assert_eq!(buried.next, Next::ended(State::DeadLetter, Reason::Exhausted));
        assert_eq!(buried.counts.attempt, 3);
    }

    #[test]
    fn retry_after_stands_over_the_backoff() {
        let mut failure = Failure::new(FailureClass::Retryable, "busy");
        failure.retry_after = Some(Duration::from_secs(99));

        let settled = settle(&run(1, 0), Ending::Fail(failure), NOW, 0.0);

        let run_at = NOW + Duration::from_secs(99);
        assert_eq!(settled.next, Next::Delayed { run_at, reason: Reason::Backoff });
    }

    #[test]
    fn snooze_and_release_burn_no_attempt() {
        let nap = Ending::Snooze { delay: Duration::from_secs(1), rate_limited: false };

        let snoozed = settle(&run(3, 0), nap, NOW, 0.0);
        let released = settle(&run(3, 0), Ending::Release, NOW, 0.0);

        assert_eq!((snoozed.counts.attempt, snoozed.counts.snoozes), (2, 1));
        assert_eq!((released.counts.attempt, released.counts.snoozes), (2, 0));
        assert_eq!(released.next, Next::Ready);
    }

    #[test]
    fn crashes_wait_longer_and_end_in_quarantine() {
        let waits: Vec<Next> =
            (0..4).map(|crashes| rescue(&run(1, crashes), "w", NOW).next).collect();

        let later = |seconds| Next::Delayed {
            run_at: NOW + Duration::from_secs(seconds),
            reason: Reason::Crashed,
        };
        let loops = Next::ended(State::DeadLetter, Reason::CrashLoop);
        assert_eq!(waits, [Next::Ready, later(5), later(10), loops]);
        assert_eq!(crash_wait(90), CRASH_WAIT_MAX);
    }

    #[test]
    fn nothing_is_put_off_beyond_the_deadline() {
        let short = Run { deadline: Some(NOW + Duration::from_secs(10)), ..run(1, 1) };
        let nap = Ending::Snooze { delay: Duration::from_secs(10), rate_limited: true };

        for settled in [
            settle(&short, retryable(), NOW, 0.0),
            settle(&short, nap, NOW, 0.0),
            rescue(&Run { deadline: Some(NOW), ..run(1, 1) }, "w", NOW),
        ] {
            assert_eq!(settled.next, Next::ended(State::DeadLetter, Reason::Deadline));
        }
    }

    #[test]
    fn a_completion_outlives_a_request_to_cancel() {
        let complete = settle(&run(1, 0), Ending::Complete { result: None }, NOW, 0.0);

        assert_eq!(cancelled(complete.clone(), None), complete);
        let stopped = cancelled(settle(&run(1, 0), retryable(), NOW, 0.0), None);
        assert_eq!(stopped.next.state(), State::Cancelled);
    }
}
