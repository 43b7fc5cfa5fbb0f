-- Operations that someone has to go on with by now.
-- $1 now_us  $2 limit     returns: the columns that store/verb/operations.rs reads, in its order
-- index: operation_next
select o.id, o.turn, n.name, o.state, o.definition, o.after_job, o.matched, o.done, o.failed, o.created_at, o.finished_at
from {prefix}operation o
join {prefix}namespace n on n.id = o.namespace_id
where o.next_at <= $1
order by o.next_at
limit $2
