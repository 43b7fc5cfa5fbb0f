-- The end of a job is gathered (one row per job, batched by the driver).
-- $1 state  $2 bundle_id  $3 job_id
-- differs: one array per column, so that a batch of any size is one statement; all rows get the same state.
update {prefix}member set state = ($1::bigint[])[1]
where job_id = any ($3::bigint[])
  and ((bundle_id, job_id) in (select * from unnest($2::bigint[], $3::bigint[]))) is true
