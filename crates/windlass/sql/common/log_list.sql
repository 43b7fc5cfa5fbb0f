-- A job's log, as it was written.
-- $1 job_id     returns: at, attempt, level, text
select at, attempt, level, text from {prefix}log where job_id = $1 order by seq
