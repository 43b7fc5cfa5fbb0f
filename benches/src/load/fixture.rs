//! A database with many jobs in every state, written as SQL: the engine would take its time over it.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use windlass::{NewJob, Queue};

use super::place::Place;
use crate::Bench;
use crate::server::Scratch;

/// Queues and types of the jobs.
const QUEUES: usize = 4;
const TYPES: usize = 10;

/// What 100 jobs in a row are like, by number, and the ids: milliseconds in order, over the last 12 hours,
/// which is less than completed jobs are kept for.
const NUMBERED_SQLITE: &str = "\
create temp table fixture_pair as
  select row_number() over (order by id) - 1 as n, queue_id, kind_id from {prefix}queue_kind;
create unique index temp.fixture_pair_n on fixture_pair (n);
create temp view fixture as
  with recursive numbered (n) as (select 0 union all select n + 1 from numbered where n + 1 < {rows})
  select n, ({from_ms} + n * 43200000 / {rows}) * 4194304 + n % 4096 as id,
    (1735689600000 + {from_ms} + n * 43200000 / {rows}) * 1000 as at, n % 100 as place
  from numbered;";

/// The same. Days before the first one of the database lie in the kept tables, as they do when it is older.
const NUMBERED_POSTGRES: &str = "\
create temp table fixture_pair as
  select row_number() over (order by id) - 1 as n, queue_id, kind_id from {prefix}queue_kind;
create unique index fixture_pair_n on fixture_pair (n);
create temp view fixture as
  select n, ({from_ms} + n * 43200000 / {rows}) * 4194304 + n % 4096 as id,
    (1735689600000 + {from_ms} + n * 43200000 / {rows}) * 1000 as at, n % 100 as place
  from generate_series(0::bigint, {rows} - 1) as n;";

const FILL: &str = "\
insert into {prefix}job (id, queue_id, kind_id, priority, max_attempts, max_crashes, timeout_ms, created_at, payload)
  select f.id, p.queue_id, p.kind_id, 2, 20, 3, 1800000, f.at, {payload}
  from fixture f join fixture_pair p on p.n = f.n / 100 % {pairs};
insert into {prefix}outcome (job_id, state, epoch, attempt, crashes, snoozes, started_at, finished_at, detail)
  select id, case when place < 80 then 5 when place < 82 then 6 when place < 85 then 7 else 8 end, 1, 1, 0, 0,
    at, at + 1000000, case when place between 80 and 84 then 'no route to host' end
  from fixture where place < 86;
insert into {prefix}attempt (job_id, epoch, attempt, started_at, finished_at, class, message)
  select id, 1, 1, at, at + 1000000, 'error', 'no route to host' from fixture where place between 80 and 84;
insert into {prefix}ready (queue_id, kind_id, priority, seq, job_id, epoch, attempt, crashes, snoozes)
  select p.queue_id, p.kind_id, 2, f.id, f.id, 0, 0, 0, 0
  from fixture f join fixture_pair p on p.n = f.n / 100 % {pairs} where f.place between 86 and 95;
