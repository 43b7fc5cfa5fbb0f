-- Let jobs go that wait for no more than what has ended.
-- $1 job_id  $2 how many of those it waits for have ended
-- returns: job_id, run_at, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
delete from {prefix}blocked
where job_id = $1 and pending <= $2
returning job_id, run_at, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
