-- The slots that jobs hold (one row per job, batched by the driver).
-- $1 job_id     returns: line, n, job_id, held, 1 if the job is ready, 1 if it has ended or is gone
-- index: slot_job, and a primary key or unique index per room
-- differs: one array per column, so that a batch of any size is one statement.
select s.line, s.n, s.job_id, s.held,
  case when r.seq is null and m.seq is null then 0 else 1 end,
  case when o.job_id is null and j.id is not null then 0 else 1 end
from {prefix}slot s
left join {prefix}job j on j.id = s.job_id
left join {prefix}outcome o on o.job_id = s.job_id
left join {prefix}ready r on r.queue_id = j.queue_id and r.kind_id = j.kind_id and r.priority = j.priority and r.seq = j.id
left join {prefix}ready m on m.job_id = s.job_id and m.seq <> m.job_id
where s.job_id = any ($1::bigint[])
