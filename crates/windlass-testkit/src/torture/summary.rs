//! What a run came to, and how it is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::child::Death;
use crate::reconcile::{Fault, Finding, Reconciled};
use crate::say;

/// Findings told one by one; the first few tell the story.
const FINDINGS_MAX: usize = 20;

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) cycles: u32,
    pub(crate) stops: u64,
    pub(crate) stalls: u64,
    /// Crashes of the whole database.
    pub(crate) outages: u64,
    deaths: BTreeMap<&'static str, u64>,
    acked: u64,
    completed: u64,
    runs: u64,
    reruns: u64,
    refused: u64,
    away: u64,
    findings: Vec<Finding>,
    complaints: Vec<String>,
}

impl Summary {
    pub(crate) fn count(&mut self, death: Death) {
        let how = match death {
            Death::Killed => "timer",
            Death::AtPoint(point) => point,
        };
        *self.deaths.entry(how).or_default() += 1;
    }

    /// Something is wrong that is not about one job.
    pub(crate) fn complain(&mut self, complaint: String) {
        say(&format!("WRONG: {complaint}"));
        self.complaints.push(complaint);
    }

    /// Broken invariants that the database found itself.
    pub(crate) fn verified(&mut self, when: &str, found: Vec<String>) {
        for finding in found {
            self.complain(format!("{when}: {finding}"));
        }
    }

    pub(crate) fn add(&mut self, reconciled: Reconciled) {
        self.acked += reconciled.acked;
        self.completed += reconciled.completed;
        self.runs += reconciled.runs;
        self.reruns += reconciled.reruns;
        self.refused += reconciled.refused;
        self.away += reconciled.away;
        self.findings.extend(reconciled.findings);
    }

    pub(crate) const fn has_passed(&self) -> bool {
        self.findings.is_empty() && self.complaints.is_empty()
    }

    pub(crate) fn tell(&self, elapsed: Duration) {
        let deaths: Vec<String> = self.deaths.iter().map(|(how, n)| format!("{how} {n}")).collect();
        let killed: u64 = self.deaths.values().sum();
        say(&format!(
            "{} cycles, {killed} kills ({}), {} database crashes, {} clean stops, {} stalls",
            self.cycles,
            deaths.join(", "),
            self.outages,
            self.stops,
            self.stalls
        ));
        say(&format!(
            "{} jobs acknowledged, {} completed, {} runs, {} of them again after a crash, \
             {} late outcomes refused, {} sent again after an outage",
            self.acked, self.completed, self.runs, self.reruns, self.refused, self.away
        ));
        say(&format!(
            "{} lost, {} double, {} other findings, {} complaints, {:.1} s",
            self.of(Fault::Lost),
            self.of(Fault::Double),
            self.findings.len() - self.of(Fault::Lost) - self.of(Fault::Double),
            self.complaints.len(),
            elapsed.as_secs_f64()
        ));
        for finding in self.findings.iter().take(FINDINGS_MAX) {
            say(&format!("{}: {}", finding.fault, finding.about));
            finding.lines.iter().for_each(|line| say(&format!("    {line}")));
        }
    }

    /// Where to look for what happened.
    pub(crate) fn tell_folder(folder: &Path) {
        say(&format!("databases and journals: {}", folder.display()));
    }

    fn of(&self, fault: Fault) -> usize {
        self.findings.iter().filter(|finding| finding.fault == fault).count()
    }
}
