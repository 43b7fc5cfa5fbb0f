-- Why jobs were left as they were.
-- $1 operation_id  $2 limit                   returns: job_id, detail
select job_id, detail from {prefix}operation_failure where operation_id = $1 order by job_id limit $2
