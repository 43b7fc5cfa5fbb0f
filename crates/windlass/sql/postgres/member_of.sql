-- Where jobs belong (one row per job, batched by the driver).
-- $1 job_id                                   returns: bundle_id
-- index: member_job
-- differs: one array per column, so that a batch of any size is one statement.
select bundle_id from {prefix}member where job_id = any ($1::bigint[])
