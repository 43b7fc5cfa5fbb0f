-- Every maintained count of a namespace.
-- $1 namespace_id                             returns: queue, kind, measure, n
-- differs: changes that are not added up yet count as well.
select q.name, k.name, t.measure, sum(t.n)::bigint
from (
  select queue_id, kind_id, measure, n from {prefix}tally
  union all select queue_id, kind_id, measure, n from {prefix}tally_change
) t
join {prefix}queue q on q.id = t.queue_id
join {prefix}kind k on k.id = t.kind_id
where q.namespace_id = $1
group by q.name, k.name, t.measure
order by q.name, k.name, t.measure
