//! Which ticks a round fires: what catching up and overlapping runs mean.

use std::time::Duration;

use super::Timetable;
use crate::job::{CatchUp, Overlap};
use crate::{Timestamp, sabotage};

/// A tick that nobody has fired by then was missed: the catch-up decides about it. Rounds come within
/// milliseconds; this leaves room for a slow database and a short restart.
const MISSED_AFTER: Duration = Duration::from_secs(10);

/// The ticks whose time has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// To be fired, in order.
    pub(crate) ticks: Vec<Timestamp>,
    /// The one after them.
    pub(crate) next: Option<Timestamp>,
}

/// What is due at `now`, at most `limit` of it, when `first` is the first tick that was not looked at yet.
pub(crate) fn due(
    table: &Timetable,
    first: Timestamp,
    now: Timestamp,
    catch_up: CatchUp,
    limit: usize,
) -> Due {
    let missed_until = now - MISSED_AFTER - table.jitter;
    let mut ticks = Vec::new();
    let mut next = Some(first);
    if first <= missed_until {
        let wanted = match catch_up {
            _ if sabotage::on("catch_up_ignored") => limit,
            CatchUp::Skip => 0,
            CatchUp::Last => 1,
            CatchUp::All(most) => usize::try_from(most).unwrap_or(usize::MAX),
        };
        ticks = table.last(first, missed_until, wanted);
        if ticks.len() < wanted {
            ticks.insert(0, first);
        }
        next = table.next(missed_until);
    }
    let missed = ticks.len();
    while let Some(tick) = next.filter(|tick| table.due_at(*tick) <= now) {
        if ticks.len() - missed > limit {
            break;
        }
        ticks.push(tick);
        next = table.next(tick);
    }
    if catch_up == CatchUp::Last && ticks.len() > missed {
        // One on time stands for those that were missed.
        ticks.drain(..missed);
    }
    if ticks.len() > limit {
        next = ticks.get(limit).copied();
        ticks.truncate(limit);
    }
    Due { ticks, next }
}

/// What becomes of ticks that are due, given whether a run of the schedule has not ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) fire: Vec<Timestamp>,
    pub(crate) skip: Vec<Timestamp>,
    /// Waits until no run is left.
    pub(crate) buffer: Option<Timestamp>,
}

/// Applies the overlap policy.
pub(crate) fn decide(
    overlap: Overlap,
    buffered: Option<Timestamp>,
    due: &[Timestamp],
    is_live: bool,
) -> Decision {
    let mut left: Vec<Timestamp> = buffered.into_iter().chain(due.iter().copied()).collect();
    let mut decision = Decision::default();
    let free = usize::from(!is_live).min(left.len());
    match overlap {
        Overlap::Allow => decision.fire = std::mem::take(&mut left),
        Overlap::Skip => decision.fire = left.drain(..free).collect(),
        Overlap::Buffer => {
            decision.fire = left.drain(..free).collect();
            if !left.is_empty() {
                decision.buffer = Some(left.remove(0));
            }
        }
        Overlap::Cancel => decision.fire.extend(left.pop()),
    }
    decision.skip = left;
    decision
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::schedule::Pattern;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros((1_800_000_000 + second) * 1_000_000)
    }

    fn seconds(ticks: &[Timestamp]) -> Vec<i64> {
        ticks.iter().map(|tick| tick.as_micros() / 1_000_000 - 1_800_000_000).collect()
    }

    fn every(seconds: u64) -> Timetable {
        let every = Duration::from_secs(seconds);
        Timetable {
            pattern: Pattern::Every { anchor: at(0), every },
            start: None,
            end: None,
            jitter: Duration::ZERO,
            name: "test".to_owned(),
        }
    }

    fn due_at(now: i64, catch_up: CatchUp) -> (Vec<i64>, Option<i64>) {
        let due = due(&every(60), at(60), at(now), catch_up, 100);
        (seconds(&due.ticks), due.next.map(|next| seconds(&[next])[0]))
    }

    #[test]
    fn what_is_on_time_is_fired_whatever_the_catch_up() {
        for catch_up in [CatchUp::Skip, CatchUp::Last, CatchUp::All(5)] {
            assert_eq!(due_at(59, catch_up), (vec![], Some(60)));
            assert_eq!(due_at(60, catch_up), (vec![60], Some(120)));
            assert_eq!(due_at(69, catch_up), (vec![60], Some(120)));
        }
        let each_second = due(&every(1), at(1), at(5), CatchUp::Last, 100);
        assert_eq!(seconds(&each_second.ticks), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_was_missed_is_up_to_the_catch_up() {
        assert_eq!(due_at(330, CatchUp::Skip), (vec![], Some(360)));
        assert_eq!(due_at(330, CatchUp::Last), (vec![300], Some(360)));
        assert_eq!(due_at(330, CatchUp::All(3)), (vec![180, 240, 300], Some(360)));
        assert_eq!(due_at(330, CatchUp::All(9)), (vec![60, 120, 180, 240, 300], Some(360)));
        // The one of second 300 is on time.
        assert_eq!(due_at(305, CatchUp::Skip), (vec![300], Some(360)));
        assert_eq!(due_at(305, CatchUp::Last), (vec![300], Some(360)));
        assert_eq!(due_at(305, CatchUp::All(2)), (vec![180, 240, 300], Some(360)));
    }

    #[test]
    fn many_ticks_are_fired_in_rounds_that_lose_none() {
        let (table, now) = (every(1), at(500));
        let (mut next, mut fired) = (Some(at(1)), Vec::new());
        while let Some(first) = next.filter(|next| *next <= now) {
            let due = due(&table, first, now, CatchUp::All(300), 7);
            assert!(due.ticks.len() <= 7);
            fired.extend(seconds(&due.ticks));
            next = due.next;
        }

        // Ten seconds are on time; of what is before, the last 300.
        assert_eq!(fired, (191..=500).collect::<Vec<_>>());
    }

    #[test]
    fn a_first_tick_of_its_own_is_one_like_the_others() {
        let table = every(60);
        let found = due(&table, at(7), at(100), CatchUp::All(5), 10);

        assert_eq!(seconds(&found.ticks), [7, 60]);
    }

    #[test]
    fn runs_that_have_not_ended_are_met_as_the_policy_says() {
        let due = [at(1), at(2), at(3)];
        let told = |overlap, is_live| {
            let Decision { fire, skip, buffer } = decide(overlap, None, &due, is_live);
            (seconds(&fire), seconds(&skip), buffer.map(|tick| seconds(&[tick])[0]))
        };

        for is_live in [false, true] {
            assert_eq!(told(Overlap::Allow, is_live), (vec![1, 2, 3], vec![], None));
            assert_eq!(told(Overlap::Cancel, is_live), (vec![3], vec![1, 2], None));
        }
        assert_eq!(told(Overlap::Skip, false), (vec![1], vec![2, 3], None));
        assert_eq!(told(Overlap::Skip, true), (vec![], vec![1, 2, 3], None));
        assert_eq!(told(Overlap::Buffer, false), (vec![1], vec![3], Some(2)));
        assert_eq!(told(Overlap::Buffer, true), (vec![], vec![2, 3], Some(1)));
        let later = decide(Overlap::Buffer, Some(at(0)), &due, true);
        assert_eq!((later.buffer, seconds(&later.skip)), (Some(at(0)), vec![1, 2, 3]));
        assert_eq!(decide(Overlap::Buffer, Some(at(0)), &[], false).fire, [at(0)]);
    }
}
