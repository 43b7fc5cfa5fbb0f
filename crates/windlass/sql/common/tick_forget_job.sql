-- Take the job out of its tick, because it is being deleted (one row per job, batched by the driver).
-- $1 job_id
-- index: schedule_tick_job
update {prefix}schedule_tick set job_id = null where job_id = $1
