-- End a lease, if it is still this one: the fence. Nothing returned means it is gone.
-- $1 job_id  $2 epoch  $3 worker_id
-- returns: job_id, epoch, queue_id, kind_id, priority, cancel_by, cancel_reason, line, slot
-- lock order: job_id, which the batch is sorted by
-- differs: no `returning` here: the rows are locked and read, then deleted by their keys, one
-- by one: a condition of many keys may be read as a range, and waits for the rows of others.
select x.job_id, x.epoch, x.queue_id, x.kind_id, x.priority, x.cancel_by, x.cancel_reason, x.line, x.slot
from ({keys select $1 as job_id, $2 as epoch, $3 as worker_id}) k
straight_join {prefix}lease x force index (primary) on x.job_id = k.job_id
where x.epoch = k.epoch and x.worker_id = k.worker_id
for update
-- then
delete x from ({each select #1 as job_id}) k straight_join {prefix}lease x force index (primary) on x.job_id = k.job_id
