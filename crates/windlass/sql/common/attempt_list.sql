-- A job's kept attempts, first one first.
-- $1 job_id     returns: attempt, epoch, worker, started_at, finished_at, class, message, backtrace
select attempt, epoch, worker, started_at, finished_at, class, message, backtrace
from {prefix}attempt where job_id = $1 order by epoch
