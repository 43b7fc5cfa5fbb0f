//! Recovery with the settings a user gets: how soon a job runs again, how often a job may take its
//! process down, whether a thousand jobs survive one kill, and what an outage of the database costs.

use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tempfile::TempDir;
use tokio::runtime::Builder;
use windlass::{NewJob, Reason, State};

use crate::child::Workplace;
use crate::database::Home;
use crate::fleet::{Plan, sail};
use crate::job::{ABORT, LONG};
use crate::journal::{Entry, Journal, read_all};
use crate::rerun::Waits;
use crate::stage::{PATIENCE, Stage, wait};
use crate::summary::Summary;
use crate::worker::Pace;
use crate::{Failure, Options, check, say};

/// A lease of 30 s, a sweep of 5 s, and some time to start.
const RUNS_AGAIN_WITHIN: Duration = Duration::from_secs(40);

/// Nothing has to lapse after a stop, but the machine may be busy.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(5);

/// Processes that end, and the jobs that each of them holds.
const VICTIMS: usize = 8;
const SLOTS: usize = 25;

/// Longest pause between two ends.
const PAUSE_MS_MAX: u64 = 2500;

/// Crashes that the default limit allows.
const CRASHES: u32 = 3;

const JOBS: u64 = 1000;

/// When the worker of the thousand jobs is killed, after its first run.
const KILL_AFTER_MS: std::ops::Range<u64> = 50..900;

/// Two outages of 10 s under a load of all kinds of jobs, and nobody is killed.
const OUTAGES: Plan = Plan {
    nodes: 3,
    jobs: 600,
    over: Duration::from_secs(45),
    pace: Pace::Default,
    kill_every: None,
    crash_every: Some(Duration::from_secs(15)),
    away_for: Duration::from_secs(10),
};

type Checked = Result<(), Failure>;

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Farewell {
    Kill,
    Stop,
}

impl Farewell {
    /// Its name, the crashes that its jobs count, and when they have to run again.
    const fn expected(self) -> (&'static str, u32, Duration) {
        match self {
            Self::Kill => ("killed", 1, RUNS_AGAIN_WITHIN),
            Self::Stop => ("stopped", 0, HANDED_OVER_WITHIN),
        }
    }
}

/// Runs the checks; true when nothing was wrong.
pub(crate) fn run(options: &Options) -> Result<bool, Failure> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let started = Instant::now();
    let folder = TempDir::with_prefix("windlass-torture-")?;
    let mut home = Home::open(options)?;
    if !home.has_many() {
        return Err("the checks of the defaults need more than one database".into());
    }
    say(&format!("torture: default settings on {}, seed {seed}", home.database));
    let mut rng = Rng::with_seed(seed);
    let mut summary = Summary::default();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let stage = |name: &str| Stage::new(&runtime, (folder.path(), &home), name);
    stage("stop")?.hands_over(Farewell::Stop, &mut rng, &mut summary)?;
    stage("kill")?.hands_over(Farewell::Kill, &mut rng, &mut summary)?;
    stage("abort")?.quarantines_a_killer(&mut summary)?;
    stage("thousand")?.completes_a_thousand(&mut rng, &mut summary)?;
    if home.server().is_some() {
        let workplace = Workplace::create(&home, folder.path(), "outage")?;
        sail(&workplace, OUTAGES, (&mut home, rng.fork()), &mut summary)?;
    }
    summary.tell(started.elapsed());
    if options.keep || !summary.has_passed() {
        Summary::tell_folder(&folder.keep());
    }
    Ok(summary.has_passed())
}

