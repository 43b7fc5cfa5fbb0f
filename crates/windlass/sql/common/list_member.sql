-- Ids of jobs of a workflow or batch, in any state (codes as in core/state.rs).
-- {filter}: bundle_id and state of j, keyset, conditions on j, order, limit      returns: id
-- index: primary key of member
select j.id from (
  select m.job_id as id, m.bundle_id, w.queue_id, w.kind_id, w.priority, w.correlation_id, w.created_at, coalesce(o.state, case when l.job_id is not null then 3 when d.reason in (30, 31) then 4 when d.job_id is not null then 2 else 1 end) as state
  from {prefix}member m
  join {prefix}job w on w.id = m.job_id
  left join {prefix}outcome o on o.job_id = m.job_id
  left join {prefix}lease l on l.job_id = m.job_id
  left join {prefix}delayed d on d.job_id = m.job_id
) j
where 1 = 1 {filter}
