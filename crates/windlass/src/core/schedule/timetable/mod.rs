//! When a schedule ticks, and when each tick is due: the same answer on every node, whenever it is asked.
//!
//! A tick is an instant. A cron expression names readings of a local clock; how these become instants
//! where the clock is changed is said here and nowhere else:
//! * hours given as times of the day (`3`, `9-17`, `6,18`): a tick comes when the clock *first* reaches or
//!   passes a time named. One that is left out comes at the first instant after the gap, once however many
//!   are left out; one that is read twice comes the first time.
//! * hours that are a wildcard or have steps (`*`, `*/2`): every instant at which the clock reads a time
//!   named. What is left out does not come, what is read twice comes twice.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::{Offset, TimeZone};

use super::Cron;
use crate::Timestamp;

const SECOND_US: i64 = 1_000_000;

/// No clock is set back by more than a day, so that what it read before is over within two.
const SET_BACK_SECONDS: i64 = 2 * 86_400;

/// First look back for ticks that were missed; each further look goes back eight times as far.
const LOOK_BACK: Duration = Duration::from_secs(60);

/// The next tick after an instant, as the application says.
pub(crate) type Custom = Arc<dyn Fn(Timestamp) -> Option<Timestamp> + Send + Sync>;

/// What repeats.
#[derive(Clone)]
pub(crate) enum Pattern {
    Cron(Cron, TimeZone),
    /// Every so often, counted from the anchor: rounds that come late shift nothing.
    Every {
        anchor: Timestamp,
        every: Duration,
    },
    Custom(Custom),
}

/// A pattern with its bounds.
#[derive(Debug, Clone)]
pub(crate) struct Timetable {
    pub(crate) pattern: Pattern,
    /// No tick before this.
    pub(crate) start: Option<Timestamp>,
    /// No tick after this.
    pub(crate) end: Option<Timestamp>,
    pub(crate) jitter: Duration,
    /// What makes the jitter of this schedule another than that of others.
    pub(crate) name: String,
}

impl Timetable {
    /// The first tick after an instant.
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let before_start = self.start.map(|start| start - Duration::from_micros(1));
        let after = before_start.map_or(after, |start| after.max(start));
        let next = match &self.pattern {
            Pattern::Cron(cron, zone) => next_of_cron(cron, zone, after),
            Pattern::Every { anchor, every } => next_of_period(*anchor, *every, after),
            // One that does not move on has ended.
            Pattern::Custom(next) => next(after).filter(|next| *next > after),
        };
        next.filter(|next| next.is_plausible() && self.end.is_none_or(|end| *next <= end))
    }

    /// Whether no tick comes at this instant or later.
    pub(crate) fn is_over(&self, at: Timestamp) -> bool {
        self.end.is_some_and(|end| end < at)
    }

    /// The last `count` ticks after `after` and not after `until`, in order.
    pub(crate) fn last(&self, after: Timestamp, until: Timestamp, count: usize) -> Vec<Timestamp> {
        let mut look_back = LOOK_BACK;
        if count == 0 {
            return Vec::new();
        }
        loop {
            let from = after.max(until - look_back);
            let mut found = VecDeque::new();
            let mut tick = self.next(from);
            while let Some(at) = tick.filter(|at| *at <= until) {
                if found.len() == count {
                    found.pop_front();
                }
                found.push_back(at);
                tick = self.next(at);
            }
            if found.len() == count || from == after {
                return found.into();
            }
            look_back = look_back.saturating_mul(8);
        }
    }

    /// When a tick is to be fired: the same delay for the same tick on every node.
    pub(crate) fn due_at(&self, tick: Timestamp) -> Timestamp {
        let spread = u64::try_from(self.jitter.as_micros()).unwrap_or(u64::MAX);
        match fingerprint(&self.name, tick).checked_rem(spread) {
            Some(delay) => tick + Duration::from_micros(delay),
            None => tick,
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron, zone) => f.debug_tuple("Cron").field(cron).field(zone).finish(),
            Self::Every { every, .. } => f.debug_tuple("Every").field(every).finish(),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}

fn next_of_period(anchor: Timestamp, every: Duration, after: Timestamp) -> Option<Timestamp> {
    let every = i64::try_from(every.as_micros()).ok().filter(|every| *every > 0)?;
    let passed = after.as_micros().checked_sub(anchor.as_micros())?.div_euclid(every);
    let steps = passed.checked_add(1)?.max(0).checked_mul(every)?;
    Some(Timestamp::from_micros(anchor.as_micros().checked_add(steps)?))
}

/// Walks over the stretches of time in which the clock is not changed.
fn next_of_cron(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut from = after.as_micros().div_euclid(SECOND_US) + 1;
    // The latest reading before `from`: what it has passed does not come again.
    let mut passed = latest_reading(zone, from - 1)?;
    let mut changes = zone.following(instant(from)?);
    loop {
        let offset = i64::from(zone.to_offset(instant(from)?).seconds());
        let change = changes.next().map(|change| change.timestamp().as_second());
        let wanted = if cron.any_hour() { from + offset } else { passed + 1 };
        let reading = cron.next_local(wanted)?;
        // A time that was passed over comes as soon as it can.
        let at = (reading - offset).max(from);
        match change {
            Some(change) if at >= change => {
                passed = passed.max(change - 1 + offset);
                from = change;
            }
            _ => return Some(Timestamp::from_micros(at.checked_mul(SECOND_US)?)),
        }
    }
}

/// The latest reading of the clock up to an instant, which is not its present one after it was set back.
fn latest_reading(zone: &TimeZone, at: i64) -> Option<i64> {
    let reading = |at: i64| Some(at + i64::from(zone.to_offset(instant(at)?).seconds()));
    let mut latest = reading(at)?;
    for change in zone.preceding(instant(at + 1)?) {
        let change = change.timestamp().as_second();
        if change < at - SET_BACK_SECONDS {
            break;
        }
        latest = latest.max(reading(change - 1)?);
    }
    Some(latest)
}

fn instant(second: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(second).ok()
}

/// The time zone of an IANA name.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    if name.eq_ignore_ascii_case("utc") {
        return Ok(TimeZone::fixed(Offset::UTC));
    }
    TimeZone::get(name).map_err(|_| {
        let shown: String = name.chars().take(64).collect();
        format!("`{shown}` is not a time zone this release knows (such as Europe/Berlin, or UTC)")
    })
}

/// FNV-1a: the same on every machine and in every release, which the standard library's is not.
fn fingerprint(name: &str, tick: Timestamp) -> u64 {
    let bytes = name.bytes().chain(tick.as_micros().to_le_bytes());
    let mixed = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Its low bits follow the last bytes closely.
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests;
