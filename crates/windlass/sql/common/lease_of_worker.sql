-- What a worker holds, with what the release needs.
-- $1 worker_id  $2 limit
-- returns: job_id, worker_id, worker, epoch, attempt, crashes, snoozes, claimed_at, cancel_by,
--          max_attempts, max_crashes, deadline, uniqueness
select l.job_id, l.worker_id, w.name, l.epoch, l.attempt, l.crashes, l.snoozes, l.claimed_at, l.cancel_by, j.max_attempts, j.max_crashes, j.deadline, j.uniqueness
from {prefix}lease l
join {prefix}job j on j.id = l.job_id
left join {prefix}worker w on w.id = l.worker_id
where l.worker_id = $1
limit $2
