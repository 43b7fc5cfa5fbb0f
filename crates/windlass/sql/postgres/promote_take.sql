-- Take delayed jobs that are due.
-- $1 now_us  $2 limit
-- returns: run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes (order not promised)
-- index: primary key of delayed
-- differs: other nodes take at the same time: rows they hold are skipped, and whoever deletes decides.
delete from {prefix}delayed
where ctid = any (array(
  select ctid from {prefix}delayed where run_at <= $1 order by run_at, job_id limit $2 for update skip locked
))
returning run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
