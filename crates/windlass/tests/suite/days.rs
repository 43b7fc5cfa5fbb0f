//! Days on PostgreSQL: whole tables go when their jobs are kept no longer, and nothing that is kept does.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use windlass::{JobId, NewJob, Queue, RetryOptions, State};
use windlass_testkit::{Act, Admin, Backend, Harness, Script};

use crate::clients::{printed, psql};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The first day that has a table of jobs.
fn first_day(t: &Harness) -> usize {
    let first = "select min(substring(relname from 'job_day([0-9]+)$')::int)
        from pg_inherits join pg_class c on c.oid = inhrelid
        where inhparent = 'windlass.job'::regclass;";
    printed(&psql(t.url(), first)).parse().expect("a number")
}

/// Rows of a table, whatever it is called.
fn rows(t: &Harness, table: &str) -> usize {
    printed(&psql(t.url(), &format!("select count(*) from windlass.{table};"))).parse().expect("n")
}

/// Completes one job of each batch, with a key, and returns them.
async fn complete(t: &Harness, count: usize) -> Vec<JobId> {
    let script = Script::completing();
    let worker = t.start(&script).await;
    let job = |n: usize| NewJob::new("mail", "1").idempotency_key(format!("{n}-{}", t.clock.now()));
    let stored = t.queue.enqueue_batch((0..count).map(job).collect(), true).await.expect("stored");
    let ids: Vec<JobId> = stored.iter().flatten().map(windlass::Enqueued::id).collect();
    t.reaches(*ids.last().expect("a job"), State::Completed).await;
    let all_done = async || {
        let done = t.queue.stats().await.expect("stats").jobs(State::Completed);
        (done >= u64::try_from(count).expect("a count")).then_some(())
    };
    t.until("all completed", all_done).await;
    worker.stop().await;
    ids
}

async fn present(queue: &Queue, ids: &[JobId]) -> usize {
    queue.get_many(ids.to_vec()).await.expect("a read").len()
}

#[tokio::test]
async fn a_day_goes_as_a_whole_and_what_is_kept_stays() {
    let Some(t) = Harness::postgres().await else { return };
    let done = complete(&t, 20).await;
    let script = Script::new([Act::Fail("no"), Act::FailForGood("never")]);
    let worker = t.worker(&script).concurrency(1).start().await.expect("a worker");
    let failed = t.job("mail").with(|job| job.idempotency_key("failed")).await;
    let failed = t.reaches(failed, State::Retrying).await.id;
    t.queue.retry(failed, RetryOptions::default()).await.expect("run now");
    t.reaches(failed, State::Failed).await;
    worker.stop().await;
    let delayed = t.job("mail").with(|job| job.delay(10 * DAY)).await;

    t.advance(3 * DAY);
    let day = first_day(&t);
    assert_eq!(t.queue.prune().await.expect("pruned"), 20);

    // The next day, on which nothing was stored, goes as well.
    assert_eq!(first_day(&t), day + 2);
    assert_eq!((present(&t.queue, &done).await, rows(&t, "idempotency")), (0, 1));
    assert_eq!(
        (rows(&t, "job_kept"), rows(&t, "outcome_kept"), rows(&t, "attempt_kept")),
        (2, 1, 2)
    );
    assert_eq!(t.queue.attempts(failed).await.expect("attempts").len(), 2);
    let again =
        t.job("mail").with(|job| job.idempotency_key("failed").max_attempts(5)).try_enqueue();
    assert_eq!(again.await.expect("the same job"), failed);
    t.check().await;

    t.advance(8 * DAY);
    let script = Script::completing();
    let worker = t.start(&script).await;
    t.reaches(delayed, State::Completed).await;
    t.queue.retry(failed, RetryOptions::default()).await.expect("retried");
    t.reaches(failed, State::Completed).await;
    worker.stop().await;
    let stats = t.queue.stats().await.expect("stats");
    assert_eq!((stats.sum(|kind| kind.prunes), stats.jobs(State::Completed)), (20, 2));
    t.check().await;
}

#[tokio::test]
async fn later_days_go_too_and_new_ones_are_made() {
    let Some(t) = Harness::postgres().await else { return };
    complete(&t, 5).await;
    let day = first_day(&t);
    for _ in 0..2 {
        t.advance(DAY);
        complete(&t, 5).await;
    }
    t.advance(DAY);
    let kept = t.job("mail").with(|job| job.delay(30 * DAY)).await;
    t.advance(4 * DAY);
    complete(&t, 1).await;

    t.queue.prune().await.expect("pruned");

    assert_eq!(first_day(&t), day + 3);
    assert_eq!(t.get(kept).await.state, State::Delayed);
    assert_eq!(t.queue.stats().await.expect("stats").jobs(State::Completed), 1);
    t.advance(DAY);
    complete(&t, 1).await;
    t.check().await;
}

#[tokio::test]
async fn a_long_transaction_only_delays_it_and_work_goes_on() {
    let Some(t) = Harness::postgres().await else { return };
    complete(&t, 10).await;
    t.advance(3 * DAY);
    let day = first_day(&t);
    let mut reader = Admin::connect(Backend::Postgres, t.url()).await;
    let (_, schema) = t.url().split_once("schema=").expect("a schema");
    reader.run("begin transaction isolation level repeatable read").await;
    reader.numbers(&format!("select count(*) from {schema}.job")).await;

    let script = Script::completing();
    let worker = t.start(&script).await;
    let (pruned, id) = tokio::join!(t.queue.prune(), t.job("mail"));
    t.reaches(id, State::Completed).await;
    worker.stop().await;

    // Job by job, by this call or by the worker.
    pruned.expect("pruned");
    assert_eq!(first_day(&t), day);
    reader.run("rollback").await;
    t.queue.prune().await.expect("pruned");
    assert_eq!(t.queue.stats().await.expect("stats").sum(|kind| kind.prunes), 10);
    // The next day, on which nothing was stored, goes as well.
    assert_eq!(first_day(&t), day + 2);
    t.check().await;
}

#[tokio::test]
async fn a_job_stored_late_keeps_its_day() {
    let Some(t) = Harness::postgres().await else { return };
    complete(&t, 10).await;
    let day = first_day(&t);
    let connection = PgConnection::connect(t.app_url()).await;
    let mut connection = connection.expect("a server");
    let mut tx = connection.begin().await.expect("a transaction");
    let late = t.queue.enqueue_new_within(NewJob::new("mail", "late"), &mut tx).await;
    let late = late.expect("stored").id();
    t.advance(3 * DAY);

    t.queue.prune().await.expect("pruned");
    assert_eq!(first_day(&t), day);
    tx.commit().await.expect("committed");
    t.queue.prune().await.expect("pruned");

    assert_eq!(t.get(late).await.state, State::Pending);
    t.check().await;
}
