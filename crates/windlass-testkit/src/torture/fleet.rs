//! Many nodes on one database: producers trickle jobs, random nodes are killed and started again at
//! once, and now and then the whole database crashes. In the end everything drains and every journal
//! has to agree.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use fastrand::Rng;
use tempfile::TempDir;
use tokio::runtime::Builder;
use windlass_servers::Server;

use crate::child::{Child, CrashAt, Workplace, words};
use crate::database::Home;
use crate::journal::{Entry, Journal, read_all};
use crate::rerun::Waits;
use crate::summary::Summary;
use crate::worker::Pace;
use crate::{Failure, Options, check, say};

/// Processes that enqueue. They are spared: the cycles kill producers.
const PRODUCERS: u64 = 2;

/// One node in so many is to end at a crash point.
const DOOMED_ONE_IN: u32 = 4;

/// How long producers may take to catch up with their schedule after the last outage.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(180);

/// How often to look whether a node has ended, or the time has come for something.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Between two progress lines.
const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(crate) struct FleetOptions {
    /// Runs this many worker processes at a time instead of cycles
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) nodes: Option<u8>,
    /// Jobs to enqueue, with --nodes
    #[arg(long, default_value_t = 200)]
    jobs: u64,
    /// Minutes over which to spread them, with --nodes
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Kills a random node this often, as in 1s or 500ms; never without
    #[arg(long, value_parser = span)]
    kill_every: Option<Duration>,
    /// Crashes the database this often; never without
    #[arg(long, value_parser = span)]
    crash_database_every: Option<Duration>,
    /// How long the database stays away before it is started again
    #[arg(long, value_parser = span, default_value = "0s")]
    away_for: Duration,
    /// The settings of the nodes: hasty has a lease of 1 s, default one of 30 s
    #[arg(long, value_enum, default_value = "hasty")]
    pace: Pace,
}

/// Reads `1s`, `500ms` or `2m`.
fn span(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000)];
    let read = |(unit, ms): (&str, u64)| Some((text.strip_suffix(unit)?.parse::<u64>().ok()?, ms));
    let found = units.into_iter().find_map(read);
    let (number, ms) = found.ok_or_else(|| format!("`{text}` is not a time like 500ms or 20s"))?;
    Ok(Duration::from_millis(number * ms))
}

/// What is to happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) nodes: u8,
    pub(crate) jobs: u64,
    pub(crate) over: Duration,
    pub(crate) pace: Pace,
    pub(crate) kill_every: Option<Duration>,
    pub(crate) crash_every: Option<Duration>,
    pub(crate) away_for: Duration,
}

impl Plan {
    /// True when nothing in it may cost a job a crash: an outage does not, however long. With hasty
    /// settings nobody waits for anybody, so there it may.
    fn is_harmless(&self) -> bool {
        self.kill_every.is_none() && self.pace == Pace::Default
    }
}

/// Runs the mode of its own; true when nothing was wrong.
pub(crate) fn run(options: &Options) -> Result<bool, Failure> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let fleet = &options.fleet;
    let plan = Plan {
        nodes: fleet.nodes.unwrap_or(1),
        jobs: fleet.jobs,
        over: Duration::try_from_secs_f64(fleet.minutes * 60.0)?,
        pace: fleet.pace,
        kill_every: fleet.kill_every,
        crash_every: fleet.crash_database_every,
        away_for: fleet.away_for,
    };
    let mut home = Home::open(options)?;
    let (nodes, jobs, over) = (plan.nodes, plan.jobs, plan.over);
    say(&format!(
        "torture: {nodes} nodes and {jobs} jobs on {} for {over:?}, seed {seed}",
        home.database
    ));
    let started = Instant::now();
    let folder = TempDir::with_prefix("windlass-torture-")?;
    let mut summary = Summary::default();
    let workplace = Workplace::create(&home, folder.path(), "fleet")?;
    let ended = sail(&workplace, plan, (&mut home, Rng::with_seed(seed)), &mut summary);
    summary.tell(started.elapsed());
    let passed = ended.is_ok() && summary.has_passed();
    if options.keep || !passed {
        Summary::tell_folder(&folder.keep());
    }
    ended.map(|()| passed)
}

