-- Give idempotency keys back together with their jobs.
-- $1 namespace_id  $2 key  $3 job_id
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}idempotency x
using unnest($1::bigint[], $2::text[], $3::bigint[]) as p (namespace_id, key, job_id)
where x.namespace_id = p.namespace_id and x.key = p.key and x.job_id = p.job_id
