-- How much of a log jobs have; no row for none.
-- $1 job_id     returns: job_id, lines, bytes, highest level
-- differs: one array per column, so that a batch of any size is one statement.
select job_id, count(*), sum(octet_length(text)), max(level) from {prefix}log where job_id = any ($1::bigint[]) group by job_id
