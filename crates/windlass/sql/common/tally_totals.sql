-- The totals of every queue that only grow, over its kinds.
-- $1 smallest measure  $2 largest measure     returns: queue_id, queue, namespace_id, measure, n
select q.id, q.name, q.namespace_id, t.measure, sum(t.n)
from {prefix}tally t
join {prefix}queue q on q.id = t.queue_id
where t.measure between $1 and $2
group by q.id, q.name, q.namespace_id, t.measure
