-- The first of the jobs of a queue that can run: the smallest seq over its kinds and priorities.
-- $1 queue_id                                 returns: seq, or null
-- index: primary key of ready, one probe per kind and priority
select min(x.seq) from (
  select (
    select r.seq from {prefix}ready r
    where r.queue_id = p.queue_id and r.kind_id = p.kind_id and r.priority = c.priority
    order by r.seq limit 1
  ) as seq
  from {prefix}queue_kind p
  cross join (
    select 0 as priority union all select 1 union all select 2 union all select 3 union all select 4
    union all select 5 union all select 6 union all select 7 union all select 8 union all select 9
  ) c
  where p.queue_id = $1
) x
