-- What the handlers of jobs kept for their next attempts; no row for none.
-- $1 job_id  $2 part, the same for all        returns: job_id, data
-- differs: one array per column, so that a batch of any size is one statement.
select job_id, data from {prefix}saved where job_id = any ($1::bigint[]) and part = ($2::bigint[])[1]
