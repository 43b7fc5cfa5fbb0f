-- Operations of a namespace, the latest first.
-- $1 namespace_id  $2 before this id  $3 limit
-- returns: the columns that store/verb/operations.rs reads, in its order
select o.id, o.turn, n.name, o.state, o.definition, o.after_job, o.matched, o.done, o.failed, o.created_at, o.finished_at
from {prefix}operation o
join {prefix}namespace n on n.id = o.namespace_id
where o.namespace_id = $1 and o.id < $2
order by o.id desc
limit $3
