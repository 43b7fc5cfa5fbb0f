-- Give the first ready jobs of several lanes to a worker and count them, in one statement.
-- $1 worker_id  $2 nonce  $3 now_us  $4 limit  $5 the version of settings and pauses (one each)
-- $6 queue_id  $7 kind_id  $8 priority  $9 floor of seq  $10 limit of the lane (one per lane, in claim order)
-- $11 measure  $12 n per job (one row per measure)
-- returns: the latest id of queue_kind, lane (from 1), job_id, seq, epoch, attempt, crashes, snoozes, as in ready
-- index: primary key of ready; a lane is looked into when the ones before it did not reach the limit
-- lock order: lane and seq, never waiting
-- differs: one journey to the server instead of seven.
with taken as materialized (
  select l.lane, r.*
  from unnest($6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[]) with ordinality
    as l (queue_id, kind_id, priority, floor, most, lane)
  cross join lateral (
    select w.ctid as place, w.queue_id, w.kind_id, w.priority, w.job_id, w.seq, w.epoch, w.attempt, w.crashes, w.snoozes
    from {prefix}ready w
    where w.queue_id = l.queue_id and w.kind_id = l.kind_id and w.priority = l.priority and w.seq >= l.floor
    order by w.seq
    limit l.most
    for update skip locked
  ) r
  where exists (
    select 1 from {prefix}worker
    where id = ($1::bigint[])[1] and nonce = ($2::bigint[])[1] and expires_at > ($3::bigint[])[1]
  )
  and (select value from {prefix}meta where name = 'settings') = ($5::bigint[])[1]
  limit ($4::bigint[])[1]
), removed as (
  delete from {prefix}ready where ctid = any (array(select place from taken))
), leased as (
  insert into {prefix}lease (job_id, worker_id, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes, claimed_at)
  select job_id, ($1::bigint[])[1], queue_id, kind_id, priority, epoch + 1, attempt + 1, crashes, snoozes, ($3::bigint[])[1]
  from taken
), counted as (
  insert into {prefix}tally_change (queue_id, kind_id, measure, n)
  select c.queue_id, c.kind_id, m.measure, m.n * c.jobs
  from (select queue_id, kind_id, count(*) as jobs from taken group by queue_id, kind_id) c
  cross join unnest($11::bigint[], $12::bigint[]) as m (measure, n)
)
select (select max(id) from {prefix}queue_kind), lane, job_id, seq, epoch, attempt, crashes, snoozes from taken
