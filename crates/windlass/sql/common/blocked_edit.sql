-- Change where a job that waits for others goes when they have ended.
-- $1 job_id  $2 queue_id  $3 priority  $4 run_at
update {prefix}blocked set queue_id = $2, priority = $3, run_at = $4 where job_id = $1
