-- Note that a job belongs to a workflow or batch.
-- $1 bundle_id  $2 job_id  $3 state
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}member (bundle_id, job_id, state)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[])
