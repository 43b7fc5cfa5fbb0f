//! What goes into the verbs and comes out of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::catalog::Pair;
use super::origin::Origin;
use crate::core::{Run, State, fingerprint};
use crate::job::{Ending, JobId, JobRecord, NewJob, Pressure, Priority, Timestamp, WorkerState};

/// Why an enqueue is answered with an earlier job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It has the idempotency key.
    Idempotency,
    /// It holds the unique key.
    Unique,
}

impl Existing {
    /// The word for it in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idempotency => "idempotency",
            Self::Unique => "unique",
        }
    }
}

/// The answer to one enqueued job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: JobId,
    /// Why it is an earlier job.
    pub(crate) existing: Option<Existing>,
    /// How full its queue is then, where that has a limit.
    pub(crate) pressure: Option<Pressure>,
}

/// The same, with the job as it was stored if nobody has to look.
pub(crate) type Known = (Stored, Option<Box<JobRecord>>);

/// A worker that registers.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewWorker {
    pub(crate) name: String,
    pub(crate) nonce: i64,
    /// None serves every namespace.
    pub(crate) namespace: Option<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) kinds: Vec<String>,
    pub(crate) slots: usize,
    pub(crate) lease: Duration,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) version: Option<String>,
    pub(crate) origin: WorkerOrigin,
}

/// Where a worker is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum WorkerOrigin {
    /// In a process that opened the database.
    #[default]
    Library,
    /// Somewhere else, registered over HTTP.
    Remote,
    /// A claim without registration: it lives as long as its leases.
    Passing,
}

impl WorkerOrigin {
    /// What is stored as `code`.
    pub(crate) const fn from_code(code: i64) -> Self {
        match code {
            1 => Self::Remote,
            2 => Self::Passing,
            _ => Self::Library,
        }
    }

    /// As it is stored.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Library => 0,
            Self::Remote => 1,
            Self::Passing => 2,
        }
    }
}

/// A registered worker: half of every fence.
#[derive(Debug, Clone)]
pub(crate) struct WorkerKey {
    pub(crate) id: i64,
    pub(crate) nonce: i64,
    pub(crate) name: Arc<str>,
}

/// What a worker takes: empty lists mean everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Served {
    pub(crate) namespace: Option<String>,
    pub(crate) queues: Vec<String>,
    /// Left out of "everything".
    pub(crate) except_queues: Vec<String>,
    pub(crate) kinds: Vec<String>,
    /// How much longer a job waits for each step of priority; none means strict priorities.
    pub(crate) aging: Option<Duration>,
}

impl Served {
    pub(crate) fn serves(&self, pair: &Pair) -> bool {
        let among = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|wanted| wanted == name)
        };
        self.namespace.as_deref().is_none_or(|namespace| namespace == &*pair.namespace)
            && among(&self.queues, &pair.queue)
            && !self.except_queues.iter().any(|queue| **queue == *pair.queue)
            && among(&self.kinds, &pair.kind)
    }

    /// The place of a pair's queue in the order given.
    pub(crate) fn queue_order(&self, pair: &Pair) -> usize {
        self.queues.iter().position(|queue| **queue == *pair.queue).unwrap_or(0)
    }
}

/// Someone who is to be given jobs.
#[derive(Debug, Clone)]
pub(crate) struct Taker {
    pub(crate) by: TakenBy,
    /// Jobs, at most.
    pub(crate) limit: usize,
}

/// Under which identity jobs are taken.
#[derive(Debug, Clone)]
pub(crate) enum TakenBy {
    Registered(WorkerKey),
    /// One that is made for these jobs.
    Passing(NewWorker),
}

/// The end of an attempt as a worker in another language reports it.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) job: JobId,
    pub(crate) epoch: i64,
    pub(crate) ending: Ending,
    /// The random part of a wait, in [0, 1).
    pub(crate) unit: f64,
    /// Stored if the job completes.
    pub(crate) follow_ups: Vec<NewJob>,
}

/// Workers on a page: the latest so many before an id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerPage {
    pub(crate) before: i64,
    pub(crate) limit: usize,
}

/// A worker as the server remembers it.
#[derive(Debug, Clone)]
pub(crate) struct KnownWorker {
    pub(crate) key: WorkerKey,
    pub(crate) namespace: Option<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) kinds: Vec<String>,
    pub(crate) lease: Duration,
    pub(crate) expires_at: Timestamp,
    pub(crate) origin: WorkerOrigin,
}

/// The answer to a claim.
#[derive(Debug)]
pub(crate) enum Claims {
    /// Jobs under lease, most urgent first. `more`: there may be more where they came from.
    /// When a rate lets the next one pass, if one held jobs back.
    Jobs { jobs: Vec<Claimed>, more: bool, next_at: Option<Timestamp> },
    /// The worker missed its heartbeats and has to register anew.
    WorkerExpired,
}

/// A job under lease.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) run: Run,
    pub(crate) kind: Arc<str>,
    pub(crate) queue: Arc<str>,
    pub(crate) namespace: Arc<str>,
    pub(crate) priority: Priority,
    pub(crate) timeout: Duration,
    pub(crate) created_at: Timestamp,
    pub(crate) correlation_id: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) origin: Origin,
    pub(crate) payload: Vec<u8>,
}

