-- Workflows and batches that someone has to look at.
-- $1 limit
-- returns: the columns that store/verb/bundle.rs reads, in its order
-- index: bundle_due
select b.id, b.namespace_id, (select n.name from {prefix}namespace n where n.id = b.namespace_id), b.sort, b.name, b.digest, b.created_at, b.committed_at, b.ended_at, b.state, b.completed, b.failed, b.dead_letter, b.cancelled, b.callbacks, b.success_job, b.complete_job, b.failure_job
from {prefix}bundle b
where b.due = 1
order by b.id
limit $1
