-- Keep a handler's progress while its lease stands.
-- $1 job_id  $2 epoch  $3 worker_id  $4 thousandths of a percent  $5 message  $6 at
-- lock order: job_id, which the batch is sorted by; the lease cannot end before this is stored
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}progress (job_id, percent, message, at)
select l.job_id, p.percent, p.message, p.at
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[]) as p (job_id, epoch, worker_id, percent, message, at)
cross join lateral (
  select x.job_id from {prefix}lease x
  where x.job_id = p.job_id and x.epoch = p.epoch and x.worker_id = p.worker_id
  for share
) l
on conflict (job_id) do update set percent = excluded.percent, message = excluded.message, at = excluded.at