/// The answer to one settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    Applied(State),
    /// The same settlement took effect before.
    AlreadyApplied(State),
    /// The lease belongs to someone else by now; nothing changed.
    Lost,
}

/// The answer to a heartbeat.
#[derive(Debug)]
pub(crate) struct Beat {
    /// False when the worker had already expired.
    pub(crate) alive: bool,
    /// What it is asked to do.
    pub(crate) asked: WorkerState,
    /// The worker's leases as the database knows them.
    pub(crate) leases: Vec<HeldBy>,
}

/// A lease of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldBy {
    pub(crate) job: JobId,
    pub(crate) epoch: i64,
    /// The job is to be stopped.
    pub(crate) cancelling: bool,
    pub(crate) claimed_at: Timestamp,
}

/// Progress of one running job.
#[derive(Debug, Clone)]
pub(crate) struct ProgressNote {
    pub(crate) job: JobId,
    pub(crate) epoch: i64,
    /// Thousandths of a percent.
    pub(crate) thousandths: i64,
    pub(crate) message: Option<String>,
}

/// The answer to a round of resolving dependencies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolved {
    /// Whether any job waited for another.
    pub(crate) any: bool,
    /// Where the look at everything goes on, if there is more.
    pub(crate) next: Option<i64>,
}

/// How far a look at every slot and line has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// The last slot; none once all were looked at.
    pub(crate) slots: Option<(String, i64)>,
    /// The last line; none once all were looked at.
    pub(crate) lines: Option<String>,
}

impl Sweep {
    /// From the beginning.
    pub(crate) fn all() -> Self {
        Self { slots: Some((String::new(), i64::MIN)), lines: Some(String::new()) }
    }
}

/// The answer to a round of admission.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// Whether any job waited in a line or held a slot.
    pub(crate) any: bool,
    /// There are more jobs that nobody has looked at.
    pub(crate) more: bool,
    /// Lines that have room for more.
    pub(crate) lines: Vec<String>,
    /// Where the look at everything goes on, if there is more.
    pub(crate) sweep: Option<Sweep>,
    /// When a rate lets the next job pass.
    pub(crate) wake_at: Option<Timestamp>,
}

/// The answer to a round of promotion.
#[derive(Debug)]
pub(crate) struct Promoted {
    pub(crate) count: usize,
    /// When the next delayed job is due.
    pub(crate) next: Option<Timestamp>,
}

/// How to retry a job by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryOptions {
    /// Start counting attempts anew; otherwise one more attempt is granted.
    pub reset_attempts: bool,
    /// Run no earlier than this from now.
    pub delay: Duration,
    /// Change the priority.
    pub priority: Option<Priority>,
}

/// A page of jobs as it was read.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) jobs: Vec<JobRecord>,
    /// The last job it came to, where it stopped early because it had looked at so many.
    pub(crate) stopped_at: Option<JobId>,
}

/// A page of the ids of jobs as it was read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) jobs: Vec<JobId>,
    /// Where the next page begins, if there may be more.
    pub(crate) next: Option<JobId>,
}

/// A dead letter, as far as groups of them need it.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) job: JobId,
    pub(crate) queue: String,
    pub(crate) kind: String,
    pub(crate) class: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) at: Timestamp,
}

impl DeadLetter {
    pub(crate) fn fingerprint(&self) -> String {
        let class = self.class.as_deref().unwrap_or_default();
        fingerprint(&self.kind, class, self.message.as_deref().unwrap_or_default())
    }
}

/// The latest dead letters; `complete` when these are all.
#[derive(Debug)]
pub(crate) struct Dead {
    pub(crate) letters: Vec<DeadLetter>,
    pub(crate) complete: bool,
}

/// A page of names; `only` asks for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueuePage {
    pub(crate) only: Option<String>,
    pub(crate) after: String,
    pub(crate) limit: usize,
}

/// What has to hold of a queue before its settings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It is not there.
    New,
    /// It is there.
    Any,
    /// It is there and has this version.
    Version(i64),
}

/// A batch of a purge: jobs in these states, the first so many after a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct PurgeBatch {
    pub(crate) states: Vec<State>,
    pub(crate) after: Option<JobId>,
    pub(crate) limit: usize,
}

/// The answer to a batch of a purge; `next` is where to go on, if there is more.
#[derive(Debug)]
pub(crate) struct Purged {
    pub(crate) deleted: usize,
    pub(crate) next: Option<JobId>,
}

/// The answer to a batch of pruning; `next` is where to go on, if there is more.
#[derive(Debug)]
pub(crate) struct Pruned {
    pub(crate) deleted: usize,
    pub(crate) next: Option<i64>,
}

/// One maintained count.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) queue: String,
    pub(crate) kind: String,
    pub(crate) measure: i64,
    pub(crate) n: i64,
}

/// The maintained counts of a namespace and its live workers.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) tallies: Vec<Tally>,
    pub(crate) storage_bytes: i64,
    pub(crate) workers: Vec<ServingWorker>,
}

/// A live worker.
#[derive(Debug)]
pub(crate) struct ServingWorker {
    pub(crate) namespace_id: Option<i64>,
    pub(crate) name: String,
    pub(crate) queues: Vec<String>,
    pub(crate) kinds: Vec<String>,
    pub(crate) slots: i64,
}
