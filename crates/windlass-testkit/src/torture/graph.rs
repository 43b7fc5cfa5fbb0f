//! A large workflow of diamonds, whose nodes are a batch as well, worked off by four nodes that are killed
//! all the time: it completes, in order, and each callback is made once.

use std::collections::HashMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use windlass::{
    BatchId, BundleState, Flow, JobFilter, JobId, JobRecord, NewBatch, NewJob, Node, Queue,
    Timestamp, WorkflowId,
};

use crate::check::{hurry, verify};
use crate::child::{Child, CrashAt, Workplace, words};
use crate::database::Home;
use crate::journal::{Entry, read_all};
use crate::summary::Summary;
use crate::{Failure, Options, say};

/// Worker processes at a time.
const CREW: usize = 4;

/// Between two kills.
const KILL_EVERY_MS: std::ops::Range<u64> = 100..900;

/// The callback's own crash point ends so many workers.
const ENDS_IN_CALLBACK: u32 = 2;

/// Longest time for each node, and for the start.
const PATIENCE_PER_NODE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(120);

const MAX_CRASHES: u32 = 100;

/// Chains beside each other: as many nodes can run at a time, or twice as many.
const CHAINS: usize = 50;

/// Runs the mode; true when nothing was wrong.
pub(crate) fn run(options: &Options, nodes: usize) -> Result<bool, Failure> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let home = Home::open(options)?;
    say(&format!("torture: a workflow of {nodes} nodes on {}, seed {seed}", home.database));
    let started = Instant::now();
    let folder = TempDir::with_prefix("windlass-torture-")?;
    let workplace = Workplace::create(&home, folder.path(), "graph")?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut summary = Summary::default();
    let queue = runtime.block_on(Queue::open(&workplace.url))?;
    let mut voyage = Voyage { workplace, runtime, queue, rng: Rng::with_seed(seed), started: 0 };
    voyage.run(nodes, &mut summary)?;
    let found = voyage.runtime.block_on(verify(&voyage.workplace.url))?;
    summary.verified("in the end", found);
    summary.tell(started.elapsed());
    if options.keep || !summary.has_passed() {
        Summary::tell_folder(&folder.keep());
    }
    Ok(summary.has_passed())
}

struct Voyage {
    workplace: Workplace,
    runtime: Runtime,
    queue: Queue,
    rng: Rng,
    started: u32,
}

impl Voyage {
    fn run(&mut self, nodes: usize, summary: &mut Summary) -> Result<(), Failure> {
        let (batch, workflow) = self.runtime.block_on(submit(&self.queue, nodes))?;
        let deadline = Instant::now() + PATIENCE + PATIENCE_PER_NODE * u32::try_from(nodes)?;
        let mut crew = Vec::new();
        while !self.is_over(batch, workflow)? {
            if Instant::now() > deadline {
                summary.complain("the workflow did not end in time".to_owned());
                break;
            }
            while crew.len() < CREW {
                crew.push(self.hire()?);
            }
            thread::sleep(Duration::from_millis(self.rng.u64(KILL_EVERY_MS)));
            let place = self.rng.usize(..crew.len());
            // Whoever is to end in a callback lives until then.
            let is_over = crew[place].has_ended()?;
            if is_over || !crew[place].is_doomed() {
                let mut victim: Child = crew.swap_remove(place);
                victim.kill()?;
                summary.count(victim.reap()?);
            }
            self.runtime.block_on(hurry(&self.queue))?;
        }
        for mut child in crew {
            child.kill()?;
            summary.count(child.reap()?);
        }
        let journals = &self.workplace.journals;
        let found = compare(&self.queue, journals, (batch, workflow), nodes);
        let found = self.runtime.block_on(found)?;
        found.into_iter().for_each(|complaint| summary.complain(complaint));
        self.runtime.block_on(self.queue.close());
        Ok(())
    }

