//! Sessions end at random while jobs are made and run.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use windlass::{JobId, NewJob, State};
use windlass_testkit::{Faulty, Script, every_server};

every_server!(sessions_that_are_killed_cost_nothing);

/// How long sessions are killed, and how often.
const STORM: Duration = Duration::from_secs(3);
const KILL_EVERY: Duration = Duration::from_millis(40);

const PRODUCERS: usize = 3;

async fn sessions_that_are_killed_cost_nothing(t: &Faulty) {
    let script = Script::completing();
    let worker = t.start(&script).await;
    let end = Instant::now() + STORM;
    let mut producers = tokio::task::JoinSet::new();
    for producer in 0..PRODUCERS {
        let queue = t.queue.clone();
        producers.spawn(async move {
            let mut stored: Vec<JobId> = Vec::new();
            while Instant::now() < end {
                let key = format!("{producer}-{}", stored.len());
                let job = NewJob::new("mail", "1").idempotency_key(key);
                stored.push(queue.enqueue_new(job).await.expect("stored").id());
            }
            stored
        });
    }
    let mut admin = t.admin().await;
    let mut killed = 0;
    while Instant::now() < end {
        if let Some(port) = some_port(&t.proxy.ports(), killed) {
            admin.kill(port).await;
            killed += 1;
        }
        tokio::time::sleep(KILL_EVERY).await;
    }

    let stored: Vec<JobId> = producers.join_all().await.into_iter().flatten().collect();
    let drained = async || {
        let stats = t.queue.stats().await.expect("stats");
        (stats.jobs(State::Completed) == stored.len() as u64).then_some(stats)
    };
    let stats = t.until("all are done", drained).await;

    assert!(killed > 20, "only {killed} sessions killed");
    assert_eq!(stats.sum(|kind| kind.completions), stored.len() as u64);
    let mut runs: HashMap<JobId, usize> = HashMap::new();
    for id in script.order() {
        *runs.entry(id).or_default() += 1;
    }
    // A claim whose answer was lost is repeated or given back; nothing ran twice.
    let twice: Vec<_> = runs.iter().filter(|(_, n)| **n != 1).collect();
    assert!(twice.is_empty() && runs.len() == stored.len(), "{twice:?} of {}", stored.len());
    worker.stop().await;
}

/// Any one of them, another one each time.
fn some_port(ports: &[u16], n: usize) -> Option<u16> {
    ports.get((n * 7919) % ports.len().max(1)).copied()
}
