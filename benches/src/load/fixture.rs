//! A database with many jobs in every state, written as SQL: the engine would take its time over it.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use windlass::{NewJob, Queue};

use crate::{Bench, url};

/// Queues and types of the jobs.
const QUEUES: usize = 4;
const TYPES: usize = 10;

/// What 100 jobs in a row are like, by number, and the ids: milliseconds in order, over the last 12 hours,
/// which is less than completed jobs are kept for.
const NUMBERED: &str = "\
create temp table fixture_pair as
  select row_number() over (order by id) - 1 as n, queue_id, kind_id from windlass_queue_kind;
create unique index temp.fixture_pair_n on fixture_pair (n);
create temp view fixture as
  with recursive numbered (n) as (select 0 union all select n + 1 from numbered where n + 1 < {rows})
  select n, ({from_ms} + n * 43200000 / {rows}) * 4194304 + n % 4096 as id,
    (1735689600000 + {from_ms} + n * 43200000 / {rows}) * 1000 as at, n % 100 as place
  from numbered;";

const FILL: &str = "\
insert into windlass_job (id, queue_id, kind_id, priority, max_attempts, max_crashes, timeout_ms, created_at, payload)
  select f.id, p.queue_id, p.kind_id, 2, 20, 3, 1800000, f.at, x'7b7d'
  from fixture f join fixture_pair p on p.n = f.n / 100 % {pairs};
insert into windlass_outcome (job_id, state, epoch, attempt, crashes, snoozes, started_at, finished_at, detail)
  select id, case when place < 80 then 5 when place < 82 then 6 when place < 85 then 7 else 8 end, 1, 1, 0, 0,
    at, at + 1000000, case when place between 80 and 84 then 'no route to host' end
  from fixture where place < 86;
insert into windlass_attempt (job_id, epoch, attempt, started_at, finished_at, class, message)
  select id, 1, 1, at, at + 1000000, 'error', 'no route to host' from fixture where place between 80 and 84;
insert into windlass_ready (queue_id, kind_id, priority, seq, job_id, epoch, attempt, crashes, snoozes)
  select p.queue_id, p.kind_id, 2, f.id, f.id, 0, 0, 0, 0
  from fixture f join fixture_pair p on p.n = f.n / 100 % {pairs} where f.place between 86 and 95;
insert into windlass_delayed
    (run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
  select f.at + 172800000000, f.id, case when f.place < 99 then 10 else 30 end, p.queue_id, p.kind_id, 2, 0, 0, 0, 0
  from fixture f join fixture_pair p on p.n = f.n / 100 % {pairs} where f.place >= 96;
insert into windlass_tally (queue_id, kind_id, measure, n)
  select p.queue_id, p.kind_id, case when f.place < 80 then 5 when f.place < 82 then 6 when f.place < 85 then 7
    when f.place < 86 then 8 when f.place < 96 then 1 when f.place < 99 then 2 else 4 end, count(*)
  from fixture f join fixture_pair p on p.n = f.n / 100 % {pairs} group by 1, 2, 3
  on conflict (queue_id, kind_id, measure) do update set n = windlass_tally.n + excluded.n;
insert into windlass_tally (queue_id, kind_id, measure, n)
  select p.queue_id, p.kind_id, 100, count(*)
  from fixture f join fixture_pair p on p.n = f.n / 100 % {pairs} group by 1, 2
  on conflict (queue_id, kind_id, measure) do update set n = windlass_tally.n + excluded.n;";

/// Makes the database `name` in `folder` with this many jobs: the id of one in the middle.
pub(super) async fn fill(folder: &Path, name: &str, rows: usize) -> Bench<i64> {
    let queue = Queue::open(&url(folder, name)).await?;
    let mut middle = 0;
    for n in 0..QUEUES * TYPES {
        let job = NewJob::new(format!("type-{}", n % TYPES), b"{}".as_slice());
        let job = job.queue(format!("queue-{}", n % QUEUES)).delay(Duration::from_secs(86_400));
        middle = queue.enqueue_new(job).await?.id().as_i64();
    }
    queue.close().await;
    let path = folder.join(name);
    let from_ms = (middle >> 22) - 12 * 3_600_000 - 1000;
    tokio::task::spawn_blocking(move || fill_with_sql(&path, rows, from_ms)).await??;
    Ok((from_ms + 6 * 3_600_000) << 22)
}

fn fill_with_sql(path: &Path, rows: usize, from_ms: i64) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch("pragma synchronous = off; pragma cache_size = -262144;")?;
    let of = |text: &str| {
        let text = text.replace("{rows}", &rows.to_string());
        let text = text.replace("{pairs}", &pairs().to_string());
        text.replace("{from_ms}", &from_ms.to_string())
    };
    connection.execute_batch(&of(NUMBERED))?;
    connection.execute_batch(&format!("begin; {} commit;", of(FILL)))?;
    connection.execute_batch("pragma wal_checkpoint(truncate);")
}

/// How many pairs of queue and type the loop in [`fill`] makes: the least common multiple.
const fn pairs() -> usize {
    let (mut a, mut b) = (QUEUES, TYPES);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    QUEUES * TYPES / a
}
