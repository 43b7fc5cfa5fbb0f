-- Keep the lease of a job, if it has one, from being ended by others until the commit.
-- $1 job_id                                   returns: job_id
-- differs: here others write at the same time.
select job_id from {prefix}lease where job_id = $1 for update
