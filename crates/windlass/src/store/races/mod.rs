//! Two processes on one database server, at each other's throats: whatever they do to the same job,
//! one wins, the other is told so, and nobody waits for somebody who waits for them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a long run tells its figures")]

/// Runs each behaviour on both servers.
macro_rules! both_servers {
    ($($behaviour:ident),+ $(,)?) => {
        mod postgres {
            $(#[tokio::test] async fn $behaviour() {
                super::$behaviour(windlass_testkit::Backend::Postgres).await;
            })+
        }
        mod mysql {
            $(#[tokio::test] async fn $behaviour() {
                super::$behaviour(windlass_testkit::Backend::Mysql).await;
            })+
        }
    };
}

mod calls;
mod deadlocks;
mod interleavings;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use windlass_testkit::{Admin, Backend};

use super::{Claimed, Claims, NewWorker, Served, Settled, Store, WorkerKey};
use crate::core::{Settlement, settle};
use crate::job::{Ending, Failure, FailureClass, JobId, NewJob};
use crate::runtime::Clock;
use crate::{Error, State, Timestamp};

const START: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

/// Of every worker here.
const LEASE: Duration = Duration::from_secs(30);

/// One process with one worker.
struct Node {
    store: Arc<dyn Store>,
    worker: WorkerKey,
    namespace: Arc<str>,
}

impl Node {
    async fn open(url: &str, clock: &Clock) -> Self {
        let store = super::open(url, clock.clone(), true).await.unwrap();
        let worker = register(&*store).await;
        Self { store, worker, namespace: "default".into() }
    }

    async fn enqueue(&self, jobs: Vec<NewJob>) -> Vec<JobId> {
        let stored = self.store.enqueue(&self.namespace, jobs, true).await.unwrap();
        stored.into_iter().map(|stored| stored.unwrap().id).collect()
    }

    async fn claim(&self, limit: usize) -> Vec<Claimed> {
        let served = Served {
            namespace: None,
            queues: Vec::new(),
            except_queues: Vec::new(),
            kinds: Vec::new(),
            aging: None,
        };
        match self.store.claim(&self.worker, &Arc::new(served), limit, 0).await.unwrap() {
            Claims::Jobs { jobs, .. } => jobs,
            Claims::WorkerExpired => Vec::new(),
        }
    }

    async fn settle(&self, items: Vec<Settlement>) -> Vec<Settled> {
        self.store.settle(&self.worker, items).await.unwrap()
    }

    async fn cancel(&self, job: JobId, force: bool) -> Result<State, Error> {
        Ok(self.store.cancel(&self.namespace, job.into(), None, force).await?.state)
    }

    async fn state(&self, job: JobId) -> State {
        self.store.get(&self.namespace, vec![job]).await.unwrap().remove(0).state
    }

    async fn check(self, other: Self) {
        let found = self.store.verify().await.unwrap();
        assert!(found.is_empty(), "broken invariants: {found:#?}");
        self.store.close().await;
        other.store.close().await;
    }
}

async fn register(store: &dyn Store) -> WorkerKey {
    let worker = NewWorker {
        name: "w".to_owned(),
        nonce: 7,
        slots: 10,
        lease: LEASE,
        ..NewWorker::default()
    };
    let id = store.register(worker).await.unwrap();
    WorkerKey { id, nonce: 7, name: "w".into() }
}

fn mail() -> NewJob {
    NewJob::new("mail", "1")
}

fn complete(claimed: &Claimed, now: Timestamp) -> Settlement {
    settle(&claimed.run, Ending::Complete { result: None }, now, 0.0)
}

fn fail(claimed: &Claimed, now: Timestamp) -> Settlement {
    let failure = Failure::new(FailureClass::Retryable, "no");
    settle(&claimed.run, Ending::Fail(failure), now, 0.0)
}

/// Two nodes on fresh tables, the clock of both, and someone who holds them up.
struct Ring {
    url: String,
    clock: Clock,
    gate: Admin,
    /// Looks on while the gate is shut.
    eyes: Admin,
}

impl Ring {
    async fn open(backend: Backend) -> Option<(Self, Node, Node)> {
        let url = backend.fresh_url()?;
        let clock = Clock::manual(START);
        let (one, two) = (Node::open(&url, &clock).await, Node::open(&url, &clock).await);
        // Both know the queue and hold what the first call of a process needs.
        for node in [&one, &two] {
            let jobs = node.enqueue(vec![mail()]).await;
            node.store.delete(&node.namespace, jobs[0].into(), true).await.unwrap();
        }
        let gate = Admin::connect(backend, &url).await;
        let eyes = Admin::connect(backend, &url).await;
        Some((Self { url, clock, gate, eyes }, one, two))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Shuts the gate: whoever comes to the rows or keys that this statement takes has to wait, with
    /// everything it holds by then. `{t}` stands for what table names begin with.
    async fn shut(&mut self, sql: &str) {
        // MariaDB would lock what lies between the rows as well.
        self.gate.run("set transaction isolation level read committed").await;
        self.gate.run("begin").await;
        self.gate.run(&sql.replace("{t}", &Admin::tables(&self.url))).await;
    }

    /// Opens the gate again; what was taken is as it was.
    async fn lift(&mut self) {
        self.gate.run("rollback").await;
    }

    /// Waits until so many calls stand at the gate or behind one that does.
    async fn until_waiting(&mut self, count: i64) {
        self.eyes.until_waiting(&self.url, count).await;
    }
}
