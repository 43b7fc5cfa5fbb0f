-- The maintained counts of jobs by state.
-- $1 largest code of a state                  returns: queue_id, kind_id, measure, n
-- differs: changes that are not added up yet count as well.
select t.queue_id, t.kind_id, t.measure, cast(sum(t.n) as signed)
from (
  select queue_id, kind_id, measure, n from {prefix}tally
  union all select queue_id, kind_id, measure, n from {prefix}tally_change
) t
where t.measure <= $1
group by t.queue_id, t.kind_id, t.measure
having sum(t.n) <> 0
