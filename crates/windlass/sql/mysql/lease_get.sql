-- One lease, with what the release needs (one row per call, batched by the driver).
-- $1 job_id  $2 epoch
-- returns: job_id, worker_id, worker, epoch, attempt, crashes, snoozes, claimed_at, cancel_by,
--          max_attempts, max_crashes, deadline, uniqueness, backoff
-- differs: one statement for the whole batch.
select l.job_id, l.worker_id, w.name, l.epoch, l.attempt, l.crashes, l.snoozes, l.claimed_at, l.cancel_by, j.max_attempts, j.max_crashes, j.deadline, j.uniqueness, j.backoff
from {prefix}lease l
join {prefix}job j on j.id = l.job_id
left join {prefix}worker w on w.id = l.worker_id
where {any l.job_id = $1 and l.epoch = $2}
