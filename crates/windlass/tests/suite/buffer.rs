//! Enqueue without waiting (A6): bounded, in order, drained at the end.

use std::time::Duration;

use windlass::{Error, NewJob, QueueSettings, State};
use windlass_testkit::{Harness, every_backend};

every_backend!(
    jobs_are_stored_in_their_order_and_drained_at_the_end,
    a_full_buffer_refuses_and_takes_again_when_there_is_room,
    what_breaks_a_rule_is_refused_at_once,
    what_the_queue_refuses_is_counted,
);

fn job(n: usize) -> NewJob {
    NewJob::new("mail", n.to_string())
}

async fn jobs_are_stored_in_their_order_and_drained_at_the_end(t: &Harness) {
    let buffer = t.queue.buffer(2000);
    for n in 0..1200 {
        buffer.push(job(n)).expect("room");
    }

    let drained = buffer.close().await;

    assert_eq!((drained.stored, drained.refused), (1200, 0));
    let first = t.queue.list(windlass::JobFilter::new().oldest_first().limit(500)).await;
    let payloads: Vec<String> = first
        .expect("a list")
        .jobs
        .iter()
        .map(|job| String::from_utf8_lossy(&job.payload).into_owned())
        .collect();
    let expected: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    assert_eq!(payloads, expected);
    assert_eq!(t.queue.stats().await.expect("counts").jobs(State::Pending), 1200);
}

async fn a_full_buffer_refuses_and_takes_again_when_there_is_room(t: &Harness) {
    let buffer = t.queue.buffer(3);
    // One thread: nothing is stored before the test waits for something.
    for n in 0..3 {
        buffer.push(job(n)).expect("room");
    }

    let refused = buffer.push(job(3)).expect_err("full");
    let held = buffer.len();
    t.until("there is room", async || buffer.is_empty().then_some(())).await;
    buffer.push(job(4)).expect("room again");
    let drained = buffer.close().await;

    assert!(matches!(refused, Error::Full { .. }), "{refused}");
    assert_eq!((held, drained.stored), (3, 4));
}

async fn what_breaks_a_rule_is_refused_at_once(t: &Harness) {
    let buffer = t.queue.buffer(1);

    let refused = buffer.push(NewJob::new("a b", "1")).expect_err("no name");

    let Error::Invalid(broken) = refused else { panic!("{refused}") };
    assert_eq!(broken[0].pointer, "/type");
    assert_eq!(buffer.close().await.stored, 0);
}

async fn what_the_queue_refuses_is_counted(t: &Harness) {
    let settings = QueueSettings { max_depth: Some(2), ..QueueSettings::default() };
    t.queue.create_queue("small", settings).await.expect("a queue");
    let buffer = t.queue.buffer(10);
    for n in 0..5 {
        buffer.push(job(n).queue("small")).expect("room");
    }

    let drained = tokio::time::timeout(Duration::from_secs(60), buffer.close()).await;

    let drained = drained.expect("it ends");
    assert_eq!((drained.stored, drained.refused), (2, 3));
}
