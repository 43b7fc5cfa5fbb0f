-- The first of the jobs that can run, by queue and kind of a namespace: the smallest seq over its priorities.
-- $1 namespace_id  $2 pairs looked at, at most
-- returns: queue, kind, seq
-- index: primary key of ready, one probe per pair and priority
select x.queue, x.kind, min(x.seq)
from (
  select p.queue, p.kind, (
    select r.seq from {prefix}ready r
    where r.queue_id = p.queue_id and r.kind_id = p.kind_id and r.priority = c.priority
    order by r.seq limit 1
  ) as seq
  from (
    select k.id, k.queue_id, k.kind_id, q.name as queue, t.name as kind
    from {prefix}queue_kind k
    join {prefix}queue q on q.id = k.queue_id
    join {prefix}kind t on t.id = k.kind_id
    where q.namespace_id = $1
    order by k.id
    limit $2
  ) p
  cross join (
    select 0 as priority union all select 1 union all select 2 union all select 3 union all select 4
    union all select 5 union all select 6 union all select 7 union all select 8 union all select 9
  ) c
) x
where x.seq is not null
group by x.queue, x.kind
