-- Keep a batch from ending until the commit; others may do so at the same time.
-- $1 id
-- returns: the columns that store/verb/bundle.rs reads, in its order
-- differs: here others write at the same time.
select b.id, b.namespace_id, (select n.name from {prefix}namespace n where n.id = b.namespace_id), b.sort, b.name, b.digest, b.created_at, b.committed_at, b.ended_at, b.state, b.completed, b.failed, b.dead_letter, b.cancelled, b.callbacks, b.success_job, b.complete_job, b.failure_job
from {prefix}bundle b
where b.id = $1
for share
