//! The server cannot be reached, says nothing, or only reads: calls wait a bounded time, and end with
//! an error that says where the trouble is.

use std::time::{Duration, Instant};

use windlass::{Error, NewJob, Queue, State};
use windlass_testkit::{Backend, Faulty, Proxy, Script, every_server};

every_server!(
    a_short_outage_is_not_noticed,
    a_cut_connection_is_not_noticed,
    a_refused_commit_is_no_success,
);

/// Longest time a call may take with a server that cannot be reached: the 10 s it is given, twice if
/// the call had to wait behind another one.
const UNREACHABLE_MAX: Duration = Duration::from_secs(21);

/// Longest time a call may take with a server that accepts connections and says nothing: twice 5 s until
/// the first connection is given up, 5 s for each other one, and no new one after 10 s.
const SILENT_MAX: Duration = Duration::from_secs(25);

async fn a_short_outage_is_not_noticed(t: &Faulty) {
    let first = t.job("mail").await;
    t.proxy.refuse(true);
    let outage = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        t.proxy.refuse(false);
    };

    let (job, batch, cancelled, read, ()) = tokio::join!(
        t.queue.enqueue_new(NewJob::new("mail", "1")),
        t.queue.enqueue_batch(vec![NewJob::new("mail", "1"); 10], true),
        t.queue.cancel(first, None),
        t.queue.get(first),
        outage,
    );

    job.expect("stored");
    assert_eq!(batch.expect("stored").len(), 10);
    assert_eq!(cancelled.expect("cancelled").state, State::Cancelled);
    read.expect("read");
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!((stats.jobs(State::Pending), stats.jobs(State::Cancelled)), (11, 1));
}

async fn a_cut_connection_is_not_noticed(t: &Faulty) {
    let script = Script::completing();
    let worker = t.start(&script).await;
    let mut jobs = Vec::new();
    for _ in 0..10 {
        t.proxy.cut();
        jobs.push(t.job("mail").await);
        t.proxy.cut();
        t.get(jobs[0]).await;
    }

    for id in &jobs {
        assert_eq!(t.reaches(*id, State::Completed).await.crashes, 0);
    }
    assert_eq!(script.ran().len(), 10);
    worker.stop().await;
}

/// An error of a server that is away, in time.
fn assert_away(result: Result<(), Error>, proxy: &Proxy, took: Duration, most: Duration) {
    let error = result.expect_err("no server");
    assert!(matches!(error, Error::Unavailable { .. }) && error.is_transient(), "{error:?}");
    let address = proxy.address().to_string();
    assert!(error.to_string().contains(&address), "`{error}` does not name {address}");
    assert!(took < most, "took {took:?}: {error}");
}

/// Servers that refuse, that are silent and that only read, all at the same time, because each takes
/// its time.
#[tokio::test]
async fn a_long_outage_ends_in_an_error_that_names_the_server() {
    tokio::join!(away(Backend::Postgres), away(Backend::Mysql));
}

async fn away(backend: Backend) {
    let Some(t) = Faulty::before(backend).await else { return };
    tokio::join!(refused(&t), silent(backend), read_only(&t));
    t.check().await;
}

async fn refused(t: &Faulty) {
    let first = t.job("mail").await;
    t.proxy.refuse(true);
    let url = t.proxy.url(&t.url);
    let start = Instant::now();

    let (enqueued, deleted, opened) = tokio::join!(
        t.queue.enqueue_new(NewJob::new("mail", "1")),
        t.queue.delete(first, false),
        Queue::open(&url),
    );

    let took = start.elapsed();
    assert_away(enqueued.map(drop), &t.proxy, took, UNREACHABLE_MAX);
    assert_away(deleted, &t.proxy, took, UNREACHABLE_MAX);
    assert_away(opened.map(drop), &t.proxy, took, UNREACHABLE_MAX);
    t.proxy.refuse(false);
    assert_eq!(t.get(first).await.state, State::Pending);
    t.job("mail").await;
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.jobs(State::Pending), 2);
}

async fn silent(backend: Backend) {
    let Some(t) = Faulty::before(backend).await else { return };
    let first = t.job("mail").await;
    t.proxy.silence(true);
    let start = Instant::now();

    let (enqueued, cancelled) =
        tokio::join!(t.queue.enqueue_new(NewJob::new("mail", "1")), t.queue.cancel(first, None),);

    let took = start.elapsed();
    assert_away(enqueued.map(drop), &t.proxy, took, SILENT_MAX);
    assert_away(cancelled.map(drop), &t.proxy, took, SILENT_MAX);
    t.proxy.cut();
    t.proxy.silence(false);
    assert_eq!(t.get(first).await.state, State::Pending);
    t.job("mail").await;
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.jobs(State::Pending), 2);
    t.check().await;
}

async fn read_only(t: &Faulty) {
    let mut admin = t.admin().await;
    let url = admin.database_that_can_be_frozen(&t.url).await;
    let proxy = Proxy::before(&url);
    let queue = Queue::open(&proxy.url(&url)).await.expect("a server");
    let job = queue.enqueue_new(NewJob::new("mail", "1")).await.expect("stored").id();
    admin.freeze(&url, true).await;
    proxy.cut();
    let start = Instant::now();

    let (enqueued, cancelled) =
        tokio::join!(queue.enqueue_new(NewJob::new("mail", "2")), queue.cancel(job, None));

    let took = start.elapsed();
    admin.freeze(&url, false).await;
    assert_away(enqueued.map(drop), &proxy, took, UNREACHABLE_MAX);
    assert_away(cancelled.map(drop), &proxy, took, UNREACHABLE_MAX);
    // No spin: a new connection after growing waits, in each of two lanes.
    assert!(proxy.connections() < 80, "{} connections", proxy.connections());
    proxy.cut();
    assert_eq!(queue.cancel(job, None).await.expect("cancelled").state, State::Cancelled);
    let stats = queue.stats().await.expect("stats");
    assert_eq!((stats.jobs(State::Pending), stats.jobs(State::Cancelled)), (0, 1));
    queue.close().await;
}

/// The server takes every statement and then refuses to commit, for want of space.
async fn a_refused_commit_is_no_success(t: &Faulty) {
    let before = t.job("mail").await;
    t.admin().await.refuse_counts(&t.url).await;

    let enqueued = t.queue.enqueue_new(NewJob::new("mail", "1")).await;
    let cancelled = t.queue.cancel(before, None).await;

    for error in [enqueued.expect_err("refused"), cancelled.expect_err("refused")] {
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().contains("no space left"), "{error}");
    }
    t.admin().await.accept_counts(&t.url).await;
    assert_eq!(t.get(before).await.state, State::Pending);
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!(stats.jobs(State::Pending), 1);
}
