-- Delete a job's progress.
-- $1 job_id
delete from {prefix}progress where job_id = $1
