-- The job that holds an idempotency key.
-- $1 namespace_id  $2 key                     returns: job_id, kind_id, payload
select j.id, j.kind_id, j.payload
from {prefix}idempotency i
join {prefix}job j on j.id = i.job_id
where i.namespace_id = $1 and i.key = $2