impl Stage<'_> {
    /// Jobs of a process that ended run again in time: all it held, in the heir of all.
    fn hands_over(self, how: Farewell, rng: &mut Rng, summary: &mut Summary) -> Checked {
        let jobs = VICTIMS * SLOTS;
        let all = (0..jobs).map(|_| NewJob::new(LONG, "null")).collect();
        for reply in self.runtime.block_on(self.queue.enqueue_batch(all, true))? {
            reply?;
        }
        let slots = SLOTS.to_string();
        let more = ["--slots", &slots, "--graceless"];
        let start = |n| self.worker(&format!("victim-{n}"), "default", &more);
        let mut victims = (0..VICTIMS).map(start).collect::<Result<Vec<_>, _>>()?;
        let ran = wait(|| Ok(self.runs()? == jobs))?;
        let mut heir = self.worker("heir", "default", &["--slots", &jobs.to_string()])?;
        let journal = Journal::open(&self.workplace.journals, "coordinator")?;
        for mut victim in victims.drain(..) {
            // Their deaths meet every moment of a heartbeat.
            thread::sleep(Duration::from_millis(rng.u64(..PAUSE_MS_MAX)));
            journal.note(&[Entry::end_of(&victim.name)])?;
            match how {
                Farewell::Kill => {
                    victim.kill()?;
                    summary.count(victim.reap()?);
                }
                Farewell::Stop => {
                    victim.terminate()?;
                    victim.finish(PATIENCE)?;
                    summary.stops += 1;
                }
            }
        }
        let ran_again = wait(|| Ok(self.runs()? == 2 * jobs))?;
        let (verb, crashes, within) = how.expected();
        let waits = Waits::of(&read_all(&self.workplace.journals)?, crashes);
        say(&format!("jobs of a node that was {verb} ran again after {waits}"));
        if !ran || !ran_again || waits.count() != jobs || waits.percentile(99) > within {
            summary.complain(format!("{jobs} jobs of a {verb} node should run within {within:?}"));
        }
        heir.kill()?;
        summary.count(heir.reap()?);
        self.close(summary)
    }

    /// A job that takes its process down does so three times and no more.
    fn quarantines_a_killer(self, summary: &mut Summary) -> Result<(), Failure> {
        let job = self.runtime.block_on(self.queue.enqueue_new(NewJob::new(ABORT, "null")))?.id();
        for crash in 1..=CRASHES {
            let mut worker = self.worker(&format!("worker-{crash}"), "brisk", &[])?;
            if worker.end_within(PATIENCE)?.is_none() {
                summary.complain(format!("job {job} did not run for the {crash}. time"));
                worker.kill()?;
                summary.count(worker.reap()?);
            }
        }
        let last = self.worker("worker-last", "brisk", &[])?;
        wait(|| Ok(self.get(job)?.state.is_terminal()))?;
        let (end, runs) = (self.get(job)?, self.runs()?);
        say(&format!("a job that killed its worker {runs} times is {} by now", end.state));
        let quarantined = (end.state, end.reason) == (State::DeadLetter, Some(Reason::CrashLoop));
        if !quarantined || runs != CRASHES as usize || end.crashes != CRASHES {
            let (state, reason, crashes) = (end.state, end.reason, end.crashes);
            summary.complain(format!(
                "job {job} is {state} ({reason:?}) after {runs} runs and {crashes} crashes"
            ));
        }
        last.stop()?;
        self.close(summary)
    }

    /// A thousand acknowledged jobs complete once each although their worker was killed.
    fn completes_a_thousand(self, rng: &mut Rng, summary: &mut Summary) -> Result<(), Failure> {
        self.runtime.block_on(self.enqueue_all(JOBS))?;
        let mut first = self.worker("worker-1", "default", &[])?;
        wait(|| Ok(self.runs()? > 0))?;
        thread::sleep(Duration::from_millis(rng.u64(KILL_AFTER_MS)));
        first.kill()?;
        summary.count(first.reap()?);
        let before = self.totals()?.completed;
        let second = self.worker("worker-2", "default", &[])?;
        wait(|| Ok(self.totals()?.live == 0))?;
        let after = self.totals()?.completed;
        say(&format!("{before} of {JOBS} jobs had completed at the kill, {after} did in the end"));
        second.stop()?;
        let Workplace { url, journals, .. } = self.workplace.clone();
        let runtime = self.runtime;
        self.close(summary)?;
        summary.add(runtime.block_on(check::compare(&url, &journals))?);
        Ok(())
    }
}
