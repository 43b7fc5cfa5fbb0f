-- Delete a job's history.
-- $1 job_id
delete from {prefix}attempt where job_id = $1
