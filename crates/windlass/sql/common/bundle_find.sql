-- Who has an idempotency key of workflows or batches.
-- $1 namespace_id  $2 sort  $3 idempotency_key
-- returns: the columns that store/verb/bundle.rs reads, in its order
-- index: unique (namespace_id, sort, idempotency_key)
select b.id, b.namespace_id, (select n.name from {prefix}namespace n where n.id = b.namespace_id), b.sort, b.name, b.digest, b.created_at, b.committed_at, b.ended_at, b.state, b.completed, b.failed, b.dead_letter, b.cancelled, b.callbacks, b.success_job, b.complete_job, b.failure_job
from {prefix}bundle b
where b.namespace_id = $1 and b.sort = $2 and b.idempotency_key = $3
