//! The floor: what bare SQLite does with the same durability and batch sizes, keeping no history,
//! no fence and no separate payload. Ours is measured against this, in the same run.

use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use rusqlite::{CachedStatement, Connection, params};
use tokio::sync::oneshot;

use crate::report::Figures;
use crate::{Bench, PAYLOAD};

/// Measures every floor with `jobs` jobs, in files under `folder`.
pub(crate) async fn measure(folder: &Path, jobs: usize, figures: &mut Figures) -> Bench<()> {
    let single = open(&folder.join("floor-single.db"))?;
    let rate = timed(jobs / 20, || {
        let mut statement = single.prepare_cached(INSERT)?;
        for id in 0..jobs / 20 {
            insert(&mut statement, id)?;
        }
        Ok(())
    })?;
    figures.set("floor.insert_single", rate);
    let concurrent = open(&folder.join("floor-concurrent.db"))?;
    figures.set("floor.insert_concurrent_64", group_commit(concurrent, jobs).await?);
    let bulk = open(&folder.join("floor-bulk.db"))?;
    figures.set("floor.insert_bulk_1000", insert_bulk(&bulk, jobs)?);
    figures.set("floor.claim_complete_100", claim_complete(&bulk, jobs)?);
    Ok(())
}

const INSERT: &str = "insert into job (id, state, payload) values (?1, 0, ?2)";

fn insert(statement: &mut CachedStatement<'_>, id: usize) -> Bench<()> {
    statement.execute(params![i64::try_from(id)?, PAYLOAD])?;
    Ok(())
}

fn open(path: &Path) -> Bench<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 4000;
         pragma cache_size = -16384;
         create table job (id integer primary key, state integer not null, payload blob not null);
         create index job_ready on job (id) where state = 0;",
    )?;
    Ok(connection)
}

fn insert_bulk(connection: &Connection, jobs: usize) -> Bench<f64> {
    timed(jobs, || {
        for batch in 0..jobs / 1000 {
            connection.execute_batch("begin immediate")?;
            let mut statement = connection.prepare_cached(INSERT)?;
            for n in 0..1000 {
                insert(&mut statement, batch * 1000 + n)?;
            }
            connection.execute_batch("commit")?;
        }
        Ok(())
    })
}

/// Claims 100 in one transaction, deletes them in the next, until nothing is left.
fn claim_complete(connection: &Connection, jobs: usize) -> Bench<f64> {
    let mut claim = connection.prepare(
        "update job set state = 1 where id in
           (select id from job where state = 0 order by id limit 100) returning id, payload",
    )?;
    let mut complete = connection.prepare("delete from job where id = ?1 and state = 1")?;
    timed(jobs, || {
        loop {
            connection.execute_batch("begin immediate")?;
            let claimed = claim.query_map([], |row| {
                let payload: Vec<u8> = row.get(1)?;
                std::hint::black_box(payload);
                row.get::<_, i64>(0)
            })?;
            let ids: Vec<i64> = claimed.collect::<Result<_, _>>()?;
            connection.execute_batch("commit")?;
            if ids.is_empty() {
                return Ok(());
            }
            connection.execute_batch("begin immediate")?;
            for id in ids {
                complete.execute([id])?;
            }
            connection.execute_batch("commit")?;
        }
    })
}

/// 64 callers, each waiting for its own commit, through one writer thread.
async fn group_commit(connection: Connection, jobs: usize) -> Bench<f64> {
    type Call = (usize, oneshot::Sender<()>);
    let (calls, queue) = channel::<Call>();
    let writer = thread::spawn(move || -> Bench<()> {
        while let Ok(first) = queue.recv() {
            connection.execute_batch("begin immediate")?;
            let mut statement = connection.prepare_cached(INSERT)?;
            let mut group = vec![first];
            group.extend(queue.try_iter().take(511));
            for (id, _) in &group {
                insert(&mut statement, *id)?;
            }
            connection.execute_batch("commit")?;
            for (_, caller) in group {
                caller.send(()).ok();
            }
        }
        Ok(())
    });
    let started = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..64 {
        let calls = calls.clone();
        callers.spawn(async move {
            for n in 0..jobs / 64 {
                let (done, committed) = oneshot::channel();
                if calls.send((caller * jobs + n, done)).is_ok() {
                    committed.await.ok();
                }
            }
        });
    }
    callers.join_all().await;
    let rate = per_second(jobs / 64 * 64, started);
    drop(calls);
    writer.join().map_err(|_| "the floor's writer panicked")??;
    Ok(rate)
}

fn timed(jobs: usize, work: impl FnOnce() -> Bench<()>) -> Bench<f64> {
    let started = Instant::now();
    work()?;
    Ok(per_second(jobs, started))
}

/// Jobs per second since `started`.
#[expect(clippy::cast_precision_loss, reason = "job counts are far below 2^52")]
pub(crate) fn per_second(jobs: usize, started: Instant) -> f64 {
    jobs as f64 / started.elapsed().as_secs_f64()
}
