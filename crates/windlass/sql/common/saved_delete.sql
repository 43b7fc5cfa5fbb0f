-- Delete what is kept with a job.
-- $1 job_id
delete from {prefix}saved where job_id = $1
