//! The reconciliation: journals against jobs, one job at a time. A pure function.
//!
//! Invariant: a finding names one job (or key) that breaks a promise; no finding means that every
//! acknowledged job completed once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use windlass::{JobId, State};

use crate::facts::{JobFacts, Totals};
use crate::job::{Kind, epoch_in, number};
use crate::journal::{Entry, Line};

/// A broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Acknowledged or completed, and not in the database.
    Lost,
    /// Two completions of one job, or two jobs of one key.
    Double,
    /// Two runs under one epoch.
    SharedEpoch,
    /// More runs than attempts, crashes and snoozes explain.
    TooManyRuns,
    /// A job that nobody asked for, or not in this way.
    Unknown,
    /// Not completed in the end.
    WrongState,
    /// Attempts or snoozes that its kind does not explain.
    WrongCount,
    /// A completion that no journaled run explains.
    WrongOutcome,
    /// Maintained counts that contradict the jobs.
    WrongTotal,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::Double => "double",
            Self::SharedEpoch => "shared epoch",
            Self::TooManyRuns => "too many runs",
            Self::Unknown => "unknown",
            Self::WrongState => "wrong state",
            Self::WrongCount => "wrong count",
            Self::WrongOutcome => "wrong outcome",
            Self::WrongTotal => "wrong total",
        })
    }
}

/// Something wrong, and the journal lines that tell of it.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) fault: Fault,
    pub(crate) about: String,
    pub(crate) lines: Vec<String>,
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Reconciled {
    pub(crate) findings: Vec<Finding>,
    pub(crate) acked: u64,
    pub(crate) completed: u64,
    pub(crate) runs: u64,
    pub(crate) reruns: u64,
    /// Late outcomes that the queue turned away.
    pub(crate) refused: u64,
    /// Calls of producers that the database was not there for.
    pub(crate) away: u64,
    /// Leases that the database counted as lost.
    pub(crate) crashes: u64,
}

/// The journals, by job.
#[derive(Debug, Default)]
struct Index<'a> {
    intents: BTreeSet<&'a str>,
    acks: BTreeMap<JobId, BTreeSet<&'a str>>,
    runs: BTreeMap<JobId, Vec<i64>>,
    done: BTreeMap<JobId, Vec<i64>>,
    stopped: BTreeMap<JobId, u64>,
    away: u64,
}

impl<'a> Index<'a> {
    fn of(lines: &'a [Line]) -> Self {
        let mut index = Self::default();
        for line in lines {
            match &line.entry {
                Entry::Intent { key } => {
                    index.intents.insert(key);
                }
                Entry::Ack { key, job } => {
                    index.acks.entry(*job).or_default().insert(key);
                }
                Entry::Away { .. } => index.away += 1,
                Entry::Run { job, epoch, .. } => index.runs.entry(*job).or_default().push(*epoch),
                Entry::Stopped { job, .. } => *index.stopped.entry(*job).or_default() += 1,
                Entry::Done { job, epoch } => index.done.entry(*job).or_default().push(*epoch),
                Entry::End { .. } => {}
            }
        }
        index
    }
}

/// Compares what the children journaled with what the database holds after everything was drained.
pub(crate) fn reconcile(lines: &[Line], jobs: &[JobFacts], totals: Totals) -> Reconciled {
    let index = Index::of(lines);
    let mut audit = Audit { lines, found: Reconciled::default() };
    audit.missing(&index, jobs);
    audit.copies(&index, jobs);
    for job in jobs {
        audit.origin(&index, job);
        audit.history(&index, job);
        audit.ending(&index, job);
    }
    audit.totals(jobs, totals);
    let mut found = audit.found;
    found.acked = index.acks.len() as u64;
    found.completed = jobs.iter().filter(|job| job.state == State::Completed).count() as u64;
    found.away = index.away;
    found.crashes = jobs.iter().map(|job| u64::from(job.crashes)).sum();
    found.runs = index.runs.values().map(|epochs| epochs.len() as u64).sum();
    found
}

/// A comparison under way.
struct Audit<'a> {
    lines: &'a [Line],
    found: Reconciled,
}

