//! A job and a row of yours in one transaction, on MySQL and MariaDB with sqlx: both are there, or neither.

use serde::{Deserialize, Serialize};
use sqlx::MySqlPool;
use windlass::{Ctx, Job, Queue};

use crate::Failure;

#[derive(Serialize, Deserialize, Job)]
struct Welcome {
    member: String,
}

async fn welcome(_: Welcome, _: Ctx) -> windlass::Result {
    Ok(())
}

/// Runs it on a database.
pub async fn run(url: &str) -> Result<(), Failure> {
    let queue = Queue::open(url).await?;
    let pool = MySqlPool::connect(url).await?;
    let table = "create table if not exists example_member (name varchar(100) not null)";
    sqlx::query(table).execute(&pool).await?;

    let mut tx = pool.begin().await?;
    sqlx::query("insert into example_member (name) values ('Ada')").execute(&mut *tx).await?;
    let job = queue.enqueue(Welcome { member: "Ada".into() }).within(&mut tx).await?;
    tx.commit().await?;

    let mut tx = pool.begin().await?;
    let gone = queue.enqueue(Welcome { member: "nobody".into() }).within(&mut tx).await?;
    tx.rollback().await?;
    assert!(queue.get(gone.id()).await.is_err(), "the job of a rolled-back transaction never was");

    let worker = queue.worker().handle(welcome).start().await?;
    job.output().await?;
    worker.stop().await;
    queue.close().await;
    Ok(())
}
