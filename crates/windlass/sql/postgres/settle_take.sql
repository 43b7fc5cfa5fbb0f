-- End a lease, if it is still this one: the fence. Nothing returned means it is gone.
-- $1 job_id  $2 epoch  $3 worker_id
-- returns: job_id, epoch, queue_id, kind_id, priority, cancel_by, cancel_reason, line, slot
-- index: primary key of lease, one probe per job; "is true" keeps the planner from turning the fence
-- into a join, whose order it would choose by how full the table happened to be
-- lock order: job_id
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}lease
where job_id = any ($1::bigint[])
  and ((job_id, epoch::bigint, worker_id) in (select * from unnest($1::bigint[], $2::bigint[], $3::bigint[]))) is true
returning job_id, epoch, queue_id, kind_id, priority, cancel_by, cancel_reason, line, slot
