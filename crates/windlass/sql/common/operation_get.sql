-- One operation.
-- $1 id  $2 namespace     returns: the columns that store/verb/operations.rs reads, in its order
select o.id, o.turn, n.name, o.state, o.definition, o.after_job, o.matched, o.done, o.failed, o.created_at, o.finished_at
from {prefix}operation o
join {prefix}namespace n on n.id = o.namespace_id
where o.id = $1 and n.name = $2
