-- The end of a job is gathered (one row per job, batched by the driver).
-- $1 state  $2 bundle_id  $3 job_id
update {prefix}member set state = $1 where bundle_id = $2 and job_id = $3
