-- Give slots back, if they are still these jobs'.
-- $1 line  $2 n  $3 job_id
delete from {prefix}slot where line = $1 and n = $2 and job_id = $3
