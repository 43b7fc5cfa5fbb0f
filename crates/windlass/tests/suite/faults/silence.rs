//! One connection falls silent, as when a router forgets it: nothing ends it, and nothing comes back.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use windlass::{Event, NewJob, State};
use windlass_testkit::{Act, Faulty, Script, Trap, every_server};

every_server!(
    an_enqueue_goes_on_with_another_connection,
    an_outcome_goes_on_with_another_connection,
);

const MARKER: &str = "marked-by-the-test";

/// Longest time a small transaction waits for its connection, and some for what comes after: far below
/// the 30 s of a large one.
const SOON: Duration = Duration::from_secs(14);

/// Short enough that a heartbeat which waited for another's silence would come too late.
const LEASE: Duration = Duration::from_secs(6);

async fn an_enqueue_goes_on_with_another_connection(t: &Faulty) {
    t.job("other").await;
    t.proxy.set(Trap::Silence, MARKER);
    let start = Instant::now();

    let job = NewJob::new("mail", format!("\"{MARKER}\""));
    let id = t.queue.enqueue_new(job).await.expect("stored").id();

    let took = start.elapsed();
    t.proxy.sprung(1).await;
    assert!(took < SOON, "{took:?}");
    assert_eq!(t.get(id).await.state, State::Pending);
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.jobs(State::Pending), 2);
}

/// The worker holds its lease all the time: the heartbeat has a connection of its own.
async fn an_outcome_goes_on_with_another_connection(t: &Faulty) {
    let script = Script::new([Act::Complete("\"marked-by-the-test\""), Act::WaitForStop]);
    let (settled, seen) = watch::channel(None);
    let worker = t.worker(&script).lease(LEASE).on_event(move |event| {
        if let Event::Settled { info, .. } = event {
            settled.send_replace(Some(info.id));
        }
    });
    let worker = worker.start().await.expect("a worker");
    t.proxy.set(Trap::Silence, MARKER);
    let first = t.job("mail").await;
    t.proxy.sprung(1).await;
    let start = Instant::now();
    let second = t.job("mail").await;
    script.started(2).await;

    t.until("the outcome is known", async || (*seen.borrow() == Some(first)).then_some(())).await;

    let took = start.elapsed();
    assert!(took < SOON, "{took:?}");
    let (done, running) = (t.get(first).await, t.get(second).await);
    assert_eq!((done.state, done.attempt, done.crashes), (State::Completed, 1, 0));
    assert_eq!((running.state, running.crashes), (State::Running, 0));
    assert_eq!(script.ran().len(), 2);
    t.queue.cancel_by_force(second, None).await.expect("cancelled");
    worker.stop().await;
}
