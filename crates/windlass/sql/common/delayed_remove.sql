-- Take one job out of the delayed room, if it is still there.
-- $1 job_id  $2 epoch
delete from {prefix}delayed where job_id = $1 and epoch = $2
