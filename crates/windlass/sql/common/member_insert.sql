-- Note that a job belongs to a workflow or batch.
-- $1 bundle_id  $2 job_id  $3 state
insert into {prefix}member (bundle_id, job_id, state)
values ($1, $2, $3)