/// Carries out a plan and checks what came of it.
pub(crate) fn sail(
    workplace: &Workplace,
    plan: Plan,
    (home, rng): (&mut Home, Rng),
    summary: &mut Summary,
) -> Result<(), Failure> {
    let journal = Journal::open(&workplace.journals, "coordinator")?;
    let mut fleet = Fleet { workplace, plan, rng, journal, nodes: Vec::new(), started: 0 };
    let crashing = match (home.server(), plan.crash_every) {
        (None, Some(_)) => return Err("there is no server of our own to crash".into()),
        (server, every) => server.zip(every),
    };
    let is_over = &AtomicBool::new(false);
    let producers = thread::scope(|scope| {
        let crasher = crashing.map(|(server, every)| {
            scope.spawn(move || crash_over_and_over(server, every, plan.away_for, is_over))
        });
        let producers = fleet.work(summary);
        is_over.store(true, Ordering::Relaxed);
        if let Some(crasher) = crasher {
            summary.outages += crasher.join().map_err(|_| "the crasher panicked")??;
        }
        producers
    })?;
    for producer in producers {
        if let Err(failure) = producer.finish(CATCH_UP_WITHIN) {
            summary.complain(failure.to_string());
        }
    }
    fleet.dismiss(summary)?;
    settle_up(workplace, plan, summary)
}

/// Nothing may be left over, and the journals have to agree with the database.
fn settle_up(workplace: &Workplace, plan: Plan, summary: &mut Summary) -> Result<(), Failure> {
    let Workplace { url, journals, .. } = workplace;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if !runtime.block_on(check::drain(url, journals))? {
        summary.complain("not everything could be worked off in time".to_owned());
    }
    summary.verified("in the end", runtime.block_on(check::verify(url))?);
    let found = runtime.block_on(check::compare(url, journals))?;
    if found.acked != plan.jobs {
        let (acked, jobs) = (found.acked, plan.jobs);
        summary.complain(format!("{acked} of {jobs} jobs were acknowledged"));
    }
    if plan.is_harmless() && (found.crashes > 0 || found.reruns > 0) {
        let (crashes, reruns) = (found.crashes, found.reruns);
        summary.complain(format!("nobody was killed: {crashes} crashes, {reruns} runs again"));
    }
    summary.add(found);
    if plan.kill_every.is_some() {
        let waits = Waits::of(&read_all(journals)?, 1);
        say(&format!("from the kill of a node until its jobs ran again: {waits}"));
    }
    Ok(())
}

/// The running nodes.
struct Fleet<'a> {
    workplace: &'a Workplace,
    plan: Plan,
    rng: Rng,
    journal: Journal,
    nodes: Vec<Child>,
    started: u64,
}

