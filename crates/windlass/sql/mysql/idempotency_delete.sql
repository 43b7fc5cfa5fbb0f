-- Give idempotency keys back together with their jobs.
-- $1 namespace_id  $2 key  $3 job_id
-- differs: key is a reserved word here.
delete from {prefix}idempotency where namespace_id = $1 and `key` = $2 and job_id = $3
