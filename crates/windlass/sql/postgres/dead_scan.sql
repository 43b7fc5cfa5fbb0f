-- Dead letters of a namespace with their last failure, the latest first.
-- $1 namespace_id  $2 before this job  $3 limit
--                  returns: job_id, queue, kind, class, message, finished_at
-- index: outcome_state
-- differs: `offset 0` keeps the job inside, or a plan that knows no limit walks all jobs and sorts.
select o.job_id, j.queue, j.kind, a.class, substr(coalesce(o.detail, a.message), 1, 2048), o.finished_at
from {prefix}outcome o
cross join lateral (
  select q.name as queue, k.name as kind
  from {prefix}job j
  join {prefix}queue q on q.id = j.queue_id
  join {prefix}kind k on k.id = j.kind_id
  where j.id = o.job_id and q.namespace_id = $1
  offset 0
) j
left join lateral (
  select x.class, x.message from {prefix}attempt x where x.job_id = o.job_id order by x.epoch desc limit 1
) a on true
where o.state = 7 and o.job_id < $2
order by o.job_id desc
limit $3
