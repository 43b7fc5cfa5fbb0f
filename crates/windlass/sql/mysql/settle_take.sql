-- End a lease, if it is still this one: the fence. Nothing returned means it is gone.
-- $1 job_id  $2 epoch  $3 worker_id
-- returns: job_id, epoch, queue_id, kind_id, priority, cancel_by, cancel_reason
-- lock order: job_id
-- differs: no `returning` here: the rows are locked and read, then deleted by their keys.
select job_id, epoch, queue_id, kind_id, priority, cancel_by, cancel_reason
from {prefix}lease force index (primary)
where {any job_id = $1 and epoch = $2 and worker_id = $3}
order by job_id
for update
-- then
delete from {prefix}lease where {any job_id = #1}
