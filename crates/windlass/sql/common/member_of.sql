-- Where jobs belong (one row per job, batched by the driver).
-- $1 job_id                                   returns: bundle_id
-- index: member_job
select bundle_id from {prefix}member where job_id = $1
