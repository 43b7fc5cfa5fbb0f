-- Take jobs out of their ticks, because they are being deleted.
-- $1 job_id
-- index: schedule_tick_job
-- differs: one array per column, so that a batch of any size is one statement.
update {prefix}schedule_tick x set job_id = null from unnest($1::bigint[]) as p (job_id) where x.job_id = p.job_id
