-- A job waits for others no more.
-- $1 job_id
delete from {prefix}blocked where job_id = $1
