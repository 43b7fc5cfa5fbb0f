-- Some of what a job waits for has ended.
-- $1 job_id  $2 how many
update {prefix}blocked set pending = pending - $2 where job_id = $1 and pending > $2
