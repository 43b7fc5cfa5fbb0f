-- Leases that are lost: worker gone or expired, or asked to stop and did not in time.
-- $1 now_us  $2 limit
-- returns: job_id, worker_id, worker, epoch, attempt, crashes, snoozes, claimed_at, cancel_by,
--          max_attempts, max_crashes, deadline, uniqueness
-- The lease room holds what is in flight, so the scan is short.
select l.job_id, l.worker_id, w.name, l.epoch, l.attempt, l.crashes, l.snoozes, l.claimed_at, l.cancel_by, j.max_attempts, j.max_crashes, j.deadline, j.uniqueness
from {prefix}lease l
join {prefix}job j on j.id = l.job_id
left join {prefix}worker w on w.id = l.worker_id
where w.id is null or w.expires_at <= $1 or l.cancel_by <= $1
limit $2
