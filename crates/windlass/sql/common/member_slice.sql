-- Jobs whose end was not gathered, a bounded number after one, ended or not.
-- $1 bundle_id and  $2 job_id of the one before  $3 limit
-- returns: bundle_id, job_id, state that was gathered, state the job ended in, 1 if it is gone
-- index: member_state
select m.bundle_id, m.job_id, m.state, o.state, case when j.id is null then 1 else 0 end
from (
  select x.bundle_id, x.job_id, x.state from {prefix}member x
  where x.state = 0 and x.bundle_id >= $1 and (x.bundle_id > $1 or x.job_id > $2)
  order by x.bundle_id, x.job_id
  limit $3
) m
left join {prefix}job j on j.id = m.job_id
left join {prefix}outcome o on o.job_id = m.job_id
order by m.bundle_id, m.job_id
