-- Take the outcomes of jobs whose retention is over, where they are still these.
-- $1 job_id  $2 epoch                         returns: job_id
-- lock order: job_id, never waiting
-- differs: rows that others hold are skipped, and whoever deletes decides.
delete from {prefix}outcome
where job_id = any (array(
  select x.job_id from {prefix}outcome x
  where x.job_id = any ($1::bigint[])
    and ((x.job_id, x.epoch::bigint) in (select * from unnest($1::bigint[], $2::bigint[]))) is true
  order by x.job_id
  for update skip locked
))
returning job_id
