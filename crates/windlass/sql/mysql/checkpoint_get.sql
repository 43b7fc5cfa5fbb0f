-- What the handlers of jobs kept for their next attempts; no row for none.
-- $1 job_id  $2 part         returns: job_id, data
-- differs: one statement for the whole batch.
select job_id, data from {prefix}saved where {any job_id = $1 and part = $2}
