-- Let jobs go that wait for no more than what has ended.
-- $1 job_id  $2 how many of those it waits for have ended
-- returns: job_id, run_at, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
-- lock order: job_id, which the batch is sorted by
-- differs: no `returning` here: the rows are locked and read, then deleted by their keys (see settle_take).
select x.job_id, x.run_at, x.queue_id, x.kind_id, x.priority, x.epoch, x.attempt, x.crashes, x.snoozes
from ({keys select $1 as job_id, $2 as met}) k
straight_join {prefix}blocked x force index (primary) on x.job_id = k.job_id
where x.pending <= k.met
for update
-- then
delete x from ({each select #1 as job_id}) k straight_join {prefix}blocked x force index (primary) on x.job_id = k.job_id
