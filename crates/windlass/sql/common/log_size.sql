-- How much of a log a job has; no row for none.
-- $1 job_id     returns: job_id, lines, bytes, highest level
select job_id, count(*), sum(octet_length(text)), max(level) from {prefix}log where job_id = $1 group by job_id