insert into {prefix}delayed
    (run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
  select f.at + 172800000000, f.id, case when f.place < 99 then 10 else 30 end, p.queue_id, p.kind_id, 2, 0, 0, 0, 0
  from fixture f join fixture_pair p on p.n = f.n / 100 % {pairs} where f.place >= 96;
insert into {prefix}tally as t (queue_id, kind_id, measure, n)
  select p.queue_id, p.kind_id, case when f.place < 80 then 5 when f.place < 82 then 6 when f.place < 85 then 7
    when f.place < 86 then 8 when f.place < 96 then 1 when f.place < 99 then 2 else 4 end, count(*)
  from fixture f join fixture_pair p on p.n = f.n / 100 % {pairs} group by 1, 2, 3
  on conflict (queue_id, kind_id, measure) do update set n = t.n + excluded.n;
insert into {prefix}tally as t (queue_id, kind_id, measure, n)
  select p.queue_id, p.kind_id, 100, count(*)
  from fixture f join fixture_pair p on p.n = f.n / 100 % {pairs} group by 1, 2
  on conflict (queue_id, kind_id, measure) do update set n = t.n + excluded.n;";

/// What the planner knows of tables that have been there for a while.
const LOOKED_AT: [&str; 6] = ["job", "outcome", "attempt", "ready", "delayed", "tally"];

/// Fills the database at `place` with this many jobs: the id of one in the middle.
pub(super) async fn fill(place: &Place, rows: usize) -> Bench<i64> {
    let queue = Queue::open(&place.url()).await?;
    let mut middle = 0;
    for n in 0..QUEUES * TYPES {
        let job = NewJob::new(format!("type-{}", n % TYPES), b"{}".as_slice());
        let job = job.queue(format!("queue-{}", n % QUEUES)).delay(Duration::from_secs(86_400));
        middle = queue.enqueue_new(job).await?.id().as_i64();
    }
    queue.close().await;
    let from_ms = (middle >> 22) - 12 * 3_600_000 - 1000;
    let of = |text: &str, prefix: &str, payload: &str| {
        let text = text.replace("{rows}", &rows.to_string()).replace("{prefix}", prefix);
        let text = text.replace("{pairs}", &pairs().to_string()).replace("{payload}", payload);
        text.replace("{from_ms}", &from_ms.to_string())
    };
    match place {
        Place::File(path) => {
            let text = format!("{NUMBERED_SQLITE} begin; {FILL} commit;");
            let (path, text) = (path.clone(), of(&text, "windlass_", "x'7b7d'"));
            tokio::task::spawn_blocking(move || fill_file(&path, &text)).await??;
        }
        Place::Schema(scratch) => {
            let text = format!("{NUMBERED_POSTGRES} begin; {FILL} commit;");
            let text = of(&text, &scratch.prefix(), "'{}'::bytea");
            fill_schema(scratch, text).await?;
        }
    }
    Ok((from_ms + 6 * 3_600_000) << 22)
}

fn fill_file(path: &Path, text: &str) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch("pragma synchronous = off; pragma cache_size = -262144;")?;
    connection.execute_batch(text)?;
    connection.execute_batch("pragma wal_checkpoint(truncate);")
}

async fn fill_schema(scratch: &Scratch, text: String) -> Bench<()> {
    let mut connection = PgConnection::connect(scratch.server()).await?;
    connection.execute("set synchronous_commit = off").await?;
    connection.execute(AssertSqlSafe(text)).await?;
    for table in LOOKED_AT {
        let look = format!("vacuum (analyze) {}{table}", scratch.prefix());
        connection.execute(AssertSqlSafe(look)).await?;
    }
    connection.execute("checkpoint").await?;
    Ok(())
}

/// How many pairs of queue and type the loop in [`fill`] makes: the least common multiple.
const fn pairs() -> usize {
    let (mut a, mut b) = (QUEUES, TYPES);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    QUEUES * TYPES / a
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that fill every state of every pair.
    const ROWS: usize = 4000;

    async fn is_consistent(place: &Place) {
        let middle = fill(place, ROWS).await.unwrap();

        let queue = Queue::open(&place.url()).await.unwrap();
        let found = queue.verify().await.unwrap();
        let total: u64 = queue.stats().await.unwrap().kinds.iter().map(|kind| kind.enqueues).sum();
        queue.close().await;
        place.clear().await.unwrap();
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(total, ROWS as u64 + (QUEUES * TYPES) as u64);
        assert!(middle > 0);
    }

    #[tokio::test]
    async fn a_file_that_was_filled_is_consistent() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::fresh(folder.path(), "pages.db", None).await.unwrap();

        is_consistent(&place).await;
    }

    #[tokio::test]
    async fn a_schema_that_was_filled_is_consistent() {
        // Set by `cargo xtask test`; where nobody may do without, its absence is a failure.
        let Ok(database) = std::env::var("WINDLASS_TEST_POSTGRES_URL") else {
            assert!(std::env::var_os("CI").is_none(), "WINDLASS_TEST_POSTGRES_URL is not set");
            return;
        };
        let place = Place::fresh(Path::new(""), "", Some(&database)).await.unwrap();

        is_consistent(&place).await;
    }
}
