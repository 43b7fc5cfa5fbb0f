//! A job and a row of yours in one transaction, with rusqlite: both are there, or neither.

use serde::{Deserialize, Serialize};
use windlass::{Ctx, Job, Queue};

use crate::Failure;

#[derive(Serialize, Deserialize, Job)]
struct Welcome {
    member: i64,
}

async fn welcome(_: Welcome, _: Ctx) -> windlass::Result {
    Ok(())
}

/// Runs it on a file.
pub async fn run(file: &str) -> Result<(), Failure> {
    let queue = Queue::open(&format!("sqlite:{file}")).await?;
    let mut connection = rusqlite::Connection::open(file)?;
    // The job is as durable as the connection that commits it.
    connection.pragma_update(None, "synchronous", "full")?;
    connection
        .execute_batch("create table if not exists member (id integer primary key, name text)")?;

    let job = {
        // Immediate: it is going to write, and SQLite has one writer.
        let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute("insert into member (name) values ('Ada')", [])?;
        let job = queue.enqueue(Welcome { member: tx.last_insert_rowid() }).within_rusqlite(&tx)?;
        tx.commit()?;
        job
    };
    let gone = {
        let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let job = queue.enqueue(Welcome { member: 0 }).within_rusqlite(&tx)?;
        tx.rollback()?;
        job
    };
    assert!(queue.get(gone.id()).await.is_err(), "the job of a rolled-back transaction never was");

    let worker = queue.worker().handle(welcome).start().await?;
    job.output().await?;
    worker.stop().await;
    queue.close().await;
    Ok(())
}
