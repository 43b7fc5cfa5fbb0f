-- Jobs of a workflow by the state they are in (codes as in core/state.rs).
-- $1 bundle_id                                returns: state, n
-- index: primary keys of member, outcome and lease, delayed_job
select x.state, count(*) from (
  select coalesce(o.state, case when l.job_id is not null then 3 when d.reason in (30, 31) then 4 when d.job_id is not null then 2 else 1 end) as state
  from {prefix}member m
  left join {prefix}outcome o on o.job_id = m.job_id
  left join {prefix}lease l on l.job_id = m.job_id
  left join {prefix}delayed d on d.job_id = m.job_id
  where m.bundle_id = $1
) x
group by x.state
