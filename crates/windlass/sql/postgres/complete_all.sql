-- Complete jobs and count them, in one statement: ends the leases that are still these, and writes
-- the terminal facts of those.
-- $1 worker_id  $2 nonce  $3 worker  $4 finished_at (one each)
-- $5 job_id  $6 epoch  $7 attempt  $8 crashes  $9 snoozes  $10 started_at  $11 result (one per job)
-- $12 state  $13 measure  $14 n per job (the state is that of all jobs; one row per measure)
-- returns: job_id, queue_id, kind_id, line of each lease that was ended
-- index: primary key of lease, one probe per job; "is true" as in settle_take
-- lock order: job_id
-- differs: one journey to the server instead of six.
with ended as (
  delete from {prefix}lease
  where job_id = any ($5::bigint[])
    and worker_id = ($1::bigint[])[1]
    and ((job_id, epoch::bigint) in (select * from unnest($5::bigint[], $6::bigint[]))) is true
    and not exists (select 1 from {prefix}worker w where w.id = ($1::bigint[])[1] and w.nonce <> ($2::bigint[])[1])
  returning job_id, queue_id, kind_id, line
), written as (
  insert into {prefix}outcome (job_id, state, epoch, attempt, crashes, snoozes, worker_id, worker, started_at, finished_at, result)
  select p.job_id, ($12::bigint[])[1], p.epoch, p.attempt, p.crashes, p.snoozes, ($1::bigint[])[1], ($3::text[])[1], p.started_at, ($4::bigint[])[1], p.result
  from unnest($5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bytea[])
    as p (job_id, epoch, attempt, crashes, snoozes, started_at, result)
  where (p.job_id in (select job_id from ended)) is true
), counted as (
  insert into {prefix}tally_change (queue_id, kind_id, measure, n)
  select c.queue_id, c.kind_id, m.measure, m.n * c.jobs
  from (select queue_id, kind_id, count(*) as jobs from ended group by queue_id, kind_id) c
  cross join unnest($13::bigint[], $14::bigint[]) as m (measure, n)
)
select job_id, queue_id, kind_id, line from ended
