-- Which job is the first of a line.
-- $1 line     returns: job_id
-- index: primary key of throttled
select job_id from {prefix}throttled where line = $1 order by place, seq limit 1
