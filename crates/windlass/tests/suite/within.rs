//! Jobs inside transactions of the application: there when it commits, gone when it does not.
//!
//! The same promises for every driver an application may use; `adapter!` lists them once.

use windlass::{Ctx, Error, NewJob, State};
use windlass_testkit::Harness;

#[derive(Debug, serde::Serialize, serde::Deserialize, windlass::Job)]
#[job(output = i64)]
struct Charge {
    order: i64,
}

fn charge(order: i64) -> NewJob {
    NewJob::of(&Charge { order }).expect("a job")
}

/// Checks that none of these jobs exists.
async fn are_gone(t: &Harness, ids: &[windlass::JobId]) {
    for id in ids {
        assert!(matches!(t.queue.get(*id).await, Err(Error::NotFound { .. })), "job {id} exists");
    }
}

/// What a handler does after it has completed its job inside its transaction.
#[derive(Clone, Copy)]
enum After {
    CommitAndFail,
    RollBack,
}

/// `$begin` is evaluated for every transaction, with the connection at hand as `$connection`.
macro_rules! adapter {
    ($name:ident: $harness:expr, $connect:expr, |$connection:ident| $begin:expr, |$tx:ident, $text:ident| $execute:expr) => {
        mod $name {
            use super::*;

            #[tokio::test]
            async fn a_job_of_a_rolled_back_transaction_never_was() {
                let Some(t) = $harness.await else { return };
                let mut $connection = $connect(t.app_url()).await;
                let mut $tx = $begin;

                let first = t.queue.enqueue_new_within(charge(1), &mut $tx).await.expect("a job");
                let more = vec![charge(2), charge(3)];
                let more = t.queue.enqueue_batch_within(more, &mut $tx).await.expect("jobs");
                $tx.rollback().await.expect("a rollback");

                are_gone(&t, &[first.id(), more[0].id(), more[1].id()]).await;
                t.check().await;
            }

            #[tokio::test]
            async fn a_job_of_a_committed_transaction_runs() {
                let Some(t) = $harness.await else { return };
                let mut $connection = $connect(t.app_url()).await;
                let worker = t
                    .queue
                    .worker()
                    .handle(async |job: Charge, _: Ctx<()>| windlass::Ok(job.order));
                let worker = worker.start().await.expect("a worker");
                let mut $tx = $begin;

                let job =
                    t.queue.enqueue(Charge { order: 7 }).within(&mut $tx).await.expect("a job");
                $tx.commit().await.expect("a commit");

                t.reaches(job.id(), State::Completed).await;
                assert_eq!(job.output().await.expect("an output"), 7);
                worker.stop().await;
                t.check().await;
            }

            #[tokio::test]
            async fn a_duplicate_and_a_refusal_leave_the_transaction_usable() {
                let Some(t) = $harness.await else { return };
                let mut $connection = $connect(t.app_url()).await;
                let keyed = |order, key: &str| charge(order).idempotency_key(key);
                let first = t.enqueue(keyed(1, "one")).await;
                let mut $tx = $begin;

                let again =
                    t.queue.enqueue_new_within(keyed(1, "one"), &mut $tx).await.expect("the job");
                let batch = vec![keyed(5, "two"), keyed(2, "one")];
                let refusal =
                    t.queue.enqueue_batch_within(batch, &mut $tx).await.expect_err("refused");
                let last =
                    t.queue.enqueue_new_within(keyed(6, "two"), &mut $tx).await.expect("a job");
                $tx.commit().await.expect("a commit");

                assert_eq!((again.id(), again.is_new()), (first, false));
                assert!(refusal.to_string().contains("idempotency key `one`"), "{refusal}");
                assert_eq!(t.get(last.id()).await.idempotency_key.as_deref(), Some("two"));
                t.check().await;
            }

            #[tokio::test]
            async fn the_job_and_the_application_s_rows_share_their_fate() {
                let Some(t) = $harness.await else { return };
                let mut $connection = $connect(t.app_url()).await;
                let table = format!("app_{:x}", fastrand::u64(..));
                let create = format!("create table {table} (n integer)");
                let insert = format!("insert into {table} values (1)");
                {
                    let mut $tx = $begin;
                    let $text = create.as_str();
                    $execute;
                    $tx.commit().await.expect("a commit");
                }

                let mut $tx = $begin;
                let $text = insert.as_str();
                $execute;
                let job = t.queue.enqueue_new_within(charge(1), &mut $tx).await.expect("a job");
                let $text = insert.as_str();
                $execute;
                $tx.commit().await.expect("a commit");

                assert_eq!(t.get(job.id()).await.state, State::Pending);
                t.check().await;
            }

            async fn charges(t: &Harness, after: After) -> windlass::JobRecord {
                let handler = async |job: Charge, ctx: Ctx<(String, After)>| {
                    let (url, after) = ctx.state();
                    let mut $connection = $connect(url).await;
                    let mut $tx = $begin;
                    ctx.complete_within(&job.order, &mut $tx).await?;
                    match after {
                        After::CommitAndFail => {
                            $tx.commit().await?;
                            Err(windlass::JobError::from("too late to fail"))
                        }
                        After::RollBack => {
                            $tx.rollback().await?;
                            windlass::Ok(job.order + 1)
                        }
                    }
                };
                let worker = t.queue.worker().state((t.app_url().to_owned(), after));
                let worker = worker.handle(handler).start().await.expect("a worker");
                let job = t.enqueue(charge(41)).await;
                let record = t.reaches(job, State::Completed).await;
                worker.stop().await;
                record
            }

            #[tokio::test]
            async fn a_job_completed_in_the_handler_s_transaction_stays_completed() {
                let Some(t) = $harness.await else { return };

                let job = charges(&t, After::CommitAndFail).await;

                assert_eq!(job.result.as_deref(), Some(&b"41"[..]));
                assert_eq!(t.queue.attempts(job.id).await.expect("attempts").len(), 1);
                t.check().await;
            }

            #[tokio::test]
            async fn a_completion_that_was_rolled_back_counts_for_nothing() {
                let Some(t) = $harness.await else { return };

                let job = charges(&t, After::RollBack).await;

                assert_eq!(job.result.as_deref(), Some(&b"42"[..]));
                t.check().await;
            }
        }
    };
}