impl Fleet<'_> {
    /// Keeps the nodes going and kills them until the time is over; returns the producers.
    fn work(&mut self, summary: &mut Summary) -> Result<Vec<Child>, Failure> {
        let producers = (0..PRODUCERS).map(|n| self.producer(n)).collect::<Result<_, _>>()?;
        for _ in 0..self.plan.nodes {
            self.start_node()?;
        }
        let start = Instant::now();
        let mut next_kill = self.plan.kill_every.map(|every| start + every);
        let mut next_line = start + TELL_EVERY;
        while start.elapsed() < self.plan.over {
            thread::sleep(LOOK_EVERY);
            self.replace_ended(summary)?;
            if let (Some(at), Some(every)) = (next_kill, self.plan.kill_every)
                && Instant::now() >= at
            {
                self.kill_one(summary)?;
                next_kill = Some(at + every);
            }
            if Instant::now() >= next_line {
                next_line += TELL_EVERY;
                let (seconds, nodes) = (start.elapsed().as_secs(), self.started);
                say(&format!("after {seconds} s: {nodes} nodes started so far"));
            }
        }
        Ok(producers)
    }

    /// Each producer has a part of the jobs.
    fn producer(&mut self, n: u64) -> Result<Child, Failure> {
        let jobs = self.plan.jobs;
        let first = jobs * n / PRODUCERS;
        let count = jobs * (n + 1) / PRODUCERS - first;
        let over_ms = u64::try_from(self.plan.over.as_millis())?;
        let mut args = words(&["--seed", &self.rng.u64(..).to_string()]);
        for (option, value) in [("--first", first), ("--count", count), ("--over-ms", over_ms)] {
            args.extend(words(&[option, &value.to_string()]));
        }
        self.workplace.start("producer", &format!("producer-{n}"), args, None)
    }

    fn start_node(&mut self) -> Result<(), Failure> {
        self.started += 1;
        let name = format!("node-{:04}", self.started);
        let pace = self.plan.pace.name();
        let args = words(&["--seed", &self.rng.u64(..).to_string(), "--pace", pace, "--varied"]);
        let doomed = self.plan.kill_every.is_some() && self.rng.u32(..DOOMED_ONE_IN) == 0;
        let crash_at = doomed.then(|| CrashAt::random(&mut self.rng, false));
        self.nodes.push(self.workplace.start("worker", &name, args, crash_at)?);
        Ok(())
    }

    /// Starts a new node for each that came to its crash point.
    fn replace_ended(&mut self, summary: &mut Summary) -> Result<(), Failure> {
        let mut index = 0;
        while index < self.nodes.len() {
            if self.nodes[index].has_ended()? {
                self.bury(index, summary)?;
            } else {
                index += 1;
            }
        }
        Ok(())
    }

    fn kill_one(&mut self, summary: &mut Summary) -> Result<(), Failure> {
        let index = self.rng.usize(..self.nodes.len());
        self.nodes[index].kill()?;
        self.bury(index, summary)
    }

    fn bury(&mut self, index: usize, summary: &mut Summary) -> Result<(), Failure> {
        let node = self.nodes.swap_remove(index);
        self.journal.note(&[Entry::end_of(&node.name)])?;
        match node.reap() {
            Ok(death) => summary.count(death),
            Err(failure) => summary.complain(failure.to_string()),
        }
        self.start_node()
    }

    /// Stops the nodes in an orderly way, but for those that may come to a crash point meanwhile.
    fn dismiss(&mut self, summary: &mut Summary) -> Result<(), Failure> {
        for mut node in std::mem::take(&mut self.nodes) {
            let ended = if node.is_doomed() {
                self.journal.note(&[Entry::end_of(&node.name)])?;
                node.kill()?;
                node.reap().map(|death| summary.count(death))
            } else {
                node.stop().map(|()| summary.stops += 1)
            };
            if let Err(failure) = ended {
                summary.complain(failure.to_string());
            }
        }
        Ok(())
    }
}

/// Kills the whole server every so often until it is over; afterwards the server answers.
fn crash_over_and_over(
    server: &mut Server,
    every: Duration,
    away_for: Duration,
    is_over: &AtomicBool,
) -> Result<u64, Failure> {
    let (mut crashes, mut next) = (0, Instant::now() + every);
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(LOOK_EVERY);
        if Instant::now() < next {
            continue;
        }
        server.kill()?;
        let killed_at = Instant::now();
        thread::sleep(away_for);
        server.start_again()?;
        crashes += 1;
        let seconds = killed_at.elapsed().as_secs_f64();
        say(&format!("database crash {crashes}: away for {seconds:.1} s"));
        next = (next + every).max(Instant::now());
    }
    Ok(crashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(span("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(span("2m"), Ok(Duration::from_secs(120)));
        assert!(span("20").is_err());
        assert!(span("s").is_err());
    }
}
