-- Take unique keys for new jobs, unless another job holds them: a key whose period is over is free (one
-- row per key, batched by the driver).
-- $1 digest  $2 job_id  $3 expires_at  $4 now_us
-- lock order: digests ascending
-- differs: no condition on what is updated here; the columns are set from left to right.
insert into {prefix}unique_claim (digest, job_id, expires_at) values ($1, $2, $3)
on duplicate key update job_id = if(expires_at <= $4, values(job_id), job_id), expires_at = if(expires_at <= $4, values(expires_at), expires_at)
