-- Take one job out of the delayed room, if it is still there.
-- $1 run_at  $2 job_id  $3 epoch
delete from {prefix}delayed where run_at = $1 and job_id = $2 and epoch = $3
