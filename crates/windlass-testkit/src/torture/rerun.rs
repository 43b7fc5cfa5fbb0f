//! How long jobs waited after the end of their process until they ran again. A pure function of the
//! journals.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use windlass::{JobId, Timestamp};

use crate::journal::{Entry, Line};

/// One run of a job, and whose it was.
#[derive(Debug, Clone, Copy)]
struct Run<'a> {
    journal: &'a str,
    epoch: i64,
    crashes: u32,
    at: Timestamp,
}

/// Times, ascending.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Waits(Vec<Duration>);

impl Waits {
    /// From the end of a process to the next run of each job that ran in it, where the database
    /// counted `crashes` in between: 1 after a kill, 0 after a stop. Later crashes of a job are left
    /// out, because it then waits on purpose.
    pub(crate) fn of(lines: &[Line], crashes: u32) -> Self {
        let (mut ends, mut runs) = (BTreeMap::new(), BTreeMap::<JobId, Vec<Run<'_>>>::new());
        for line in lines {
            match &line.entry {
                Entry::End { child, at } => {
                    ends.insert(child.as_str(), *at);
                }
                Entry::Run { job, epoch, crashes, at, .. } => {
                    let (epoch, crashes, at) = (*epoch, *crashes, *at);
                    let run = Run { journal: &line.journal, epoch, crashes, at };
                    runs.entry(*job).or_default().push(run);
                }
                _ => {}
            }
        }
        let mut waits = Vec::new();
        for runs in runs.values_mut() {
            runs.sort_by_key(|run| run.epoch);
            for pair in runs.windows(2) {
                let (first, next) = (pair[0], pair[1]);
                let counted = first.crashes == 0 && next.crashes == crashes;
                if let (true, Some(end)) = (counted, ends.get(first.journal))
                    && first.at <= *end
                {
                    waits.push(next.at.since(*end));
                }
            }
        }
        waits.sort_unstable();
        Self(waits)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `percent` of them did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |percent| self.percentile(percent).as_secs_f64();
        let (p50, p99, max) = (seconds(50), seconds(99), seconds(100));
        write!(f, "p50 {p50:.2} s, p99 {p99:.2} s, max {max:.2} s ({} jobs)", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_micros(n * 1_000_000)
    }

    fn run(journal: &str, epoch: i64, crashes: u32, at: i64) -> Line {
        let job = "7".parse().unwrap();
        let entry = Entry::Run { job, attempt: 1, epoch, crashes, at: second(at) };
        Line { journal: journal.to_owned(), entry }
    }

    fn end(child: &str, at: i64) -> Line {
        let entry = Entry::End { child: child.to_owned(), at: second(at) };
        Line { journal: "coordinator".to_owned(), entry }
    }

    #[test]
    fn a_wait_is_from_the_kill_to_the_next_run_elsewhere() {
        let lines = [end("a", 10), run("b", 3, 1, 14), run("a", 1, 0, 9)];

        assert_eq!(Waits::of(&lines, 1), Waits(vec![Duration::from_secs(4)]));
        assert_eq!(Waits::of(&lines, 0), Waits::default());
    }

    #[test]
    fn a_run_after_a_failure_or_a_second_crash_is_no_recovery() {
        let failed = [run("a", 1, 0, 5), run("b", 2, 0, 6), end("a", 10)];
        let again = [run("a", 3, 1, 9), run("b", 5, 2, 20), end("a", 10)];

        assert_eq!(Waits::of(&failed, 1), Waits::default());
        assert_eq!(Waits::of(&again, 1), Waits::default());
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let waits = Waits((1..=200).map(Duration::from_secs).collect());

        assert_eq!(waits.percentile(50), Duration::from_secs(100));
        assert_eq!(waits.percentile(99), Duration::from_secs(198));
        assert_eq!(waits.percentile(100), Duration::from_secs(200));
        assert_eq!(Waits::default().percentile(99), Duration::ZERO);
    }
}
