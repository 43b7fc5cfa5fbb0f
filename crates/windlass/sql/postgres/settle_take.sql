-- End a lease, if it is still this one: the fence. Nothing returned means it is gone.
-- $1 job_id  $2 epoch  $3 worker_id
-- returns: job_id, epoch, queue_id, kind_id, priority, cancel_by, cancel_reason
-- lock order: job_id, which the batch is sorted by
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}lease l
using unnest($1::bigint[], $2::bigint[], $3::bigint[]) as p (job_id, epoch, worker_id)
where l.job_id = p.job_id and l.epoch = p.epoch and l.worker_id = p.worker_id
returning l.job_id, l.epoch, l.queue_id, l.kind_id, l.priority, l.cancel_by, l.cancel_reason
