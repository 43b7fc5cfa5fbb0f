-- Slots after one, with where their jobs are.
-- $1 line  $2 n  $3 limit
-- returns: line, n, job_id, held, 1 if the job is ready, 1 if it has ended or is gone
-- index: primary key of slot, and a primary key or unique index per room
select s.line, s.n, s.job_id, s.held,
  case when r.seq is null and m.seq is null then 0 else 1 end,
  case when o.job_id is null and j.id is not null then 0 else 1 end
from (
  select line, n, job_id, held from {prefix}slot
  where line > $1 or (line = $1 and n > $2)
  order by line, n
  limit $3
) s
left join {prefix}job j on j.id = s.job_id
left join {prefix}outcome o on o.job_id = s.job_id
left join {prefix}ready r on r.queue_id = j.queue_id and r.kind_id = j.kind_id and r.priority = j.priority and r.seq = j.id
left join {prefix}ready m on m.job_id = s.job_id and m.seq <> m.job_id
order by s.line, s.n
