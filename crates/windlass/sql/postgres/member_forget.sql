-- Jobs that are deleted are no members any more.
-- $1 job_id
-- index: member_job
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}member where job_id = any ($1::bigint[])
