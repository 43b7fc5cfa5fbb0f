-- The totals of every queue that only grow, over its kinds.
-- $1 smallest measure  $2 largest measure     returns: queue_id, queue, namespace_id, measure, n
-- differs: changes that are not added up yet count as well.
select q.id, q.name, q.namespace_id, t.measure, cast(sum(t.n) as signed)
from (
  select queue_id, measure, n from {prefix}tally
  union all select queue_id, measure, n from {prefix}tally_change
) t
join {prefix}queue q on q.id = t.queue_id
where t.measure between $1 and $2
group by q.id, q.name, q.namespace_id, t.measure
