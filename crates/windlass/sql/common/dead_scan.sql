-- Dead letters of a namespace with their last failure, the latest first.
-- $1 namespace_id  $2 before this job  $3 limit
--                  returns: job_id, queue, kind, class, message, finished_at
-- index: outcome_state
select o.job_id, q.name, k.name, a.class, substr(coalesce(o.detail, a.message), 1, 2048), o.finished_at
from {prefix}outcome o
join {prefix}job j on j.id = o.job_id
join {prefix}queue q on q.id = j.queue_id
join {prefix}kind k on k.id = j.kind_id
left join {prefix}attempt a on a.job_id = o.job_id
  and a.epoch = (select max(x.epoch) from {prefix}attempt x where x.job_id = o.job_id)
where o.state = 7 and q.namespace_id = $1 and o.job_id < $2
order by o.job_id desc
limit $3
