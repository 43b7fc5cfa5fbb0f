-- Take delayed jobs that are due.
-- $1 now_us  $2 limit
-- returns: run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes (order not promised)
-- index: primary key of delayed
-- lock order: run_at, job_id, never waiting
-- differs: no `returning` here: the rows are locked and read, then deleted by their keys.
select run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
from {prefix}delayed force index (primary)
where run_at <= $1
order by run_at, job_id
limit $2
for update skip locked
-- then
delete from {prefix}delayed where {any run_at = #1 and job_id = #2}