    fn is_over(&self, batch: BatchId, workflow: WorkflowId) -> Result<bool, Failure> {
        let workflow = self.runtime.block_on(self.queue.workflow(workflow))?;
        let batch = self.runtime.block_on(self.queue.batch(batch))?;
        let all_made = batch.callbacks.iter().filter(|callback| callback.id.is_some()).count() == 2;
        Ok(workflow.state.is_terminal() && batch.state.is_terminal() && all_made)
    }

    fn hire(&mut self) -> Result<Child, Failure> {
        self.started += 1;
        let is_doomed = self.started <= ENDS_IN_CALLBACK;
        let crash_at = is_doomed.then_some(CrashAt { point: "callback", visit: 1 });
        let name = format!("worker-{}", self.started);
        let seed = self.rng.u64(..);
        self.workplace.start("worker", &name, words(&["--seed", &seed.to_string()]), crash_at)
    }
}

/// Stores the graph, chains of diamonds from one node on: two come after it, one comes after both, and so on.
async fn submit(queue: &Queue, nodes: usize) -> Result<(BatchId, WorkflowId), Failure> {
    let callback = |name: &str| NewJob::new("callback", format!("\"{name}\""));
    let batch = NewBatch::new("every node")
        .on_success(callback("success"))
        .on_complete(callback("complete"))
        .on_first_failure(callback("failure"));
    let batch = queue.open_batch(batch).await?.id();
    let job = || NewJob::new("ok", "0").max_crashes(MAX_CRASHES).batch(batch);
    let mut flow = Flow::new("diamonds");
    let first = flow.add_new("n0", job(), [] as [Node; 0]);
    let mut chains: Vec<(Node, Vec<Node>)> = vec![(first, Vec::new()); CHAINS];
    while flow.len() < nodes {
        let name = format!("n{}", flow.len());
        let (top, sides) = &mut chains[flow.len() % CHAINS];
        if sides.len() < 2 {
            sides.push(flow.add_new(name, job(), [*top]));
        } else {
            *top = flow.add_new(name, job(), sides.drain(..));
        }
    }
    let started = queue.start(flow).await?;
    queue.commit_batch(batch).await?;
    Ok((batch, started.id()))
}

/// Every node has to have run after its parents and completed, and two callbacks have to be there.
async fn compare(
    queue: &Queue,
    journals: &Path,
    (batch, workflow): (BatchId, WorkflowId),
    nodes: usize,
) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let record = queue.workflow(workflow).await?;
    if record.state != BundleState::Completed || record.total() != nodes as u64 {
        found.push(format!("the workflow is {}: {:?}", record.state, record.counts));
    }
    let record = queue.batch(batch).await?;
    if record.state != BundleState::Completed {
        found.push(format!("the batch is {}: {:?}", record.state, record.counts));
    }
    let jobs = all(queue, JobFilter::new().workflow(workflow)).await?;
    let mut first_runs: HashMap<JobId, Timestamp> = HashMap::new();
    for line in read_all(journals)? {
        if let Entry::Run { job, at, .. } = line.entry {
            let first = first_runs.entry(job).or_insert(at);
            *first = at.min(*first);
        }
    }
    for job in &jobs {
        let began = first_runs.get(&job.id);
        for parent in job.depends_on.iter().map(|parent| parent.id) {
            if began.is_none() || first_runs.get(&parent) > began {
                found.push(format!("job {} did not wait for job {parent}", job.id));
            }
        }
    }
    let callbacks = all(queue, JobFilter::new().kind("callback")).await?;
    if callbacks.len() != 2 {
        found.push(format!("there are {} callbacks instead of 2", callbacks.len()));
    }
    say(&format!("{} nodes and {} callbacks", jobs.len(), callbacks.len()));
    Ok(found)
}

async fn all(queue: &Queue, filter: JobFilter) -> Result<Vec<JobRecord>, Failure> {
    let mut jobs = Vec::new();
    let mut page = filter.clone().oldest_first().limit(500);
    loop {
        let found = queue.list(page).await?;
        jobs.extend(found.jobs);
        let Some(cursor) = found.next_cursor else { return Ok(jobs) };
        page = filter.clone().oldest_first().limit(500).after(cursor);
    }
}
