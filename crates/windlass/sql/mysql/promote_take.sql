-- Take delayed jobs that are due.
-- $1 now_us  $2 limit
-- returns: run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes (order not promised)
-- index: primary key of delayed
-- lock order: run_at, job_id, never waiting
-- differs: no `returning` here: the rows are locked and read, then deleted by their keys, one
-- by one: a condition of many keys may be read as a range, and waits for the rows of others.
select run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
from {prefix}delayed force index (primary)
where run_at <= $1
order by run_at, job_id
limit $2
for update skip locked
-- then
delete x from ({each select #1 as run_at, #2 as job_id}) k
straight_join {prefix}delayed x force index (primary) on x.run_at = k.run_at and x.job_id = k.job_id
