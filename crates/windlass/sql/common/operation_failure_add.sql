-- Note why a job was left as it was.
-- $1 operation_id  $2 job_id  $3 detail
insert into {prefix}operation_failure (operation_id, job_id, detail) values ($1, $2, $3)
