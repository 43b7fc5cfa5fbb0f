-- Ids of jobs in the ready room: a page of each lane, and of what came back under a later seq.
-- {filter}: keyset, conditions on p and j, order, limit      returns: id
-- index: primary key of ready once a lane, as long as seq is the id; ready_moved for the others
-- differs: a lateral join, which is a probe a lane whatever the statistics say; `coalesce`, because they would
--   have it that hardly any row passes, and read the whole lane to sort it.
select r.seq from {prefix}queue_kind p
cross join generate_series(0, 9) as c (priority)
cross join lateral (
  select r.seq from {prefix}ready r
  left join {prefix}job j on j.id = r.seq
  where r.queue_id = p.queue_id and r.kind_id = p.kind_id and r.priority = c.priority
    and coalesce(r.seq = r.job_id, false) {filter}
) r
union all
select m.id from (
  select r.seq as id from (
    select job_id as seq, queue_id, kind_id from {prefix}ready where seq <> job_id
  ) r
  join {prefix}queue_kind p on p.queue_id = r.queue_id and p.kind_id = r.kind_id
  left join {prefix}job j on j.id = r.seq
  where true {filter}
) m
