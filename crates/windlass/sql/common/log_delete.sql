-- Delete a job's log.
-- $1 job_id
delete from {prefix}log where job_id = $1
