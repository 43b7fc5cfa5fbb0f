-- Jobs that are deleted are no members any more.
-- $1 job_id
-- index: member_job
-- differs: one statement for the whole batch, by whole keys: a condition of many keys may be read as
-- a range, and waits for the rows of others.
delete x from ({keys select $1 as job_id}) k straight_join {prefix}member x force index ({prefix}member_job) on x.job_id = k.job_id
