//! What a node asks of its server while there is nothing to do.
//!
//! It counts over real time, which a busy machine distorts: `cargo xtask ci --full` runs it, alone.

use std::time::Duration;

use windlass_testkit::{Backend, Faulty, Script};

/// Requests per second of an idle node with one worker, at most. Behind a pooler a statement with
/// parameters takes two, and a transaction around it.
const IDLE_MAX: [(Backend, f64); 3] =
    [(Backend::Postgres, 3.0), (Backend::Mysql, 3.0), (Backend::PgBouncer, 4.0)];

/// How long a node is watched: a few rounds of what happens every 5 s, and some of every 10 s.
const WATCHED: Duration = Duration::from_secs(20);

/// The servers at the same time, because each takes its time.
#[tokio::test]
#[ignore = "watches real time for 25 s: cargo xtask ci --full"]
async fn an_idle_node_asks_little() {
    let [postgres, mysql, pgbouncer] = IDLE_MAX;
    tokio::join!(idle(postgres), idle(mysql), idle(pgbouncer));
}

async fn idle((backend, most): (Backend, f64)) {
    let Some(t) = Faulty::before(backend).await else { return };
    let worker = t.start(&Script::completing()).await;
    let id = t.job("mail").await;
    t.reaches(id, windlass::State::Completed).await;
    // The first rounds of everything, and the statements that are prepared for them.
    tokio::time::sleep(WATCHED / 4).await;
    let before = t.proxy.requests();

    tokio::time::sleep(WATCHED).await;

    let count = t.proxy.requests() - before;
    let per_second = count as f64 / WATCHED.as_secs_f64();
    assert!(per_second <= most, "{backend:?}: {per_second} requests a second");
    worker.stop().await;
    t.check().await;
}
