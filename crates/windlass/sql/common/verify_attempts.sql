-- Leases whose attempt is not between 1 and max_attempts, or whose crashes reached the limit.
-- $1 limit                                    returns: job_id, attempt, crashes
select l.job_id, l.attempt, l.crashes
from {prefix}lease l
join {prefix}job j on j.id = l.job_id
where l.attempt < 1 or l.attempt > j.max_attempts or l.crashes >= j.max_crashes
limit $1
