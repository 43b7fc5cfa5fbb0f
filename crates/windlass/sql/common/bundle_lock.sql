-- Keep everybody else from changing a workflow or batch, or adding to it, until the commit.
-- $1 id
-- returns: the columns that store/verb/bundle.rs reads, in its order
select b.id, b.namespace_id, (select n.name from {prefix}namespace n where n.id = b.namespace_id), b.sort, b.name, b.digest, b.created_at, b.committed_at, b.ended_at, b.state, b.completed, b.failed, b.dead_letter, b.cancelled, b.callbacks, b.success_job, b.complete_job, b.failure_job
from {prefix}bundle b
where b.id = $1
