-- Delete jobs' logs.
-- $1 job_id
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}log x using unnest($1::bigint[]) as p (job_id) where x.job_id = p.job_id
