//! What a damaged or newer row may not do: stop everything behind it.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::NewJob;
use crate::core::settle;
use crate::job::Ending;
use crate::runtime::Clock;
use crate::store::{self, Claimed, Claims, NewWorker, Served, Settled, Store, WorkerKey};

/// A store on a file, with a registered worker that serves everything.
async fn store_in(folder: &tempfile::TempDir) -> (Arc<dyn Store>, WorkerKey) {
    let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
    let store = store::open(&url, Clock::system(), true).await.unwrap();
    let worker = NewWorker {
        name: "w".to_owned(),
        nonce: 7,
        slots: 1,
        lease: Duration::from_secs(30),
        ..NewWorker::default()
    };
    let id = store.register(worker).await.unwrap();
    (store, WorkerKey { id, nonce: 7, name: "w".into() })
}

async fn enqueue(store: &dyn Store) {
    let jobs = vec![NewJob::new("mail", "1"), NewJob::new("mail", "2")];
    store.enqueue(&"default".into(), jobs, true).await.unwrap();
}

async fn claim(store: &dyn Store, worker: &WorkerKey) -> Vec<Claimed> {
    let served = Served {
        namespace: None,
        queues: Vec::new(),
        except_queues: Vec::new(),
        kinds: Vec::new(),
        aging: None,
    };
    match store.claim(worker, &Arc::new(served), 10, 0).await.unwrap() {
        Claims::Jobs { jobs, .. } => jobs,
        Claims::WorkerExpired => panic!("the worker has just registered"),
    }
}

#[tokio::test]
async fn unreadable_options_do_not_stop_a_claim() {
    let folder = tempfile::TempDir::new().unwrap();
    let (store, worker) = store_in(&folder).await;
    enqueue(&*store).await;
    let other = Connection::open(folder.path().join("jobs.db")).unwrap();
    let damage = "update windlass_job set backoff = '{\"strategy\":\"of tomorrow\"}', tags = 'x'";
    assert_eq!(other.execute(damage, []).unwrap(), 2);

    assert_eq!(claim(&*store, &worker).await.len(), 2);
}

#[tokio::test]
async fn an_outcome_reported_twice_in_one_batch_takes_effect_once() {
    let folder = tempfile::TempDir::new().unwrap();
    let (store, worker) = store_in(&folder).await;
    enqueue(&*store).await;
    let claimed = claim(&*store, &worker).await;
    let now = store.clock().now();
    let settlement = settle(&claimed[0].run, Ending::Complete { result: None }, now, 0.0);

    let twice = vec![settlement.clone(), settlement];
    let statuses = store.settle(&worker, twice).await.unwrap();

    assert!(matches!(statuses[..], [Settled::Applied(_), Settled::AlreadyApplied(_)]));
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
}

/// Whoever closes a second descriptor of a file loses the process's locks on it, and the next process
/// to close the database takes itself for the last one and removes the write-ahead log.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_second_open_keeps_the_locks_of_the_first() {
    use std::os::unix::fs::MetadataExt;

    let folder = tempfile::TempDir::new().unwrap();
    let (_first, _) = store_in(&folder).await;
    let inode = std::fs::metadata(folder.path().join("jobs.db")).unwrap().ino();
    // The kernel hands the list out a page at a time, so a reading beside other tests can miss a line.
    let locked = || {
        (0..200).any(|_| {
            let locks = std::fs::read_to_string("/proc/locks").unwrap();
            locks.contains(&format!(":{inode} "))
        })
    };
    assert!(locked(), "the first handle should hold a lock");

    let (_second, _) = store_in(&folder).await;

    assert!(locked(), "the second handle cost the first its lock");
}

#[tokio::test]
async fn what_the_database_undoes_by_itself_costs_nobody_else() {
    let folder = tempfile::TempDir::new().unwrap();
    let (store, _) = store_in(&folder).await;
    enqueue(&*store).await;
    let other = Connection::open(folder.path().join("jobs.db")).unwrap();
    // As a full disk does in the middle of a transaction.
    let undo = "create trigger undo before insert on windlass_job when new.payload = x'30' \
                begin select raise(rollback, 'undone'); end";
    other.execute_batch(undo).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let store_one = async |payload: &'static str| {
        let job = NewJob::new("mail", payload);
        store.enqueue(&"default".into(), vec![job], true).await.map(drop).is_ok()
    };

    let (first, second, undone, third, fourth, ()) = tokio::join!(
        store_one("1"),
        store_one("2"),
        store_one("0"),
        store_one("3"),
        store_one("4"),
        async { other.execute_batch("commit").unwrap() },
    );

    assert_eq!([first, second, undone, third, fourth], [true, true, false, true, true]);
    let jobs: i64 =
        other.query_row("select count(*) from windlass_job", [], |row| row.get(0)).unwrap();
    assert_eq!(jobs, 2 + 4);
    let found = store.verify().await.unwrap();
    assert!(found.is_empty(), "{found:#?}");
}
