-- Every maintained count of a namespace.
-- $1 namespace_id                             returns: queue, kind, measure, n
select q.name, k.name, t.measure, t.n
from {prefix}tally t
join {prefix}queue q on q.id = t.queue_id
join {prefix}kind k on k.id = t.kind_id
where q.namespace_id = $1
order by q.name, k.name, t.measure
