-- Let jobs go that wait for no more than what has ended.
-- $1 job_id  $2 how many of those it waits for have ended
-- returns: job_id, run_at, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
-- index: primary key of blocked, one probe per job
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}blocked b
where job_id = any ($1::bigint[])
  and pending <= (select m.met from unnest($1::bigint[], $2::bigint[]) m (job_id, met) where m.job_id = b.job_id)
returning job_id, run_at, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
