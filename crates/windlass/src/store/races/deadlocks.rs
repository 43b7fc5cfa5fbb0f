//! Four processes do everything at once to the same few jobs: the server never finds a deadlock.
//!
//! `WINDLASS_DEADLOCK_ROUNDS` sets how many rounds each process makes.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;
use crate::store::RetryOptions;

const NODES: usize = 4;

/// Rounds in a run of all tests; 1,000 take minutes.
const ROUNDS: usize = 25;

/// Jobs that are cancelled, retried and deleted by hand: few, so that everybody means the same ones.
const KNOWN_MAX: usize = 40;

/// Idempotency keys in use, so that they are shared.
const KEYS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_finds_no_deadlock() {
    no_deadlock(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_finds_no_deadlock() {
    no_deadlock(Backend::Mysql).await;
}

/// The jobs that everybody knows of.
type Known = Arc<Mutex<VecDeque<JobId>>>;

async fn no_deadlock(backend: Backend) {
    let Some(server) = backend.server_url() else { return };
    let mut admin = Admin::connect(backend, &server).await;
    // PostgreSQL counts deadlocks by database, the others for the whole server.
    let url = match backend {
        Backend::Mysql => backend.fresh_url().unwrap(),
        _ => admin.database_that_can_be_frozen(&server).await,
    };
    let before = Admin::connect(backend, &url).await.deadlocks().await;
    let rounds = std::env::var("WINDLASS_DEADLOCK_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let clock = Clock::manual(START);
    let known = Known::default();
    let first = Node::open(&url, &clock).await;
    let mut nodes = tokio::task::JoinSet::new();
    for seed in 0..NODES {
        let node = Node::open(&url, &clock).await;
        let rng = fastrand::Rng::with_seed(seed as u64);
        let (known, clock) = (Arc::clone(&known), clock.clone());
        let player = Player { node, clock, known, rng, held: Vec::new() };
        nodes.spawn(player.play(rounds));
    }
    let played: usize = nodes.join_all().await.into_iter().sum();

    let second = Node::open(&url, &clock).await;
    first.check(second).await;
    let found = counted(backend, &url).await - before;
    println!("{backend:?}: {found} deadlocks in {NODES} x {rounds} rounds, {played} jobs settled");
    assert_eq!(found, 0, "deadlocks");
    assert!(played > 0, "nothing was settled");
}

/// The server's counter, once the sessions that may have met one have reported it.
async fn counted(backend: Backend, url: &str) -> i64 {
    let mut admin = Admin::connect(backend, url).await;
    admin.until_alone(url).await;
    admin.deadlocks().await
}

/// One process.
struct Player {
    node: Node,
    clock: Clock,
    known: Known,
    rng: fastrand::Rng,
    held: Vec<Claimed>,
}

impl Player {
    async fn play(mut self, rounds: usize) -> usize {
        let mut settled = 0;
        for round in 0..rounds {
            self.enqueue().await;
            self.by_hand().await;
            settled += self.claim_and_settle(round).await;
            self.upkeep().await;
            self.clock.advance(Duration::from_millis(self.rng.u64(0..500)));
        }
        self.node.store.close().await;
        settled
    }

    /// Five jobs in three calls that share a commit: some with keys, in any order, some delayed.
    async fn enqueue(&mut self) {
        let rng = &mut self.rng;
        let mut keyed = || mail().idempotency_key(format!("k{}", rng.usize(0..KEYS)));
        let first = vec![keyed(), keyed()];
        let second = vec![keyed(), mail()];
        let third = vec![mail().delay(Duration::from_millis(rng.u64(1..1000)))];
        let (store, namespace) = (&self.node.store, &self.node.namespace);
        let (a, b, c) = tokio::join!(
            store.enqueue(namespace, first, false),
            store.enqueue(namespace, second, false),
            store.enqueue(namespace, third, false),
        );
        let stored = [a, b, c].into_iter().flat_map(|replies| replies.unwrap());
        let mut known = self.known.lock().unwrap();
        known.extend(stored.map(|stored| stored.unwrap().id));
        let old = known.len().saturating_sub(KNOWN_MAX);
        known.drain(..old);
    }

    /// Any of the jobs that everybody knows of.
    fn some_job(&mut self) -> JobId {
        let known = self.known.lock().unwrap();
        known[self.rng.usize(0..known.len())]
    }

    async fn by_hand(&mut self) {
        let [a, b, c, d, e] = std::array::from_fn(|_| self.some_job());
        let (store, namespace) = (&self.node.store, &self.node.namespace);
        let force = self.rng.bool();
        let (cancelled, forced, retried, again, deleted) = tokio::join!(
            store.cancel(namespace, a.into(), None, false),
            store.cancel(namespace, b.into(), None, force),
            store.retry(namespace, c.into(), RetryOptions::default()),
            store.retry(
                namespace,
                d.into(),
                RetryOptions { reset_attempts: true, ..Default::default() }
            ),
            store.delete(namespace, e.into(), force),
        );
        for result in [cancelled.err(), forced.err(), retried.err(), again.err(), deleted.err()] {
            match result {
                None | Some(Error::NotFound { .. } | Error::Conflict { .. }) => {}
                Some(error) => panic!("{error:?}"),
            }
        }
    }

    async fn claim_and_settle(&mut self, round: usize) -> usize {
        self.held.extend(self.node.claim(5).await);
        // Now and then a worker keeps what it has and falls silent, for the rescue.
        if self.rng.usize(0..20) == 0 {
            self.held.clear();
            self.node.worker = register(&*self.node.store).await;
            return 0;
        }
        let now = self.clock.now();
        let settlement = |(n, claimed): (usize, &Claimed)| match (n + round) % 3 {
            0 => complete(claimed, now),
            1 => fail(claimed, now),
            _ => settle(&claimed.run, Ending::Release, now, 0.0),
        };
        let items: Vec<Settlement> = self.held.iter().enumerate().map(settlement).collect();
        self.held.clear();
        let (some, others) = items.split_at(items.len() / 2);
        let (some, others, beat) = tokio::join!(
            self.node.settle(some.to_vec()),
            self.node.settle(others.to_vec()),
            self.node.store.heartbeat(&self.node.worker, Some(LEASE)),
        );
        if !beat.unwrap().alive {
            self.node.worker = register(&*self.node.store).await;
        }
        let applied = |status: &&Settled| matches!(status, Settled::Applied(_));
        some.iter().chain(&others).filter(applied).count()
    }

    async fn upkeep(&mut self) {
        let store = &self.node.store;
        let (promoted, rescued, expired, folded) =
            tokio::join!(store.promote(20), store.rescue(20), store.expire(20), store.fold(500));
        promoted.unwrap();
        rescued.unwrap();
        expired.unwrap();
        folded.unwrap();
    }
}
