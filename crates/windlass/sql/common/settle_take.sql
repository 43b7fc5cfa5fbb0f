-- End a lease, if it is still this one: the fence. Nothing returned means it is gone.
-- $1 job_id  $2 epoch  $3 worker_id
-- returns: job_id, epoch, queue_id, kind_id, priority, cancel_by, cancel_reason, line, slot
delete from {prefix}lease
where job_id = $1 and epoch = $2 and worker_id = $3
returning job_id, epoch, queue_id, kind_id, priority, cancel_by, cancel_reason, line, slot
