-- Take a terminal fact back: someone asked for another attempt.
-- $1 job_id  $2 epoch
delete from {prefix}outcome where job_id = $1 and epoch = $2
