-- Who holds an idempotency key: a job, or one that this transaction is about to insert (one row per
-- key, batched by the driver).
-- $1 namespace_id  $2 key                     returns: key, job_id, kind_id, payload (null: not yet)
-- differs: one array per column, so that a batch of any size is one statement.
select i.key, i.job_id, j.kind_id, j.payload
from unnest($1::bigint[], $2::text[]) as p (namespace_id, key)
cross join lateral (
  select x.key, x.job_id from {prefix}idempotency x
  where x.namespace_id = p.namespace_id and x.key = p.key
  limit 1
) i
left join {prefix}job j on j.id = i.job_id
