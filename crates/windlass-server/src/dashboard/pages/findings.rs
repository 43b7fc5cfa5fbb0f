//! What is wrong, as far as that can be seen in what the overview reads anyhow: nothing is scanned for it.

use windlass::{PauseRecord, QueueRecord, SeriesPoint, State, Stats, Timestamp, WorkerStats};

use crate::dashboard::text::{count, encoded};

/// Findings that are shown of one sort.
const OF_A_SORT_MAX: usize = 3;

/// One sentence, and where more is said.
pub(super) struct Finding {
    pub(super) text: String,
    pub(super) link: String,
    pub(super) is_bad: bool,
}

/// What the overview has read.
pub(super) struct Read<'a> {
    pub(super) root: &'a str,
    pub(super) stats: &'a Stats,
    pub(super) points: &'a [SeriesPoint],
    /// Since when the first ready job of each queue and type has been ready.
    pub(super) oldest: &'a [(String, String, Timestamp)],
    pub(super) queues: &'a [QueueRecord],
    /// Loops of upkeep that are late.
    pub(super) late: &'a [&'static str],
}

impl Read<'_> {
    /// All of them, the worst first.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut all = Vec::new();
        if !self.late.is_empty() {
            let text = format!(
                "Upkeep is late: without success for two minutes: {}.",
                self.late.join(", ")
            );
            all.push(Finding { text, link: format!("{}/about", self.root), is_bad: true });
        }
        all.extend(self.unserved());
        all.extend(self.died());
        all.extend(self.paused());
        all
    }

    /// Types with ready jobs that no live worker runs.
    fn unserved(&self) -> Vec<Finding> {
        let is_paused = |queue: &str, kind: &str| {
            let found = self.queues.iter().find(|known| known.name == queue);
            found.is_some_and(|queue| {
                queue.paused.is_some() || queue.paused_kinds.iter().any(|(name, _)| name == kind)
            })
        };
        let is_served = |queue: &str, kind: &str| {
            self.stats.workers.iter().any(|worker| serves(worker, queue, kind))
        };
        let waiting = self.oldest.iter().map(|(queue, kind, _)| (queue, kind));
        let left: Vec<_> = waiting
            .filter(|(queue, kind)| !is_paused(queue, kind) && !is_served(queue, kind))
            .collect();
        let one = |(queue, kind): &(&String, &String)| Finding {
            text: format!(
                "No worker runs the type {kind} in the queue {queue}, and jobs wait for one."
            ),
            link: self.jobs(&format!("state:pending queue:{queue} type:{kind}")),
            is_bad: true,
        };
        let mut all: Vec<Finding> = left.iter().take(OF_A_SORT_MAX).map(one).collect();
        if let Some(more) = left.len().checked_sub(OF_A_SORT_MAX).filter(|more| *more > 0) {
            let text = format!("The same holds for {more} more pairs of queue and type.");
            all.push(Finding { text, link: format!("{}/workers", self.root), is_bad: true });
        }
        all
    }

    /// Jobs that became dead letters in the time that is shown.
    fn died(&self) -> Option<Finding> {
        let died: u64 = self.points.iter().map(|point| point.dead).sum();
        let kept = self.stats.jobs(State::DeadLetter);
        (died > 0 && kept > 0).then(|| Finding {
            text: format!(
                "Jobs that died in this time: {}; dead letters that are kept: {}.",
                count(died),
                count(kept)
            ),
            link: format!("{}/dead", self.root),
            is_bad: true,
        })
    }

    fn paused(&self) -> Vec<Finding> {
        let paused = self.queues.iter().filter_map(|queue| Some((queue, queue.paused.as_ref()?)));
        let one = |(queue, pause): (&QueueRecord, &PauseRecord)| {
            let why = pause.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Finding {
                text: format!("The queue {} is paused{why}.", queue.name),
                link: format!("{}/queues/{}", self.root, encoded(&queue.name)),
                is_bad: false,
            }
        };
        paused.take(OF_A_SORT_MAX).map(one).collect()
    }

    fn jobs(&self, query: &str) -> String {
        format!("{}/jobs?q={}", self.root, encoded(query))
    }
}

fn serves(worker: &WorkerStats, queue: &str, kind: &str) -> bool {
    let has =
        |names: &[String], name: &str| names.is_empty() || names.iter().any(|own| own == name);
    has(&worker.queues, queue) && has(&worker.kinds, kind)
}
