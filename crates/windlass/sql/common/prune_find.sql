-- Jobs that ended in a state, in the order of their ids, for retention to look at.
-- $1 state  $2 after this id  $3 before this id  $4 limit
-- returns: job_id, epoch, finished_at, queue_id, kind_id, namespace_id, idempotency_key, bytes
-- index: primary key of outcome, or outcome_state
select o.job_id, o.epoch, o.finished_at, j.queue_id, j.kind_id, q.namespace_id, j.idempotency_key, octet_length(j.payload) + coalesce(octet_length(o.result), 0)
from {prefix}outcome o
join {prefix}job j on j.id = o.job_id
join {prefix}queue q on q.id = j.queue_id
where o.state = $1 and o.job_id > $2 and o.job_id < $3
  and not exists (select 1 from {prefix}dependency d where d.parent_id = o.job_id)
  and not exists (
    select 1 from {prefix}member m join {prefix}bundle b on b.id = m.bundle_id
    where m.job_id = o.job_id and b.committed_at is not null and b.ended_at is null
  )
order by o.job_id
limit $4
