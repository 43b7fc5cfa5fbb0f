//! Each example runs to its end; what it is about, it asserts itself.

use example_small::{
    cron, embedded_worker, outbox_mysql, outbox_postgres, outbox_sqlite, rate_limit, typed_results,
    workflow,
};
use windlass::testing::{TestQueue, TestWorker};
use windlass::{NewJob, State};
use windlass_testkit::Backend;

#[tokio::test]
async fn those_in_memory_run() {
    embedded_worker::run().await.unwrap();
    typed_results::run().await.unwrap();
    workflow::run().await.unwrap();
    cron::run().await.unwrap();
    rate_limit::run().await.unwrap();
}

#[tokio::test]
async fn a_transaction_of_sqlite_carries_a_job() {
    let folder = tempfile::tempdir().unwrap();
    outbox_sqlite::run(folder.path().join("members.db").to_str().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_transaction_of_postgres_carries_a_job() {
    let Some(url) = Backend::Postgres.fresh_url() else { return };
    outbox_postgres::run(&url).await.unwrap();
}

#[tokio::test]
async fn a_transaction_of_mysql_carries_a_job() {
    let Some(url) = Backend::Mysql.fresh_url() else { return };
    outbox_mysql::run(&url).await.unwrap();
}

/// How an application tests its handlers: in memory, job by job, with a clock of the test's own.
#[tokio::test]
async fn a_handler_is_tested_without_a_database_or_a_wait() {
    let test = TestQueue::open().await.unwrap();
    let worker = test.worker().handle_raw("charge", async |_, ctx| match ctx.info().attempt {
        1 => Err(windlass::JobError::from("the bank is away")),
        _ => windlass::Ok(b"paid".to_vec()),
    });
    let mut worker = TestWorker::new(worker).await.unwrap();

    test.enqueue_new(NewJob::new("charge", "{}")).await.unwrap();
    let first = worker.run_next().await.unwrap().unwrap();
    test.advance(std::time::Duration::from_secs(3600));
    let second = worker.run_next().await.unwrap().unwrap();

    assert_eq!((first.state, second.state), (State::Retrying, State::Completed));
}
