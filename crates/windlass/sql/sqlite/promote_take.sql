-- Take delayed jobs that are due.
-- $1 now_us  $2 limit
-- returns: run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes (order not promised)
-- index: primary key of delayed
-- differs: one writer at a time, so no row needs locking or skipping.
delete from {prefix}delayed
where (run_at, job_id) in (
  select run_at, job_id from {prefix}delayed where run_at <= $1 order by run_at, job_id limit $2
)
returning run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
