-- Take one job out of the room of those that wait in lines, if it is still there.
-- $1 job_id  $2 epoch
delete from {prefix}throttled where job_id = $1 and epoch = $2
