-- Delete jobs' progress.
-- $1 job_id
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}progress where job_id = any ($1::bigint[])
