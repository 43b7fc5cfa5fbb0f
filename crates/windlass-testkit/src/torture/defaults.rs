//! Recovery with the settings a user gets: how soon a job runs again, how often a job may take its
//! process down, and whether a thousand jobs survive one kill.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use windlass::{JobId, JobRecord, NewJob, Queue, Reason, State};

use crate::child::Child;
use crate::facts::Totals;
use crate::job::{ABORT, LONG, job_with_defaults, key};
use crate::journal::{Entry, Journal, read_all};
use crate::summary::Summary;
use crate::{Failure, Options, check, say};

/// A lease of 30 s, a sweep of 5 s, and some time to start.
const RUNS_AGAIN_WITHIN: Duration = Duration::from_secs(40);

/// Longest wait for anything that takes less time by far.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often to look meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Crashes that the default limit allows.
const CRASHES: u32 = 3;

const JOBS: u64 = 1000;

/// When the worker of the thousand jobs is killed.
const KILL_AFTER_MS: std::ops::Range<u64> = 50..900;

/// Runs the three checks; true when nothing was wrong.
pub(crate) fn run(options: &Options) -> Result<bool, Failure> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    say(&format!("torture: default settings, seed {seed}"));
    let started = Instant::now();
    let folder = TempDir::with_prefix("windlass-torture-")?;
    let mut rng = Rng::with_seed(seed);
    let mut summary = Summary::default();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Stage::new(&runtime, folder.path(), "long")?.runs_again_in_time(&mut summary)?;
    Stage::new(&runtime, folder.path(), "abort")?.quarantines_a_killer(&mut summary)?;
    let thousand = Stage::new(&runtime, folder.path(), "thousand")?;
    thousand.completes_a_thousand(&mut rng, &mut summary)?;
    summary.tell(started.elapsed());
    if options.keep || !summary.has_passed() {
        Summary::tell_folder(&folder.keep());
    }
    Ok(summary.has_passed())
}

/// A database of one check.
struct Stage<'a> {
    runtime: &'a Runtime,
    folder: PathBuf,
    journals: PathBuf,
    url: String,
    queue: Queue,
}

impl<'a> Stage<'a> {
    fn new(runtime: &'a Runtime, parent: &Path, name: &str) -> Result<Self, Failure> {
        let folder = parent.join(name);
        let journals = folder.join("journals");
        fs::create_dir_all(&journals)?;
        let url = format!("sqlite:{}", folder.join("jobs.db").display());
        let queue = runtime.block_on(Queue::open(&url))?;
        Ok(Self { runtime, folder, journals, url, queue })
    }

    /// A job whose worker was killed runs again within lease and sweep.
    fn runs_again_in_time(self, summary: &mut Summary) -> Result<(), Failure> {
        let job = self.runtime.block_on(self.queue.enqueue_new(NewJob::new(LONG, "null")))?.id();
        let mut first = self.worker("worker-1", "default")?;
        let ran = wait(|| Ok(self.runs(job)? == 1))?;
        first.kill()?;
        let killed_at = Instant::now();
        summary.count(first.reap()?);
        let mut second = self.worker("worker-2", "default")?;
        let ran_again = wait(|| Ok(self.runs(job)? == 2))?;
        let took = killed_at.elapsed();
        say(&format!("a killed worker's job ran again after {:.1} s", took.as_secs_f64()));
        if !ran || !ran_again || took > RUNS_AGAIN_WITHIN {
            summary.complain(format!("job {job} did not run again within {RUNS_AGAIN_WITHIN:?}"));
        }
        second.kill()?;
        summary.count(second.reap()?);
        self.close(summary)
    }

    /// A job that takes its process down does so three times and no more.
    fn quarantines_a_killer(self, summary: &mut Summary) -> Result<(), Failure> {
        let job = self.runtime.block_on(self.queue.enqueue_new(NewJob::new(ABORT, "null")))?.id();
        for crash in 1..=CRASHES {
            let mut worker = self.worker(&format!("worker-{crash}"), "brisk")?;
            if worker.end_within(PATIENCE)?.is_none() {
                summary.complain(format!("job {job} did not run for the {crash}. time"));
                worker.kill()?;
                summary.count(worker.reap()?);
            }
        }
        let last = self.worker("worker-last", "brisk")?;
        wait(|| Ok(self.get(job)?.state.is_terminal()))?;
        let (end, runs) = (self.get(job)?, self.runs(job)?);
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
        self.runtime.block_on(self.enqueue_all())?;
        let mut first = self.worker("worker-1", "default")?;
        thread::sleep(Duration::from_millis(rng.u64(KILL_AFTER_MS)));
        first.kill()?;
        summary.count(first.reap()?);
        let before = self.totals()?.completed;
        let second = self.worker("worker-2", "default")?;
        wait(|| Ok(self.totals()?.live == 0))?;
        let after = self.totals()?.completed;
        say(&format!("{before} of {JOBS} jobs had completed at the kill, {after} did in the end"));
        second.stop()?;
        let (url, journals) = (self.url.clone(), self.journals.clone());
        let runtime = self.runtime;
        self.close(summary)?;
        summary.add(runtime.block_on(check::compare(&url, &journals))?);
        Ok(())
    }

    async fn enqueue_all(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.journals, "producer")?;
        let intents: Vec<Entry> = (0..JOBS).map(|n| Entry::Intent { key: key(n) }).collect();
        journal.note_durably(&intents)?;
        let jobs = (0..JOBS).map(job_with_defaults).collect();
        for (n, reply) in (0..JOBS).zip(self.queue.enqueue_batch(jobs, true).await?) {
            journal.note(&[Entry::Ack { key: key(n), job: reply?.id() }])?;
        }
        Ok(())
    }

    /// Starts a worker process.
    fn worker(&self, name: &str, pace: &str) -> Result<Child, Failure> {
        let mut args: Vec<OsString> = vec!["worker".into(), "--journals".into()];
        args.push(self.journals.clone().into());
        args.extend(["--url", &self.url, "--name", name, "--seed", "1"].map(OsString::from));
        args.extend(["--pace", pace].map(OsString::from));
        Child::start(name, &self.folder, args, None)
    }

    fn get(&self, job: JobId) -> Result<JobRecord, Failure> {
        Ok(self.runtime.block_on(self.queue.get(job))?)
    }

    fn totals(&self) -> Result<Totals, Failure> {
        Ok(Totals::from(&self.runtime.block_on(self.queue.stats())?))
    }

    /// Runs of one job that were journaled.
    fn runs(&self, job: JobId) -> Result<usize, Failure> {
        let lines = read_all(&self.journals)?;
        let is_run = |entry: &Entry| matches!(entry, Entry::Run { job: run, .. } if *run == job);
        Ok(lines.iter().filter(|line| is_run(&line.entry)).count())
    }

    fn close(self, summary: &mut Summary) -> Result<(), Failure> {
        self.runtime.block_on(self.queue.close());
        let found = self.runtime.block_on(check::verify(&self.url))?;
        summary.verified("with default settings", found);
        Ok(())
    }
}

/// Waits until `look` says yes; false when it did not in time.
fn wait(look: impl Fn() -> Result<bool, Failure>) -> Result<bool, Failure> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if look()? {
            return Ok(true);
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(false)
}
