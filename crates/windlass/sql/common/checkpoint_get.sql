-- What the handler of a job kept for its next attempt; no row for none.
-- $1 job_id  $2 part         returns: job_id, data
select job_id, data from {prefix}saved where job_id = $1 and part = $2
