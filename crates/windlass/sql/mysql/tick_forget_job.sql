-- Take jobs out of their ticks, because they are being deleted.
-- $1 job_id
-- index: schedule_tick_job
-- differs: one statement for the whole batch, by whole keys: a condition of many keys may be read as
-- a range, and waits for the rows of others.
update ({keys select $1 as job_id}) k straight_join {prefix}schedule_tick x force index ({prefix}schedule_tick_job) on x.job_id = k.job_id set x.job_id = null