async fn postgres(url: &str) -> sqlx::PgConnection {
    <sqlx::PgConnection as sqlx::Connection>::connect(url).await.expect("a connection")
}

async fn mysql(url: &str) -> sqlx::MySqlConnection {
    <sqlx::MySqlConnection as sqlx::Connection>::connect(url).await.expect("a connection")
}

async fn sqlite(url: &str) -> sqlx::SqliteConnection {
    <sqlx::SqliteConnection as sqlx::Connection>::connect(url).await.expect("a connection")
}

async fn tokio_postgres(url: &str) -> ::tokio_postgres::Client {
    let connected = ::tokio_postgres::connect(url, ::tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("a connection");
    tokio::spawn(connection);
    client
}

async fn batch_execute(tx: &mut ::tokio_postgres::Transaction<'_>, text: &str) {
    tx.batch_execute(text).await.expect("done");
}

async fn mysql_async(url: &str) -> ::mysql_async::Conn {
    ::mysql_async::Conn::from_url(url).await.expect("a connection")
}

async fn file() -> Option<Harness> {
    Some(Harness::sqlite_file().await)
}

adapter!(sqlx_postgres: Harness::postgres(), postgres,
    |connection| sqlx::Connection::begin(&mut connection).await.expect("a transaction"),
    |tx, text| sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut *tx).await.expect("done"));
adapter!(sqlx_mysql: Harness::mysql(), mysql,
    |connection| sqlx::Connection::begin(&mut connection).await.expect("a transaction"),
    |tx, text| sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut *tx).await.expect("done"));
adapter!(sqlx_sqlite: file(), sqlite,
    |connection| sqlx::Connection::begin_with(&mut connection, "begin immediate").await.expect("a transaction"),
    |tx, text| sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut *tx).await.expect("done"));
adapter!(with_tokio_postgres: Harness::postgres(), tokio_postgres,
    |connection| connection.transaction().await.expect("a transaction"),
    |tx, text| batch_execute(&mut tx, text).await);
adapter!(with_mysql_async: Harness::mysql(), mysql_async,
    |connection| connection.start_transaction(::mysql_async::TxOpts::default()).await.expect("a transaction"),
    |tx, text| ::mysql_async::prelude::Queryable::query_drop(&mut tx, text).await.expect("done"));

#[tokio::test]
async fn rusqlite_commits_and_rolls_back_jobs_with_its_rows() {
    let t = Harness::sqlite_file().await;
    let keyed = |order| t.queue.enqueue(Charge { order }).idempotency_key("once");
    let mut connection =
        rusqlite::Connection::open(t.app_url().trim_start_matches("sqlite:")).expect("a file");
    let immediate = rusqlite::TransactionBehavior::Immediate;

    let tx = connection.transaction_with_behavior(immediate).expect("a transaction");
    let gone = t.queue.enqueue(Charge { order: 1 }).within_rusqlite(&tx).expect("a job");
    tx.rollback().expect("a rollback");
    let tx = connection.transaction_with_behavior(immediate).expect("a transaction");
    let first = keyed(2).within_rusqlite(&tx).expect("a job");
    let again = keyed(2).within_rusqlite(&tx).expect("the same job");
    let refused = keyed(3).within_rusqlite(&tx).expect_err("another payload");
    tx.commit().expect("a commit");

    are_gone(&t, &[gone.id()]).await;
    assert_eq!((again.id(), again.is_new()), (first.id(), false));
    assert!(refused.to_string().contains("another type or payload"), "{refused}");
    assert_eq!(t.get(first.id()).await.state, State::Pending);
    t.check().await;
}

#[tokio::test]
async fn a_transaction_of_another_database_is_refused() {
    let t = Harness::sqlite_file().await;
    let Some(other) = Harness::postgres().await else { return };
    let mut connection = postgres(other.app_url()).await;

    let error = t.queue.enqueue_new_within(charge(1), &mut connection).await.expect_err("refused");

    assert!(
        error.to_string().contains("is of PostgreSQL, but the queue lives in SQLite"),
        "{error}"
    );
}

#[tokio::test]
async fn rusqlite_completes_a_job_with_the_handler_s_rows() {
    let t = Harness::sqlite_file().await;
    let handler = async |job: Charge, ctx: Ctx<String>| {
        let mut connection = rusqlite::Connection::open(ctx.state())?;
        let immediate = rusqlite::TransactionBehavior::Immediate;
        let tx = connection.transaction_with_behavior(immediate)?;
        ctx.complete_within_rusqlite(&job.order, &tx)?;
        tx.commit()?;
        windlass::Ok(job.order + 1)
    };
    let path = t.app_url().trim_start_matches("sqlite:").to_owned();
    let worker = t.queue.worker().state(path).handle(handler);
    let worker = worker.start().await.expect("a worker");

    let id = t.enqueue(charge(41)).await;

    let job = t.reaches(id, State::Completed).await;
    assert_eq!(job.result.as_deref(), Some(&b"41"[..]));
    worker.stop().await;
    t.check().await;
}
