-- Take jobs out of their lines, as throttled_head has found them.
-- $1 line  $2 place  $3 seq  $4 job_id
delete from {prefix}throttled where line = $1 and place = $2 and seq = $3 and job_id = $4
