//! One cycle: complete the crew, let it work for a moment, kill some of it.

use std::ops::RangeInclusive;
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use crate::Failure;
use crate::child::{Child, CrashAt, Workplace, words};
use crate::database::Database;
use crate::summary::Summary;

/// How long a crew works before some of it are killed, on SQLite and on a server, where a process
/// needs longer until its connections stand.
const WORK_MS: [RangeInclusive<u64>; 2] = [50..=400, 300..=1500];

/// One cycle in so many stalls a worker until it has lost its lease.
const STALL_ONE_IN: u32 = 16;

/// Long enough for a stalled worker to lose its jobs, wake up and report them.
const STALL_WORK: Duration = Duration::from_millis(2800);

/// A stalled worker stalls within this many runs.
const STALL_AT_MAX: u64 = 30;

/// Job numbers that belong to one producer: far more than it can use.
const NUMBERS_EACH: u64 = 1_000_000;

/// The running children of one database.
#[derive(Debug)]
pub(crate) struct Crew {
    workplace: Workplace,
    work_ms: RangeInclusive<u64>,
    rng: Rng,
    producers: Vec<Child>,
    workers: Vec<Child>,
    started: u64,
}

/// What a child is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Producer,
    Worker,
    StallingWorker,
    LingeringWorker,
}

impl Crew {
    pub(crate) fn new(workplace: Workplace, database: Database, rng: Rng) -> Self {
        let [embedded, server] = WORK_MS;
        let work_ms = if database == Database::Sqlite { embedded } else { server };
        let (producers, workers) = (Vec::new(), Vec::new());
        Self { workplace, work_ms, rng, producers, workers, started: 0 }
    }

    pub(crate) fn cycle(&mut self, summary: &mut Summary) -> Result<(), Failure> {
        let stalls = self.rng.u32(..STALL_ONE_IN) == 0;
        self.complete(stalls)?;
        if stalls {
            summary.stalls += 1;
            thread::sleep(STALL_WORK);
        } else {
            thread::sleep(Duration::from_millis(self.rng.u64(self.work_ms.clone())));
        }
        let victims = self.choose_victims();
        kill(victims, summary)?;
        summary.cycles += 1;
        Ok(())
    }

    /// Stops whoever is left in an orderly way.
    pub(crate) fn dismiss(&mut self, summary: &mut Summary) {
        for child in self.producers.drain(..).chain(self.workers.drain(..)) {
            match child.stop() {
                Ok(()) => summary.stops += 1,
                Err(failure) => summary.complain(failure.to_string()),
            }
        }
    }

    /// Starts what is missing: a producer, and one or two workers. In about half of the cycles one
    /// of the new ones is to end at a crash point; when one stalls, all others stay.
    fn complete(&mut self, stalls: bool) -> Result<(), Failure> {
        let mut parts = Vec::new();
        if self.producers.is_empty() {
            parts.push(Part::Producer);
        }
        if self.workers.is_empty() || (self.workers.len() == 1 && self.rng.bool()) {
            parts.push(Part::Worker);
        }
        if stalls {
            parts.extend([Part::StallingWorker, Part::LingeringWorker]);
        }
        let doomed = (!stalls && self.rng.bool()).then(|| self.rng.usize(..parts.len().max(1)));
        for (index, part) in parts.into_iter().enumerate() {
            let crash_at = (Some(index) == doomed).then(|| self.crash_at(part));
            self.start(part, crash_at)?;
        }
        Ok(())
    }

    fn crash_at(&mut self, part: Part) -> CrashAt {
        CrashAt::random(&mut self.rng, part == Part::Producer)
    }

    fn start(&mut self, part: Part, crash_at: Option<CrashAt>) -> Result<(), Failure> {
        self.started += 1;
        let role = if part == Part::Producer { "producer" } else { "worker" };
        let name = format!("{role}-{:04}", self.started);
        let mut args = words(&["--seed", &self.rng.u64(..).to_string()]);
        let mut add = |option: &str, value: u64| args.extend(words(&[option, &value.to_string()]));
        match part {
            Part::Producer => add("--first", self.started * NUMBERS_EACH),
            Part::Worker | Part::LingeringWorker => {}
            Part::StallingWorker => {
                add("--stall-at", self.rng.u64(1..=STALL_AT_MAX));
            }
        }
        if part == Part::LingeringWorker {
            args.push("--linger".into());
        }
        let child = self.workplace.start(role, &name, args, crash_at)?;
        let crew = if part == Part::Producer { &mut self.producers } else { &mut self.workers };
        crew.push(child);
        Ok(())
    }

    /// A random part of the crew, never nobody, sometimes all.
    fn choose_victims(&mut self) -> Vec<Child> {
        let all = self.rng.u8(..5) == 0;
        let size = self.producers.len() + self.workers.len();
        let certain = self.rng.usize(..size);
        let rng = &mut self.rng;
        let mut index = 0;
        let mut falls = |child: &mut Child| {
            index += 1;
            all || index - 1 == certain || child.is_doomed() || rng.bool()
        };
        let mut victims: Vec<Child> = self.producers.extract_if(.., &mut falls).collect();
        victims.extend(self.workers.extract_if(.., &mut falls));
        victims
    }
}

/// Kills all of them at once, then waits for each.
fn kill(mut children: Vec<Child>, summary: &mut Summary) -> Result<(), Failure> {
    for child in &mut children {
        child.kill()?;
    }
    for child in children {
        match child.reap() {
            Ok(death) => summary.count(death),
            Err(failure) => summary.complain(failure.to_string()),
        }
    }
    Ok(())
}
