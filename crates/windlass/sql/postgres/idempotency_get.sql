-- Who holds an idempotency key: a job, or one that this transaction is about to insert (one row per
-- key, batched by the driver).
-- $1 namespace_id  $2 key                     returns: key, job_id, kind_id, payload (null: not yet)
-- differs: one array per column, so that a batch of any size is one statement.
select i.key, i.job_id, j.kind_id, j.payload
from unnest($1::bigint[], $2::text[]) as p (namespace_id, key)
join {prefix}idempotency i on i.namespace_id = p.namespace_id and i.key = p.key
left join {prefix}job j on j.id = i.job_id
