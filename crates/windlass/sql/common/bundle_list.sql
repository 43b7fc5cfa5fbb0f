-- Workflows or batches of a namespace, the newest first.
-- $1 namespace_id  $2 sort  $3 before this id  $4 first state  $5 last state  $6 limit
-- returns: the columns that store/verb/bundle.rs reads, in its order
-- index: bundle_list
select b.id, b.namespace_id, (select n.name from {prefix}namespace n where n.id = b.namespace_id), b.sort, b.name, b.digest, b.created_at, b.committed_at, b.ended_at, b.state, b.completed, b.failed, b.dead_letter, b.cancelled, b.callbacks, b.success_job, b.complete_job, b.failure_job
from {prefix}bundle b
where b.namespace_id = $1 and b.sort = $2 and b.id < $3 and b.state between $4 and $5
order by b.id desc
limit $6
