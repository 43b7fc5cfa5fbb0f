-- Where a job waits in line.
-- $1 job_id     returns: line, place, seq
-- index: unique index of job_id
select line, place, seq from {prefix}throttled where job_id = $1
