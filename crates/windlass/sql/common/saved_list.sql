-- What is kept of one part with a job, by place.
-- $1 job_id  $2 part     returns: name, place, due_at, data
select name, place, due_at, data from {prefix}saved where job_id = $1 and part = $2 order by place, name
