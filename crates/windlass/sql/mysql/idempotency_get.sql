-- Who holds an idempotency key: a job, or one that this transaction is about to insert (one row per
-- key, batched by the driver).
-- $1 namespace_id  $2 key                     returns: key, job_id, kind_id, payload (null: not yet)
-- differs: key is a reserved word here.
select i.`key`, i.job_id, j.kind_id, j.payload
from {prefix}idempotency i
left join {prefix}job j on j.id = i.job_id
where {any i.namespace_id = $1 and i.`key` = $2}
