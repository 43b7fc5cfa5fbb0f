-- Ids of jobs in the ready room: a page of each lane, and of what came back under a later seq.
-- {filter}: keyset, conditions on p and j, order, limit      returns: id
-- index: primary key of ready once a lane, as long as seq is the id; ready_moved for the others
-- differs: in a correlated subquery instead of a lateral join; cross joins keep their order.
select r.job_id from {prefix}queue_kind p
cross join (
  select 0 as priority union all select 1 union all select 2 union all select 3 union all select 4
  union all select 5 union all select 6 union all select 7 union all select 8 union all select 9
) c
cross join {prefix}ready r
where r.queue_id = p.queue_id and r.kind_id = p.kind_id and r.priority = c.priority and r.seq in (
  select r.seq from {prefix}ready r
  left join {prefix}job j on j.id = r.seq
  where r.queue_id = p.queue_id and r.kind_id = p.kind_id and r.priority = c.priority and r.seq = r.job_id {filter}
)
union all
select m.id from (
  select r.seq as id from (
    select job_id as seq, queue_id, kind_id from {prefix}ready indexed by {prefix}ready_moved
    where seq <> job_id
  ) r
  cross join {prefix}queue_kind p on p.queue_id = r.queue_id and p.kind_id = r.kind_id
  left join {prefix}job j on j.id = r.seq
  where 1 = 1 {filter}
) m