impl Audit<'_> {
    /// What a journal knows as stored is stored.
    fn missing(&mut self, index: &Index<'_>, jobs: &[JobFacts]) {
        let known: BTreeSet<JobId> = jobs.iter().map(|job| job.id).collect();
        let told = [
            ("acknowledged", index.acks.keys().collect::<BTreeSet<_>>()),
            ("run", index.runs.keys().collect()),
            ("completed", index.done.keys().collect()),
        ];
        for (what, ids) in told {
            for id in ids.into_iter().filter(|id| !known.contains(id)) {
                self.find(Fault::Lost, *id, &format!("was {what} and is not in the database"));
            }
        }
    }

    /// One key is one job, in the database and in every acknowledgement.
    fn copies(&mut self, index: &Index<'_>, jobs: &[JobFacts]) {
        let mut by_key: BTreeMap<&str, BTreeSet<JobId>> = BTreeMap::new();
        for job in jobs {
            by_key.entry(job.key.as_deref().unwrap_or_default()).or_default().insert(job.id);
        }
        for (id, keys) in &index.acks {
            for key in keys {
                by_key.entry(key).or_default().insert(*id);
            }
        }
        for (key, ids) in by_key {
            let Some(first) = ids.first() else { continue };
            for id in ids.iter().skip(1) {
                self.find(Fault::Double, *id, &format!("has the key `{key}` of job {first}"));
            }
        }
    }

    /// Somebody asked for this job, with this key and payload.
    fn origin(&mut self, index: &Index<'_>, job: &JobFacts) {
        let key = job.key.as_deref().unwrap_or_default();
        if !index.intents.contains(key) {
            self.find(Fault::Unknown, job.id, &format!("has the key `{key}`, which nobody sent"));
        }
        let sent = number(key).map(|n| n.to_string().into_bytes());
        if sent.as_ref() != Some(&job.payload) {
            let payload = String::from_utf8_lossy(&job.payload);
            let text = format!("has the key `{key}` and the payload `{payload}`");
            self.find(Fault::Unknown, job.id, &text);
        }
    }

    /// Each epoch ran once, and every run is accounted for. A crash may come before the run was
    /// journaled, so there may be fewer.
    fn history(&mut self, index: &Index<'_>, job: &JobFacts) {
        let epochs = index.runs.get(&job.id).map_or(&[][..], Vec::as_slice);
        let mut seen = BTreeSet::new();
        for epoch in epochs {
            if !seen.insert(epoch) {
                self.find(Fault::SharedEpoch, job.id, &format!("ran twice under epoch {epoch}"));
            }
        }
        let (runs, crashes) = (epochs.len() as u64, u64::from(job.crashes));
        // A handler that stopped because it was told to is given back uncounted, unless it was done.
        let stopped = index.stopped.get(&job.id).copied().unwrap_or_default();
        let planned = u64::from(job.attempt) + u64::from(job.snoozes) + stopped;
        if runs > planned + crashes {
            let text = format!(
                "ran {runs} times, with {} attempts, {crashes} crashes and {} snoozes",
                job.attempt, job.snoozes
            );
            self.find(Fault::TooManyRuns, job.id, &text);
        }
        self.found.reruns += runs.saturating_sub(planned);
    }

    /// It completed once, in the attempt its kind asks for, and by a run that was journaled.
    fn ending(&mut self, index: &Index<'_>, job: &JobFacts) {
        let done = index.done.get(&job.id).map_or(&[][..], Vec::as_slice);
        if done.len() > 1 {
            self.find(Fault::Double, job.id, &format!("completed under the epochs {done:?}"));
        }
        if job.state != State::Completed {
            let text = format!("is {} after {} completions", job.state, done.len());
            return self.find(Fault::WrongState, job.id, &text);
        }
        let due = Kind::named(&job.kind).map(|kind| (kind.attempts(), kind.snoozes()));
        if due != Some((job.attempt, job.snoozes)) {
            let (kind, attempt, snoozes) = (&job.kind, job.attempt, job.snoozes);
            let text = format!("of kind `{kind}` took {attempt} attempts and {snoozes} snoozes");
            self.find(Fault::WrongCount, job.id, &text);
        }
        let stored = epoch_in(job.result.as_deref());
        let ran = |epoch| index.runs.get(&job.id).is_some_and(|epochs| epochs.contains(&epoch));
        if !stored.is_some_and(ran) {
            let text = format!("has the outcome of epoch {stored:?}, which no journal saw run");
            self.find(Fault::WrongOutcome, job.id, &text);
        }
        if let Some(told) = done.iter().find(|epoch| Some(**epoch) != stored) {
            let text = format!("was completed by epoch {told}, and holds that of {stored:?}");
            self.find(Fault::Double, job.id, &text);
        }
    }

    /// The maintained counts say the same as the jobs. All but the last attempt of a job failed.
    fn totals(&mut self, jobs: &[JobFacts], told: Totals) {
        let count = |wanted: &dyn Fn(&JobFacts) -> bool| {
            jobs.iter().filter(|job| wanted(job)).count() as u64
        };
        let completed = count(&|job| job.state == State::Completed);
        let counted = Totals {
            live: count(&|job| !job.state.is_terminal()),
            completed,
            enqueues: jobs.len() as u64,
            completions: completed,
            crashes: jobs.iter().map(|job| u64::from(job.crashes)).sum(),
            failed_attempts: jobs.iter().map(|job| u64::from(job.attempt.saturating_sub(1))).sum(),
        };
        if told != counted {
            let about = format!("the counts are {told:?}, and the jobs say {counted:?}");
            let (fault, lines) = (Fault::WrongTotal, Vec::new());
            self.found.findings.push(Finding { fault, about, lines });
        }
    }

    fn find(&mut self, fault: Fault, job: JobId, text: &str) {
        let mut keys = BTreeSet::new();
        for line in self.lines {
            if let Entry::Ack { key, job: acked } = &line.entry
                && *acked == job
            {
                keys.insert(key);
            }
        }
        let about = |line: &&Line| match &line.entry {
            Entry::Intent { key } | Entry::Away { key } => keys.contains(key),
            Entry::Ack { key, job: acked } => *acked == job || keys.contains(key),
            Entry::Run { job: other, .. }
            | Entry::Stopped { job: other, .. }
            | Entry::Done { job: other, .. } => *other == job,
            Entry::End { .. } => false,
        };
        let lines = self.lines.iter().filter(about).map(ToString::to_string).collect();
        self.found.findings.push(Finding { fault, about: format!("job {job} {text}"), lines });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::now;

    /// One `ok` job that was enqueued, run under epoch 1, crashed, and completed under epoch 3.
    fn story() -> (Vec<Line>, Vec<JobFacts>, Totals) {
        let id: JobId = "7".parse().unwrap();
        let key = "key-4".to_owned();
        let entries = [
            Entry::Intent { key: key.clone() },
            Entry::Ack { key: key.clone(), job: id },
            run(id, 1),
            run(id, 3),
            Entry::Done { job: id, epoch: 3 },
        ];
        let job = JobFacts {
            id,
            key: Some(key),
            kind: "ok".to_owned(),
            state: State::Completed,
            attempt: 1,
            crashes: 1,
            snoozes: 0,
            payload: b"4".to_vec(),
            result: Some(b"3".to_vec()),
        };
        let totals =
            Totals { completed: 1, enqueues: 1, completions: 1, crashes: 1, ..Totals::default() };
        (entries.into_iter().map(line).collect(), vec![job], totals)
    }

    fn run(job: JobId, epoch: i64) -> Entry {
        Entry::Run { job, attempt: 1, epoch, crashes: 0, at: now() }
    }

    fn line(entry: Entry) -> Line {
        Line { journal: "child-1".to_owned(), entry }
    }

    fn faults(lines: &[Line], jobs: &[JobFacts], totals: Totals) -> Vec<Fault> {
        reconcile(lines, jobs, totals).findings.iter().map(|finding| finding.fault).collect()
    }

    /// The faults after one entry was added to the story.
    fn faults_with(entry: Entry) -> Vec<Fault> {
        let (mut lines, jobs, totals) = story();
        lines.push(line(entry));
        faults(&lines, &jobs, totals)
    }

    /// The faults after the job of the story was changed, its counts left alone.
    fn faults_after(change: impl FnOnce(&mut JobFacts)) -> Vec<Fault> {
        let (lines, mut jobs, totals) = story();
        change(&mut jobs[0]);
        faults(&lines, &jobs, totals)
    }

    #[test]
    fn a_crash_and_a_second_run_are_no_fault() {
        let (lines, jobs, totals) = story();

        let found = reconcile(&lines, &jobs, totals);

        assert!(found.findings.is_empty(), "{:?}", found.findings);
        assert_eq!((found.acked, found.completed, found.runs, found.reruns), (1, 1, 2, 1));
    }

    #[test]
    fn an_intent_may_have_come_to_nothing_or_to_a_job() {
        let (mut lines, jobs, totals) = story();
        lines.retain(|line| !matches!(line.entry, Entry::Ack { .. }));
        lines.push(line(Entry::Intent { key: "key-5".to_owned() }));

        assert_eq!(faults(&lines, &jobs, totals), []);
    }

    #[test]
    fn a_lost_job_is_found_with_its_lines() {
        let (lines, _, _) = story();

        let found = reconcile(&lines, &[], Totals::default()).findings;

        assert!(found.iter().all(|finding| finding.fault == Fault::Lost));
        assert_eq!(found[0].about, "job 7 was acknowledged and is not in the database");
        assert_eq!(found[0].lines[0], "child-1: intent key-4");
        assert_eq!(found[0].lines.len(), 5);
    }

    #[test]
    fn a_double_outcome_is_found() {
        let id = "7".parse().unwrap();

        let again = faults_with(Entry::Done { job: id, epoch: 3 });
        let under_two_epochs = faults_with(Entry::Done { job: id, epoch: 1 });

        assert_eq!(again, [Fault::Double]);
        assert_eq!(under_two_epochs, [Fault::Double, Fault::Double]);
    }

    #[test]
    fn two_jobs_of_one_key_are_found() {
        let (lines, mut jobs, _) = story();
        jobs.push(JobFacts { id: "8".parse().unwrap(), ..jobs[0].clone() });
        let acked = Entry::Ack { key: "key-4".to_owned(), job: "9".parse().unwrap() };

        let stored = faults(&lines, &jobs, Totals::default());

        assert!(stored.contains(&Fault::Double));
        assert_eq!(faults_with(acked), [Fault::Lost, Fault::Double]);
    }

    #[test]
    fn a_second_run_under_one_epoch_is_found() {
        let (mut lines, mut jobs, totals) = story();
        lines.push(line(run(jobs[0].id, 3)));
        let as_well = faults(&lines, &jobs, totals);
        jobs[0].crashes = 2;

        let alone = faults(&lines, &jobs, Totals { crashes: 2, ..totals });

        assert_eq!(as_well, [Fault::SharedEpoch, Fault::TooManyRuns]);
        assert_eq!(alone, [Fault::SharedEpoch]);
    }

    #[test]
    fn a_run_that_was_told_to_stop_may_be_one_more() {
        let (mut lines, jobs, totals) = story();
        lines.push(line(run(jobs[0].id, 2)));
        let unexplained = faults(&lines, &jobs, totals);
        lines.push(line(Entry::Stopped { job: jobs[0].id, epoch: 2 }));

        assert_eq!(unexplained, [Fault::TooManyRuns]);
        assert_eq!(faults(&lines, &jobs, totals), []);
    }

    #[test]
    fn an_unknown_job_is_found() {
        let (mut lines, jobs, totals) = story();
        lines.retain(|line| !matches!(line.entry, Entry::Intent { .. }));

        let unasked = faults(&lines, &jobs, totals);
        let changed = faults_after(|job| job.payload = b"5".to_vec());

        assert_eq!(unasked, [Fault::Unknown]);
        assert_eq!(changed, [Fault::Unknown]);
    }

    #[test]
    fn a_job_in_a_wrong_state_is_found_and_so_is_its_count() {
        let stuck = faults_after(|job| job.state = State::Running);
        let dead = faults_after(|job| job.state = State::DeadLetter);

        assert_eq!(stuck, [Fault::WrongState, Fault::WrongTotal]);
        assert_eq!(dead, [Fault::WrongState, Fault::WrongTotal]);
    }

    #[test]
    fn a_burnt_attempt_and_a_forgotten_snooze_are_found() {
        let burnt = faults_after(|job| job.attempt = 2);
        let forgotten = faults_after(|job| job.kind = "snooze".to_owned());

        assert_eq!(burnt, [Fault::WrongCount, Fault::WrongTotal]);
        assert_eq!(forgotten, [Fault::WrongCount]);
    }

    #[test]
    fn an_outcome_that_nobody_ran_is_found() {
        let other = faults_after(|job| job.result = Some(b"2".to_vec()));
        let none = faults_after(|job| job.result = None);

        assert_eq!(other, [Fault::WrongOutcome, Fault::Double]);
        assert_eq!(none, [Fault::WrongOutcome, Fault::Double]);
    }
}
