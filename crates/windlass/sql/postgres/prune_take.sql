-- Take the outcomes of jobs whose retention is over, where they are still these.
-- $1 job_id  $2 epoch                         returns: job_id
-- lock order: job_id, never waiting
-- differs: rows that others hold are skipped, and whoever deletes decides.
delete from {prefix}outcome o
using (
  select x.job_id, x.epoch
  from unnest($1::bigint[], $2::bigint[]) as p (job_id, epoch)
  join {prefix}outcome x on x.job_id = p.job_id and x.epoch = p.epoch
  for update of x skip locked
) as found
where o.job_id = found.job_id and o.epoch = found.epoch
returning o.job_id
